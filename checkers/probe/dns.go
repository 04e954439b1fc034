package probe

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/miekg/dns"

	"github.com/lvs-director/director/conf"
)

// dnsCheck asks a name server one question over UDP. As with keepalived any answer without
// an error will do; what it says is not looked at. It counts only with our number and our
// question, and from the address that was asked.
func dnsCheck(p *Prober, t Target, done func(Result)) (cancel func()) {
	e := endpointOf(t.Checker)
	question, err := dnsQuestion(t.Checker.DNS)
	if err != nil {
		done(Result{Local: true, Reason: "dns: " + err.Error()})
		return func() {}
	}
	payload, err := question.Pack()
	if err != nil {
		done(Result{Local: true, Reason: "dns: the question cannot be sent: " + err.Error()})
		return func() {}
	}
	asked := fmt.Sprintf("%s %s", question.Question[0].Name, dns.TypeToString[question.Question[0].Qtype])
	code := 0
	take := func(reply []byte, _ int) bool {
		if !answers(question, reply) {
			return false // somebody else's, or an earlier one's: the right one may still come
		}
		code = int(reply[3] & 0xf)
		return true
	}
	return p.net.datagram(e, payload, take, func(err error) {
		switch {
		case err != nil:
			done(failure(fmt.Sprintf("dns %s of %s", asked, e.to), err, e.timeout))
		case code != dns.RcodeSuccess:
			done(Result{Reason: fmt.Sprintf("dns %s: the answer is %s", asked, rcode(code))})
		default:
			done(Result{OK: true, Reason: "dns " + asked + ": answered"})
		}
	})
}

// dnsQuestion is the message that asks.
func dnsQuestion(d *conf.DNSCheckParams) (*dns.Msg, error) {
	name, kind := ".", uint16(dns.TypeSOA)
	if d != nil {
		if d.Name != "" {
			name = d.Name
		}
		if d.Type != "" {
			kind = dns.StringToType[d.Type]
		}
	}
	if _, ok := dns.IsDomainName(name); !ok {
		return nil, fmt.Errorf("%s is no name", clip(name))
	}
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(name), kind)
	m.Id = uint16(rand.Uint32())
	return m, nil
}

// dnsHeader is the length of the header of a message (RFC 1035 section 4.1.1), in bytes.
const dnsHeader = 12

// answers says whether a datagram answers a question. The rest of it is not read: a
// truncated answer, or one in which something is wrong, is a sign of life too. A server
// may leave the question out of an error.
func answers(question *dns.Msg, reply []byte) bool {
	if len(reply) < dnsHeader || uint16(reply[0])<<8|uint16(reply[1]) != question.Id || reply[2]&0x80 == 0 {
		return false
	}
	if count := uint16(reply[4])<<8 | uint16(reply[5]); count == 0 {
		return reply[3]&0xf != dns.RcodeSuccess
	}
	name, after, err := dns.UnpackDomainName(reply, dnsHeader)
	if err != nil || after+4 > len(reply) {
		return false
	}
	asked := question.Question[0]
	return strings.EqualFold(name, asked.Name) && uint16(reply[after])<<8|uint16(reply[after+1]) == asked.Qtype
}

// rcode is the name of an answer's code.
func rcode(code int) string {
	if name := dns.RcodeToString[code]; name != "" {
		return name
	}
	return fmt.Sprintf("error %d", code)
}
