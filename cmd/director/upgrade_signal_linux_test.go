package main

import (
	"strings"
	"syscall"
	"testing"
)

// TestASignalBeforeTheExecIsObeyed: a HUP that comes while an upgrade is being
// prepared has the file read by the next program.
func TestASignalBeforeTheExecIsObeyed(t *testing.T) {
	n := newNode(t)
	n.write(vip1)
	n.start()
	n.has(vip1)
	n.until("it is in service", func() bool { return strings.Contains(n.log.String(), "msg=\"in service\"") })
	// A program that is executed only when the signal has come.
	wrapper := n.program("wrapper",
		strings.NewReader("#!/bin/sh\n[ \"$1\" = hand-down ] && kill -HUP $PPID\nexec director \"$@\"\n"))
	n.write(vip2)
	for range 2 { // the first HUP is obeyed at once, and then the upgrade refused; either way it is not lost
		_, _ = n.do("upgrade", "--binary", wrapper)
	}
	n.has(vip2)
	n.stop(syscall.SIGTERM)
	n.has()
}
