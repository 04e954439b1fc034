//go:build linux

package integration_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// lifeVIP is the virtual address of the tests here.
const lifeVIP = "192.0.2.100"

// lone is the configuration of one router at 100 ms, with further lines.
func lone(iface string, priority int, lines ...string) string {
	return fmt.Sprintf(`vrrp_instance VI_1 {
    %s
    virtual_router_id 51
    version 3
    priority %d
    advert_int 0.1
    virtual_ipaddress {
        %s/32
    }
    %s
}
`, iface, priority, lifeVIP, strings.Join(lines, "\n    "))
}

// within calls f with the host's network and ends the test on an error.
func within(t *testing.T, h *lab.Host, what string, f func() error) {
	t.Helper()
	if err := h.Do(f); err != nil {
		t.Fatalf("host %s: %s: %v", h.Name, what, err)
	}
}

// has says whether an interface exists and carries the virtual address.
func has(t *testing.T, h *lab.Host, iface string) bool {
	t.Helper()
	missing := false
	within(t, h, "look for "+iface, func() error {
		_, err := netlink.LinkByName(iface)
		missing = errors.As(err, &netlink.LinkNotFoundError{})
		if missing {
			return nil
		}
		return err
	})
	return !missing && h.HasAddress(iface, lifeVIP)
}

// changes counts the transitions in a daemon's log since a moment.
func changes(d *pair.Daemon, since time.Time) (n int) {
	for _, line := range d.Log() {
		if !line.Time.Before(since) && strings.Contains(line.Text, "state changed") {
			n++
		}
	}
	return n
}

// TestBootBeforeTheNetwork: director starts before its unicast source address exists. It goes into
// service by itself when the address comes.
func TestBootBeforeTheNetwork(t *testing.T) {
	stage.Require(t)
	l := lab.New(t)
	h := l.Host("dir1")
	h.Attach(l.Network("front"), "eth0")
	const unicast = "unicast_src_ip 192.0.2.2\n    unicast_peer {\n        192.0.2.3\n    }"
	d := pair.Start(t, stage.Director(), h, lone("interface eth0\n    "+unicast, 200))
	l.Until(10*time.Second, "FAULT without its address", func() bool { return d.Printed(time.Time{}, "to=FAULT") })
	h.Address("eth0", "192.0.2.2/24")
	l.Until(5*time.Second, "MASTER", func() bool { return has(t, h, "eth0") })
}

// TestStartupDelay: director sends nothing until the delay is over. A worker that replaces a dead
// one does not wait a second time.
func TestStartupDelay(t *testing.T) {
	stage.Require(t)
	const delay = 4 * time.Second
	l := lab.New(t)
	h := l.Host("dir1")
	h.Attach(l.Network("front"), "eth0", "192.0.2.2/24")
	began := time.Now()
	d := pair.Start(t, stage.Director(), h, "global_defs {\n    vrrp_startup_delay 4\n}\n"+lone("interface eth0", 200))
	l.Until(15*time.Second, "MASTER", func() bool { return has(t, h, "eth0") })
	sent := pair.Advertisements(h.Capture("eth0"), began)
	if len(sent) == 0 || sent[0].Time.Sub(began) < delay {
		t.Errorf("%d advertisements, the first one before the delay was over", len(sent))
	}
	killed := d.KillWorker(pair.VRRP)
	l.Until(delay-500*time.Millisecond, "the new worker advertises", func() bool {
		for _, a := range pair.Advertisements(h.Capture("eth0"), killed) {
			if a.Time.Sub(killed) > 100*time.Millisecond && a.Priority == 200 {
				return true
			}
		}
		return false
	})
}

// lifePair is a pair at 100 ms of which the first is MASTER.
func lifePair(t *testing.T, lines ...string) (*lab.Lab, [2]*lab.Host, [2]*pair.Daemon) {
	t.Helper()
	l := lab.New(t)
	front := l.Network("front")
	var hosts [2]*lab.Host
	var daemons [2]*pair.Daemon
	for i := range hosts {
		h := l.Host(fmt.Sprintf("dir%d", i+1))
		hosts[i] = h
		h.Attach(front, "eth0", fmt.Sprintf("192.0.2.%d/24", 2+i))
		daemons[i] = pair.Start(t, stage.Director(), h, lone("interface eth0", 200-100*i, lines...))
		if i == 0 {
			l.Until(15*time.Second, "dir1 is MASTER", func() bool { return has(t, h, "eth0") })
		}
	}
	l.Until(15*time.Second, "dir2 is BACKUP", func() bool { return daemons[1].Printed(time.Time{}, "to=BACKUP") })
	return l, hosts, daemons
}
