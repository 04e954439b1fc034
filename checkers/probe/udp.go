package probe

import (
	"errors"
	"fmt"
	"os"

	"github.com/lvs-director/director/conf"
)

// defaultPayload is what UDP_CHECK sends without payload: 32 bytes, as keepalived does.
var defaultPayload = []byte("keepalived check - keepalived ch")

// udpCheck sends a datagram. Without require_reply it can only see that no error comes back:
// a server that drops what it is sent passes.
func udpCheck(p *Prober, t Target, done func(Result)) (cancel func()) {
	e := endpointOf(t.Checker)
	u := t.Checker.UDP
	if u == nil {
		u = &conf.UDPCheckParams{}
	}
	payload := u.Payload
	if len(payload) == 0 {
		payload = defaultPayload
	}
	answer := Result{OK: true}
	take := func(reply []byte, size int) bool {
		answer.Reason = fmt.Sprintf("a reply of %d bytes", size)
		if !u.RequireReply {
			return true
		}
		if why := wrongReply(u, reply, size); why != "" {
			answer = Result{Reason: fmt.Sprintf("udp %s: %s", e.to, why)}
		}
		return true
	}
	return p.net.datagram(e, payload, take, func(err error) {
		switch {
		case err == nil:
			done(answer)
		case errors.Is(err, os.ErrDeadlineExceeded) && !u.RequireReply:
			done(Result{OK: true, Reason: fmt.Sprintf("no error from %s in %v", e.to, e.timeout)})
		default:
			done(failure("udp "+e.to.String(), err, e.timeout))
		}
	})
}

// wrongReply says what is wrong with a reply; empty when nothing is.
func wrongReply(u *conf.UDPCheckParams, reply []byte, size int) string {
	most := u.MaxReply
	if most == 0 {
		most = defaultMaxReply
	}
	switch {
	case size < u.MinReply:
		return fmt.Sprintf("a reply of %d bytes, want at least %d", size, u.MinReply)
	case size > most:
		return fmt.Sprintf("a reply of %d bytes, want at most %d", size, most)
	case size < len(u.Reply):
		return fmt.Sprintf("a reply of %d bytes, shorter than the one in require_reply", size)
	}
	for i, want := range u.Reply {
		if i >= len(reply) {
			break
		}
		mask := byte(0xff)
		if i < len(u.ReplyMask) {
			mask = u.ReplyMask[i]
		}
		if reply[i]&mask != want&mask {
			return fmt.Sprintf("byte %d of the reply is %02x, another one than in require_reply", i, reply[i])
		}
	}
	return ""
}

// defaultMaxReply is max_reply_length of keepalived, in bytes.
const defaultMaxReply = 255
