package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/lvs-director/director/event"
)

const (
	// maxAgentLine is how much of what an agent says is read, in bytes. The rest of it is
	// never asked for.
	maxAgentLine = 512
	// maxAgentPercent is the largest share of the weight that an agent may ask for.
	maxAgentPercent = 65535
)

// agentCheck reads the line of an agent on the real server, in the format of haproxy's
// agent-check, over a new connection.
func agentCheck(p *Prober, t Target, done func(Result)) (cancel func()) {
	e := endpointOf(t.Checker)
	send := ""
	if a := t.Checker.Agent; a != nil && a.Send != "" {
		send = a.Send + "\n"
	}
	talk := func(_ context.Context, conn net.Conn) Result { return askAgent(conn, send, e.timeout) }
	return p.converse(conversation{endpoint: e, total: e.timeout, talk: talk, brief: true}, done)
}

// askAgent has one time limit for all that the agent does: its answer is one line.
func askAgent(conn net.Conn, send string, timeout time.Duration) Result {
	steps := &stepReader{conn: conn, step: timeout, end: beginning(conn).Add(timeout)}
	conn.SetDeadline(steps.next())
	if send != "" {
		if _, err := io.WriteString(conn, send); err != nil {
			return failure("agent", steps.late(err), timeout)
		}
	}
	line, err := readLine(conn)
	if err != nil {
		return failure("agent", steps.late(err), timeout)
	}
	return agentResult(line)
}

var errAgentLine = fmt.Errorf("it said more than %d bytes without an end of line", maxAgentLine)

// readLine reads up to an end of line, or the end of the connection.
func readLine(conn net.Conn) (string, error) {
	var buffer [maxAgentLine]byte
	n := 0
	for {
		m, err := conn.Read(buffer[n:])
		n += m
		if line, _, whole := bytes.Cut(buffer[:n], []byte{'\n'}); whole {
			return string(line), nil
		}
		switch {
		case errors.Is(err, io.EOF) && n > 0:
			return string(buffer[:n]), nil
		case errors.Is(err, io.EOF):
			return "", errors.New("it closed the connection without an answer")
		case err != nil:
			return "", err
		case n == len(buffer):
			return "", errAgentLine
		}
	}
}

// agentResult is what the line of an agent means: words with blanks or commas between them.
// Every line says all that the agent has to say; what it leaves out is up, ready and all of
// the weight.
func agentResult(line string) Result {
	r := Result{OK: true}
	line, text, _ := strings.Cut(line, "#")
	words := strings.FieldsFunc(line, func(c rune) bool { return c == ' ' || c == ',' || c == '\t' || c == '\r' })
	known := false
	none := false
	for _, w := range words {
		if n, is := strings.CutSuffix(w, "%"); is {
			percent, err := strconv.ParseUint(n, 10, 31)
			if err != nil || percent > maxAgentPercent {
				return Result{Reason: fmt.Sprintf("agent: %s is not a share of the weight", clip(w))}
			}
			r.Wish, known = event.Wish{Kind: event.WishPercent, N: int(percent)}, true
			continue
		}
		switch lower := strings.ToLower(w); {
		case lower == "up" || lower == "ready":
		case lower == "drain":
			none = true
		case lower == "down" || lower == "fail" || lower == "stopped" || lower == "maint":
			r.OK, r.Withdrawn = false, true
		case strings.HasPrefix(lower, "maxconn:"): // IPVS limits connections by uthreshold
		default:
			continue // as haproxy does
		}
		known = true
	}
	if !known {
		return Result{Reason: "agent: it said nothing that is known: " + clip(line)}
	}
	if none {
		r.Wish = event.Wish{Kind: event.WishNone}
	}
	if !r.OK {
		r.Wish = event.Wish{}
	}
	r.Reason = "agent: " + clip(strings.Join(words, " "))
	if text != "" {
		r.Reason += " (" + clip(strings.TrimSpace(text)) + ")"
	}
	return r
}

// maxClip is how much of what a server says is told, in bytes.
const maxClip = 100

// clip makes what a server says fit to be told: printable, and short.
func clip(text string) string {
	text = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || !strconv.IsPrint(c) {
			return '?'
		}
		return c
	}, strings.ToValidUTF8(text, "?"))
	if len(text) > maxClip {
		text = strings.ToValidUTF8(text[:maxClip], "") + "..."
	}
	return text
}
