//go:build linux

package booted_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// mails are what a mail server was given.
type mails chan string

// mailServer takes every mail, until the test ends.
func mailServer(t *testing.T, address string) mails {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	taken := make(mails, 100)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go taken.serve(conn)
		}
	}()
	return taken
}

// serve is one conversation.
func (m mails) serve(conn net.Conn) {
	defer conn.Close()
	say := func(text string) { fmt.Fprintf(conn, "%s\r\n", text) } // who is gone is not answered
	say("220 lab")
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		switch verb, _, _ := strings.Cut(lines.Text(), " "); strings.ToUpper(verb) {
		case "DATA":
			say("354 go on")
			var text strings.Builder
			for lines.Scan() && lines.Text() != "." {
				fmt.Fprintln(&text, lines.Text())
			}
			m <- text.String()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 yes")
		}
	}
}

// has waits for a mail with a text, and drops those before it.
func (m mails) has(t *testing.T, want string) {
	t.Helper()
	for limit := time.After(time.Minute); ; {
		select {
		case text := <-m:
			if strings.Contains(text, want) {
				t.Logf("mailed: %s", want)
				return
			}
		case <-limit:
			t.Fatalf("not within a minute: a mail that says %q\n%s", want, journal())
		}
	}
}
