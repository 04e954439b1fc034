package main

import (
	"strings"
	"syscall"
	"testing"
)

// TestALetterAndASignal: an address with a letter too many is a warning, as in
// keepalived, and takes down what runs. A reload does not, unless that is meant.
func TestALetterAndASignal(t *testing.T) {
	n := newNode(t)
	n.write(vip1, vip2)
	n.start()
	n.has(vip1, vip2)
	n.until("it is in service", func() bool { return strings.Contains(n.log.String(), "msg=\"in service\"") })
	n.write(vip1, "10.77.0.1O2/24")
	if err := n.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	n.until("the signal was refused", func() bool { return strings.Contains(n.log.String(), "reload refused") })
	for _, want := range []string{vip2, "1O2", "director reload --accept-loss"} {
		if !strings.Contains(n.log.String(), want) {
			t.Errorf("the log does not tell %q", want)
		}
	}
	n.says(0, "plan", "a reload would be refused", vip2, "--accept-loss")
	n.says(1, "reload", vip2, "1O2", "director reload --accept-loss", "generation 1 keeps running")
	n.has(vip1, vip2)
	n.says(0, "reload --accept-loss", "is in force as generation 2")
	n.has(vip1)

	// The finding is known now: what goes is meant. And a removal without a
	// finding always was.
	n.write(vip2, "10.77.0.1O2/24")
	n.says(0, "reload", "is in force as generation 3")
	n.has(vip2)
	n.write(vip1, vip2)
	n.says(0, "reload", "is in force as generation 4")
	n.write(vip1)
	n.says(0, "reload", "is in force as generation 5")
	n.has(vip1)

	// Whoever wants keepalived's way says so in the file.
	n.writeText("global_defs {\n reload_on_loss apply\n}\nvrrp_instance VI_1 {\n interface eth0\n virtual_router_id " +
		"51\n version 3\n" +
		" advert_int 0.1\n virtual_ipaddress {\n  10.77.0.1O1/24\n  " + vip3 + "\n }\n}\n")
	n.says(0, "reload", "is in force as generation 6")
	n.has(vip3)
	// A start has keepalived's meaning.
	n.stop(syscall.SIGTERM)
	n.write("10.77.0.1O1/24", vip2)
	n.start()
	n.has(vip2)
}
