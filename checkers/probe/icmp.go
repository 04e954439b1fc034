package probe

import "encoding/binary"

// The echo messages of RFC 792 and RFC 4443 section 4.
const (
	echoRequest4 = 8
	echoReply4   = 0
	echoRequest6 = 128
	echoReply6   = 129

	icmpHeader  = 8
	echoPayload = 64 // as keepalived sends
)

// echo identifies one echo request. The token, in the payload, tells a late
// reply to an earlier request of the same sequence number from ours.
type echo struct {
	id, seq uint16
	token   uint64
}

// appendRequest appends the ICMP message of an echo request. The checksum of
// the IPv6 form covers addresses and is left to the kernel.
func (e echo) appendRequest(b []byte, v6 bool) []byte {
	at := len(b)
	typ := byte(echoRequest4)
	if v6 {
		typ = echoRequest6
	}
	b = append(b, typ, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, e.id)
	b = binary.BigEndian.AppendUint16(b, e.seq)
	b = binary.BigEndian.AppendUint64(b, e.token)
	for i := 8; i < echoPayload; i++ {
		b = append(b, byte(i))
	}
	if !v6 {
		binary.BigEndian.PutUint16(b[at+2:], checksum(b[at:]))
	}
	return b
}

// parseReply reads an ICMP message that should be an echo reply.
func parseReply(b []byte, v6 bool) (e echo, ok bool) {
	typ := byte(echoReply4)
	if v6 {
		typ = echoReply6
	}
	if len(b) < icmpHeader+8 || b[0] != typ || b[1] != 0 {
		return echo{}, false
	}
	if !v6 && checksum(b) != 0 {
		return echo{}, false
	}
	return echo{
		id:    binary.BigEndian.Uint16(b[4:]),
		seq:   binary.BigEndian.Uint16(b[6:]),
		token: binary.BigEndian.Uint64(b[8:]),
	}, true
}

// parseQuoted reads the start of our own request as an ICMP error quotes it;
// of the payload nothing is promised to be there.
func parseQuoted(b []byte, v6 bool) (e echo, ok bool) {
	typ := byte(echoRequest4)
	if v6 {
		typ = echoRequest6
	}
	if len(b) < icmpHeader || b[0] != typ {
		return echo{}, false
	}
	return echo{id: binary.BigEndian.Uint16(b[4:]), seq: binary.BigEndian.Uint16(b[6:])}, true
}

// stripIPv4 takes the IP header off that a raw IPv4 socket delivers.
func stripIPv4(b []byte) ([]byte, bool) {
	if len(b) < 20 || b[0]>>4 != 4 {
		return nil, false
	}
	n := int(b[0]&15) * 4
	if n < 20 || n > len(b) {
		return nil, false
	}
	return b[n:], true
}

// checksum is the Internet checksum (RFC 1071); over a message that holds a right one it is 0.
func checksum(b []byte) uint16 {
	var sum uint32
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// pingCheck succeeds when the reply to an echo request comes back.
func pingCheck(p *Prober, t Target, done func(Result)) (cancel func()) {
	e := endpointOf(t.Checker)
	return p.net.ping(e, func(err error) {
		if err != nil {
			done(failure("ping "+e.to.Addr().String(), err, e.timeout))
			return
		}
		done(Result{OK: true, Reason: "reply from " + e.to.Addr().String()})
	})
}
