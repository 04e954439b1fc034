//go:build linux

package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/integration/lab"
)

// listeners are those who are told, on a host.
type listeners struct {
	lines, mails, mailed atomic.Int64
}

// told is how much they were told of the virtual routers that change.
type told struct{ Scripts, Lines, Mailed, Mails int }

func (l *listeners) told(h *lab.Host) told {
	t := told{Lines: int(l.lines.Load()), Mailed: int(l.mailed.Load()), Mails: int(l.mails.Load())}
	text, _ := os.ReadFile(filepath.Join(h.Dir(), "told")) // before the first run there is none
	for line := range strings.Lines(string(text)) {
		if isChange(line) {
			t.Scripts++
		}
	}
	return t
}

func (t told) since(before told) told {
	return told{t.Scripts - before.Scripts, t.Lines - before.Lines, t.Mailed - before.Mailed, t.Mails - before.Mails}
}

func (t told) isAll() bool {
	return t.Scripts >= toldTotal && t.Lines >= toldTotal && t.Mailed >= toldTotal
}

// isChange says whether a line is of one of the virtual routers that change.
func isChange(line string) bool { return strings.Contains(line, "C_") }

// listen makes a script, a reader of the FIFO and a mail server on a host. Without answers the script sleeps, nobody
// reads, and the server says nothing.
func listen(t lab.Reporter, h *lab.Host, answers bool) *listeners {
	l := &listeners{}
	script := fmt.Sprintf("#!/bin/sh\necho \"$2 $3\" >> %s\n", filepath.Join(h.Dir(), "told"))
	if !answers {
		script += "exec sleep 60\n"
	}
	if err := os.Chmod(h.WriteFile("told.sh", script), 0o755); err != nil {
		t.Fatalf("%v", err)
	}
	var server net.Listener
	err := h.Do(func() (err error) {
		server, err = net.Listen("tcp", "127.0.0.1:25")
		return err
	})
	if err != nil {
		t.Fatalf("listen for mail: %v", err)
	}
	t.Cleanup(func() { server.Close() })
	go func() {
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			if answers {
				go l.take(c)
			} // else it stays open, as long as the other side likes
		}
	}()
	if answers {
		fifo := filepath.Join(h.Dir(), "fifo")
		if err := unix.Mkfifo(fifo, 0o600); err != nil {
			t.Fatalf("make a FIFO: %v", err)
		}
		f, err := os.OpenFile(fifo, os.O_RDWR, 0) // also for writing: it does not end
		if err != nil {
			t.Fatalf("read the FIFO: %v", err)
		}
		t.Cleanup(func() { f.Close() })
		go func() {
			for lines := bufio.NewScanner(f); lines.Scan(); {
				if isChange(lines.Text()) {
					l.lines.Add(1)
				}
			}
		}()
	}
	return l
}

// several is how many changes director's mail has.
var several = regexp.MustCompile(`(?m)^(\d+) changes, in the order`)

// take is one conversation with a mail client.
func (l *listeners) take(c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprint(c, "220 mx.example.org ESMTP\r\n")
	var text strings.Builder
	data := false
	for lines := bufio.NewScanner(c); lines.Scan(); {
		switch line := lines.Text(); {
		case data && line == ".":
			data = false
			l.mails.Add(1)
			changes := 1
			if m := several.FindStringSubmatch(text.String()); m != nil {
				changes, _ = strconv.Atoi(m[1]) // it is a number
			}
			l.mailed.Add(int64(changes))
			text.Reset()
			fmt.Fprint(c, "250 ok\r\n")
		case data:
			text.WriteString(line + "\n")
		case line == "DATA":
			data = true
			fmt.Fprint(c, "354 go ahead\r\n")
		case line == "QUIT":
			fmt.Fprint(c, "221 bye\r\n")
			return
		default:
			fmt.Fprint(c, "250 ok\r\n")
		}
	}
}
