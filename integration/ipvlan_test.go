//go:build linux

package integration_test

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// TestIPVLAN: the addresses of an instance with use_ipvlan are on a device of
// its own; a client reaches them there, and the peer takes over.
func TestIPVLAN(t *testing.T) {
	stage.Require(t)
	l := lab.New(t)
	front := l.Network("front")
	client := l.Host("client")
	client.Attach(front, "eth0", "192.0.2.100/24")
	var hosts [2]*lab.Host
	var daemons [2]*pair.Daemon
	const device = "ipv.51"
	for i := range hosts {
		h := l.Host(fmt.Sprintf("dir%d", i+1))
		hosts[i] = h
		h.Attach(front, "eth0", fmt.Sprintf("192.0.2.%d/24", 2+i))
		daemons[i] = pair.Start(t, stage.Director(), h, lone("interface eth0\n    use_ipvlan "+device, 200-100*i))
		if i == 0 {
			l.Until(10*time.Second, "dir1 is MASTER", func() bool { return has(t, h, device) })
		}
	}
	l.Until(10*time.Second, "dir2 is BACKUP", func() bool { return daemons[1].Printed(time.Time{}, "to=BACKUP") })
	reached := func() bool {
		// Nothing listens on the port, so the host that has the address refuses the connection.
		refused := false
		within(t, client, "connect", func() error {
			c, err := net.DialTimeout("tcp", net.JoinHostPort(lifeVIP, "7"), time.Second)
			if err == nil {
				_ = c.Close()
			}
			refused = errors.Is(err, syscall.ECONNREFUSED)
			return nil
		})
		return refused
	}
	l.Until(5*time.Second, "the client reaches dir1", reached)
	if has(t, hosts[0], "eth0") || has(t, hosts[1], device) {
		t.Error("the address is on dir1's eth0 or on dir2, want only dir1's own device")
	}
	hosts[0].Crash()
	l.Until(5*time.Second, "dir2 takes over", func() bool { return has(t, hosts[1], device) })
	l.Until(5*time.Second, "the client reaches dir2", reached)
	daemons[1].Stop(10 * time.Second)
	if has(t, hosts[1], device) {
		t.Error("dir2 failed to remove the address, still present")
	}
}
