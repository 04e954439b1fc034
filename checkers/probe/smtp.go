package probe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
)

const (
	// maxSMTPLine and maxSMTPLines bound one reply of a mail server (RFC 5321 section 4.5.3.1.5
	// allows lines of 512 bytes).
	maxSMTPLine  = 1024
	maxSMTPLines = 100
)

// smtpCheck has a mail server greet, says HELO and QUIT. The answer to QUIT is not awaited.
func smtpCheck(p *Prober, t Target, done func(Result)) (cancel func()) {
	e, total := endpointOf(t.Checker), totalOf(t.Checker)
	hello := "smtpchecker.keepalived.org"
	if s := t.Checker.SMTP; s != nil && s.Hello != "" {
		hello = s.Hello
	}
	talk := func(_ context.Context, conn net.Conn) Result {
		steps := &stepReader{conn: conn, step: e.timeout, total: total, end: beginning(conn).Add(total)}
		return greetMailServer(conn, steps, hello)
	}
	return p.converse(conversation{endpoint: e, total: total, talk: talk, brief: true}, done)
}

func greetMailServer(conn net.Conn, steps *stepReader, hello string) Result {
	r := bufio.NewReaderSize(steps, maxSMTPLine)
	for _, step := range []struct {
		say, what string
		want      int
	}{{"", "greeting", 220}, {"HELO " + hello + "\r\n", "answer to HELO", 250}} {
		if step.say != "" {
			conn.SetWriteDeadline(steps.next())
			if _, err := io.WriteString(conn, step.say); err != nil {
				return failure("smtp HELO", steps.late(err), steps.step)
			}
		}
		code, line, err := smtpReply(r)
		if err != nil {
			return failure("smtp "+step.what, err, steps.step)
		}
		if code != step.want {
			return Result{Reason: fmt.Sprintf("smtp: the %s is %s, want %d", step.what, clip(line), step.want)}
		}
	}
	conn.SetWriteDeadline(steps.next())
	if _, err := io.WriteString(conn, "QUIT\r\n"); err != nil {
		return failure("smtp QUIT", steps.late(err), steps.step)
	}
	return Result{OK: true, Reason: "smtp: greeted and answered HELO"}
}

var (
	errSMTPLine  = fmt.Errorf("it said more than %d bytes without an end of line", maxSMTPLine)
	errSMTPLines = fmt.Errorf("it has more than %d lines", maxSMTPLines)
	errNoSMTP    = errors.New("it does not begin with a code of three digits")
)

// smtpReply reads a reply, of one line or of several (RFC 5321 section 4.2.1).
func smtpReply(r *bufio.Reader) (code int, line string, err error) {
	for range maxSMTPLines {
		text, err := r.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return 0, "", errSMTPLine
		case errors.Is(err, io.EOF):
			return 0, "", errors.New("it closed the connection")
		case err != nil:
			return 0, "", err
		}
		if len(text) < 4 || !digits(text[:3]) {
			return 0, "", fmt.Errorf("%w: %s", errNoSMTP, clip(string(text)))
		}
		if text[3] == '-' {
			continue
		}
		for _, c := range text[:3] {
			code = 10*code + int(c-'0')
		}
		return code, string(text), nil
	}
	return 0, "", errSMTPLines
}

func digits(text []byte) bool {
	for _, c := range text {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
