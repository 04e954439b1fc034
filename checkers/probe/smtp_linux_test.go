package probe_test

import (
	"bufio"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
)

// mailServer says what it is told to, a part after each line that it reads, and tells these lines.
func mailServer(t *testing.T, says ...string) (*conf.Checker, chan string) {
	t.Helper()
	lines := make(chan string, 16)
	at := listen(t, "127.0.0.1:0", func(c net.Conn) {
		c.SetDeadline(time.Now().Add(5 * time.Second))
		r := bufio.NewReader(c)
		for _, s := range says {
			if _, err := c.Write([]byte(s)); err != nil {
				return
			}
			line, err := r.ReadString('\n')
			lines <- line
			if err != nil {
				return
			}
		}
	})
	return &conf.Checker{Kind: conf.SMTPCheck, ConnectIP: at.Addr(), ConnectPort: at.Port(),
		Timeout: 400 * time.Millisecond, SMTP: &conf.SMTPCheckParams{Hello: "lb.example"}}, lines
}

func TestSMTP(t *testing.T) {
	p := newProber(t)
	for name, tc := range map[string]struct {
		says   []string
		ok     bool
		reason string
	}{
		"well": {[]string{"220 mx ESMTP\r\n", "250 mx\r\n", ""}, true, "greeted"},
		"a greeting of many lines": {[]string{"220-mx\r\n220-hello\r\n220 mx\r\n", "250-mx\r\n250 HELP\r\n", ""},
			true, "greeted"},
		"no space after the code": {[]string{"220\r\n", "250\r\n", ""}, true, "greeted"},
		"busy":                    {[]string{"421 too many connections\r\n"}, false, "greeting is 421 too many"},
		"HELO refused":            {[]string{"220 mx\r\n", "550 go away\r\n"}, false, "answer to HELO is 550 go away"},
		"garbage":                 {[]string{"SSH-2.0-x\r\n"}, false, "does not begin with a code"},
		"says nothing":            {[]string{""}, false, "greeting: no answer in 400ms"},
		"closes":                  {nil, false, "it closed the connection"},
		"a line without end":      {[]string{"220 " + strings.Repeat("x", 5000)}, false, "without an end of line"},
		"lines without end":       {[]string{strings.Repeat("220-x\r\n", 500)}, false, "more than 100 lines"},
		"control characters":      {[]string{"5\x1b[31m50 x\r\n"}, false, "does not begin with a code"},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := mailServer(t, tc.says...)
			wantResult(t, run(t, p, c), tc.ok, false, tc.reason)
		})
	}
}

// TestSMTPSays is what keepalived says to a mail server.
func TestSMTPSays(t *testing.T) {
	c, lines := mailServer(t, "220 mx\r\n", "250 mx\r\n", "")
	wantResult(t, run(t, newProber(t), c), true, false, "greeted")
	for _, want := range []string{"HELO lb.example\r\n", "QUIT\r\n"} {
		if got := <-lines; got != want {
			t.Errorf("it said %q, want %q", got, want)
		}
	}
}
