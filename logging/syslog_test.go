package logging

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// readLine is the next line that a syslog got.
func readLine(t *testing.T, c net.PacketConn) string {
	t.Helper()
	buf := make([]byte, 64<<10)
	if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	n, _, err := c.ReadFrom(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

// TestSyslogLines: facility, severity, identifier, pid; a long line is cut; one log that
// is started again gets what comes later, and hears what was lost.
func TestSyslogLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	listen := func() net.PacketConn {
		os.Remove(path)
		c, err := net.ListenPacket("unixgram", path)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := listen()
	var console strings.Builder
	log, flush, err := New(&console, Options{Quiet: true,
		Syslog: &Syslog{Facility: 16, Identifier: func() string { return "Keepalived_vrrp" }, Socket: path}})
	if err != nil {
		t.Fatal(err)
	}
	log.Info("in service", "a", 1)
	log.With("worker", "vrrp").Error("bad\nthing")
	flush()
	for _, want := range []string{
		`^<134>[A-Z][a-z]{2} [ 123]\d \d\d:\d\d:\d\d Keepalived_vrrp\[%d\]: level=INFO msg="in service" a=1$`,
		`^<131>.* Keepalived_vrrp\[%d\]: level=ERROR msg="bad\\nthing" worker=vrrp$`,
	} {
		if got := readLine(t, c); !regexp.MustCompile(fmt.Sprintf(want, os.Getpid())).MatchString(got) {
			t.Errorf("%q", got)
		}
	}
	log.Info(strings.Repeat("x", 20000))
	flush()
	if got := readLine(t, c); len(got) != maxSyslogLine {
		t.Errorf("a line of %d bytes", len(got))
	}
	c.Close()
	log.Info("lost")
	flush()
	c = listen()
	defer c.Close()
	for deadline := time.Now().Add(10 * time.Second); ; {
		log.Info("later")
		flush()
		_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		buf := make([]byte, 1000)
		if n, _, err := c.ReadFrom(buf); err == nil {
			if got := string(buf[:n]); !strings.Contains(got, " log lines were lost") {
				t.Errorf("%q", got)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing comes")
		}
	}
	if console.Len() > 0 {
		t.Errorf("on the console: %q", console.String())
	}
}

// TestSyslogByStream: some logs listen on a stream.
func TestSyslogByStream(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	log, flush, err := New(&strings.Builder{},
		Options{Syslog: &Syslog{Facility: 3, Identifier: func() string { return "K" }, Socket: path}})
	if err != nil {
		t.Fatal(err)
	}
	log.Info("x")
	flush()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	buf := make([]byte, 1000)
	n, err := c.Read(buf)
	if got := string(buf[:n]); err != nil || !strings.HasPrefix(got, "<30>") || !strings.HasSuffix(got, "msg=x\x00") {
		t.Errorf("%q, %v", got, err)
	}
}

// TestLogFile has each line, also after it was moved away, and the console has them too.
func TestLogFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "k.log")
	var console strings.Builder
	log, flush, err := New(&console, Options{File: path})
	if err != nil {
		t.Fatal(err)
	}
	log.Info("first")
	flush()
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		log.Info("second")
		flush()
		if text, _ := os.ReadFile(path); strings.Contains(string(text), "msg=second") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the file is not made again")
		}
	}
	text, err := os.ReadFile(path + ".1")
	if err != nil || !strings.Contains(string(text), "msg=first") {
		t.Errorf("%q, %v", text, err)
	}
	if !strings.Contains(console.String(), "msg=first") {
		t.Errorf("on the console: %q", console.String())
	}
	log, flush, err = New(&console, Options{File: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	log.Info("goes on")
	flush()
	for _, want := range []string{"failed to write to the log file", "goes on"} {
		if got := console.String(); !strings.Contains(got, want) {
			t.Errorf("%q has no %q", got, want)
		}
	}
}
