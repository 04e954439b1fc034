package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"unicode/utf8"

	"github.com/lvs-director/director/conf"
)

// maxSaid is how much a server may say in one step of a conversation, in bytes.
const maxSaid = 16 << 10

// queryCheck has a conversation with a server, of sending, expecting and TLS.
func queryCheck(p *Prober, t Target, done func(Result)) (cancel func()) {
	q := t.Checker.Query
	if q == nil {
		done(Result{Local: true, Reason: "no conversation is configured"})
		return func() {}
	}
	e, total := endpointOf(t.Checker), totalOf(t.Checker)
	talk := func(ctx context.Context, conn net.Conn) Result {
		steps := &stepReader{conn: conn, step: e.timeout, total: total, end: beginning(conn).Add(total)}
		return query(ctx, conn, steps, q)
	}
	return p.converse(conversation{endpoint: e, total: total, talk: talk}, done)
}

func query(ctx context.Context, conn net.Conn, steps *stepReader, q *conf.QueryCheckParams) Result {
	secure := func() error {
		over, err := shakeHands(ctx, conn, steps, anyTLS(q.SNI))
		if err == nil {
			steps.conn = over
		}
		return err
	}
	what := "query"
	if q.Query != "" {
		what = q.Query
	}
	if q.TLS {
		if err := secure(); err != nil {
			return failure(what+": TLS handshake", steps.late(err), steps.step)
		}
	}
	list := q.Conversation()
	var rest []byte // of what the server said, behind the last match
	for i, s := range list {
		where := fmt.Sprintf("%s: step %d", what, i+1)
		switch {
		case s.StartTLS:
			rest = nil
			if err := secure(); err != nil {
				return failure(where+", starttls", steps.late(err), steps.step)
			}
		case s.Send != "":
			rest = nil
			conn.SetWriteDeadline(steps.next())
			// What follows the last answer is a goodbye, which the server may not wait for.
			if _, err := io.WriteString(steps.conn, s.Send); err != nil && i < len(list)-1 {
				return failure(where+", send", steps.late(err), steps.step)
			}
		default:
			var r Result
			if rest, r = expect(steps, s, where, rest); !r.OK {
				return r
			}
		}
	}
	if len(list) == 0 {
		return Result{OK: true, Reason: "query: connected"}
	}
	return Result{OK: true, Reason: what + ": answered as expected"}
}

// matchEnd is where the first match ends; -1 is none.
func matchEnd(pattern *regexp.Regexp, bytes bool, said []byte) int {
	text := said
	if bytes {
		text = make([]byte, 0, len(said)+len(said)/2)
		for _, b := range said {
			text = utf8.AppendRune(text, rune(b))
		}
	}
	at := pattern.FindIndex(text)
	switch {
	case at == nil:
		return -1
	case bytes:
		return utf8.RuneCount(text[:at[1]])
	}
	return at[1]
}

// expect reads until what was said, and not matched before, matches. rest is what follows.
func expect(steps *stepReader, s conf.QueryStep, where string, before []byte) (rest []byte, r Result) {
	pattern, err := s.Pattern()
	if err != nil {
		return nil, Result{Local: true, Reason: where + ", expect: " + err.Error()}
	}
	said := append(make([]byte, 0, max(512, 2*len(before))), before...)
	for {
		if end := matchEnd(pattern, s.Bytes(), said); end >= 0 && len(said) > 0 {
			return said[end:], Result{OK: true}
		}
		if err != nil {
			break
		}
		if len(said) == cap(said) {
			if len(said) >= maxSaid {
				return nil, Result{Reason: fmt.Sprintf("%s: not what is expected in %d bytes: %s", where, maxSaid,
					clip(string(said)))}
			}
			said = append(make([]byte, 0, 2*cap(said)), said...)
		}
		var n int
		n, err = steps.Read(said[len(said):cap(said)])
		said = said[:len(said)+n]
	}
	switch {
	case errors.Is(err, io.EOF) && len(said) == 0:
		return nil, Result{Reason: where + ": the server closed the connection without an answer"}
	case errors.Is(err, io.EOF):
		return nil, Result{Reason: where + ": not what is expected: " + clip(string(said))}
	}
	r = failure(where+", expect", err, steps.step)
	if len(said) > 0 {
		r.Reason += ", after " + clip(string(said))
	}
	return nil, r
}
