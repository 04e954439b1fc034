package probe_test

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
)

// answerUDP is a server that answers each datagram with those that reply returns.
func answerUDP(t *testing.T, address string, reply func([]byte) [][]byte) netip.AddrPort {
	t.Helper()
	c, err := net.ListenPacket("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		b := make([]byte, 65536)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			for _, r := range reply(b[:n]) {
				c.WriteTo(r, from)
			}
		}
	}()
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

func udpCheck(to netip.AddrPort, u conf.UDPCheckParams) *conf.Checker {
	if u.MaxReply == 0 {
		u.MaxReply = 255
	}
	return &conf.Checker{Kind: conf.UDPCheck, ConnectIP: to.Addr(), ConnectPort: to.Port(),
		Timeout: 300 * time.Millisecond, UDP: &u}
}

// closedUDP is an address where nobody listens.
func closedUDP(t *testing.T) netip.AddrPort {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

func TestUDP(t *testing.T) {
	p := newProber(t)
	says := func(replies ...string) netip.AddrPort {
		return answerUDP(t, "127.0.0.1:0", func([]byte) (list [][]byte) {
			for _, r := range replies {
				list = append(list, []byte(r))
			}
			return list
		})
	}
	quiet := netip.MustParseAddrPort(silent + ":53")
	wants := conf.UDPCheckParams{RequireReply: true}
	hello := conf.UDPCheckParams{RequireReply: true, Reply: []byte("hel\x00o"), ReplyMask: []byte{255, 255, 255, 0, 255}}
	for name, tc := range map[string]struct {
		c         *conf.Checker
		ok, local bool
		reason    string
	}{
		"silence is no error":        {udpCheck(quiet, conf.UDPCheckParams{}), true, false, "no error from " + silent},
		"silence, a reply is wanted": {udpCheck(quiet, wants), false, false, "no answer in 300ms"},
		"nobody listens":             {udpCheck(closedUDP(t), conf.UDPCheckParams{}), false, false, "connection refused"},
		"no host": {udpCheck(netip.MustParseAddrPort("203.0.113.1:53"), wants), false, false,
			"unreachable"},
		"any reply":                 {udpCheck(says("x"), wants), true, false, "a reply of 1 bytes"},
		"the right reply":           {udpCheck(says("hello world"), hello), true, false, "a reply of 11 bytes"},
		"another reply":             {udpCheck(says("herlo"), hello), false, false, "byte 2 of the reply is 72"},
		"a reply that is too short": {udpCheck(says("he"), hello), false, false, "shorter than the one"},
		"one byte too short": {udpCheck(says("abc"), conf.UDPCheckParams{RequireReply: true,
			MinReply: 4}), false, false, "at least 4"},
		"a reply that is too long": {udpCheck(says(string(make([]byte, 300))), wants), false, false,
			"300 bytes, want at most 255"},
		"longer than what is kept": {udpCheck(says(string(make([]byte, 40000))),
			conf.UDPCheckParams{RequireReply: true, MaxReply: 65535}), true, false, "40000 bytes"},
		"an address that is not ours": {bound(udpCheck(quiet, wants), "198.51.100.77"), false, true, "cannot assign"},
		"IPv6": {udpCheck(answerUDP(t, "[::1]:0",
			func(b []byte) [][]byte { return [][]byte{b} }), wants), true, false, "a reply of 32 bytes"},
	} {
		t.Run(name, func(t *testing.T) { wantResult(t, run(t, p, tc.c), tc.ok, tc.local, tc.reason) })
	}
}

func bound(c *conf.Checker, address string) *conf.Checker {
	c.BindIP = netip.MustParseAddr(address)
	return c
}

// TestUDPSends is what keepalived sends without payload.
func TestUDPSends(t *testing.T) {
	got := make(chan []byte, 1)
	to := answerUDP(t, "127.0.0.1:0", func(b []byte) [][]byte { got <- bytes.Clone(b); return [][]byte{b} })
	wantResult(t, run(t, newProber(t), udpCheck(to, conf.UDPCheckParams{})), true, false, "a reply")
	if b := <-got; string(b) != "keepalived check - keepalived ch" {
		t.Errorf("it sends %q", b)
	}
}

// nameServer answers questions with what change makes of the right answer.
func nameServer(t *testing.T, change func(*dns.Msg) [][]byte) *conf.Checker {
	t.Helper()
	to := answerUDP(t, "127.0.0.1:0", func(b []byte) [][]byte {
		question := new(dns.Msg)
		if err := question.Unpack(b); err != nil {
			t.Errorf("the question cannot be read: %v", err)
			return nil
		}
		return change(new(dns.Msg).SetReply(question))
	})
	return dnsCheck(to)
}

func dnsCheck(to netip.AddrPort) *conf.Checker {
	return &conf.Checker{Kind: conf.DNSCheck, ConnectIP: to.Addr(), ConnectPort: to.Port(),
		Timeout: 300 * time.Millisecond,
		DNS:     &conf.DNSCheckParams{Type: "SOA", Name: "example.com"}}
}

func packed(m *dns.Msg) []byte {
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

func TestDNS(t *testing.T) {
	p := newProber(t)
	well := func(m *dns.Msg) [][]byte { return [][]byte{packed(m)} }
	for name, tc := range map[string]struct {
		c      *conf.Checker
		ok     bool
		reason string
	}{
		"well": {nameServer(t, well), true, "example.com. SOA: answered"},
		"truncated": {nameServer(t, func(m *dns.Msg) [][]byte {
			m.Truncated = true
			return [][]byte{packed(m)}
		}), true, "answered"},
		"SERVFAIL": {nameServer(t, func(m *dns.Msg) [][]byte {
			m.Rcode = dns.RcodeServerFailure
			return [][]byte{packed(m)}
		}), false, "the answer is SERVFAIL"},
		"an error without the question": {nameServer(t, func(m *dns.Msg) [][]byte {
			m.Rcode, m.Question = dns.RcodeRefused, nil
			return [][]byte{packed(m)}
		}), false, "the answer is REFUSED"},
		"another number": {nameServer(t, func(m *dns.Msg) [][]byte {
			m.Id++
			return [][]byte{packed(m)}
		}), false, "no answer in 300ms"},
		"another number, then the right one": {nameServer(t, func(m *dns.Msg) [][]byte {
			right := packed(m)
			m.Id++
			return [][]byte{packed(m), right}
		}), true, "answered"},
		"another question": {nameServer(t, func(m *dns.Msg) [][]byte {
			m.Question[0].Name = "example.net."
			return [][]byte{packed(m)}
		}), false, "no answer"},
		"the question itself": {nameServer(t, func(m *dns.Msg) [][]byte {
			m.Response = false
			return [][]byte{packed(m)}
		}), false, "no answer"},
		"garbage": {nameServer(t, func(*dns.Msg) [][]byte { return [][]byte{{1}, make([]byte, 11), nil} }),
			false, "no answer"},
		"nobody listens": {dnsCheck(closedUDP(t)), false, "connection refused"},
	} {
		t.Run(name, func(t *testing.T) { wantResult(t, run(t, p, tc.c), tc.ok, false, tc.reason) })
	}
	bad := dnsCheck(closedUDP(t))
	bad.DNS.Name = "a..b"
	wantResult(t, run(t, p, bad), false, true, "is no name")
}

// An answer that begins like one and ends too early is none.
func FuzzDNS(f *testing.F) {
	question := new(dns.Msg)
	question.SetQuestion("example.com.", dns.TypeSOA)
	f.Add(packed(new(dns.Msg).SetReply(question)), question.Id)
	f.Fuzz(func(t *testing.T, reply []byte, id uint16) {
		question.Id = id
		if probe.Answers(question, reply) && len(reply) < 12 {
			t.Error("a datagram without a header is an answer")
		}
	})
}
