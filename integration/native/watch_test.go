//go:build linux

package native_test

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// Addresses of a watched pair.
const (
	frontVIP = "192.0.2.10"    // on eth0
	backVIP  = "198.51.100.10" // on eth1

	// watchInterval is the advertisement interval of a watched pair.
	watchInterval = 200 * time.Millisecond
	// takeover is the time within which the worse router of the pair takes over.
	takeover = 3*watchInterval + watchInterval + slack
)

// watched are two directors, a and b, and a host that watches both of their
// networks, c.
type watched struct {
	*lab.Lab
	t        *testing.T
	a, b, c  *lab.Host
	daemons  map[*lab.Host]*pair.Daemon
	director pair.Director
	front    *lab.Network
	back     *lab.Network
}

func watch(t *testing.T) *watched {
	t.Helper()
	stage.Require(t)
	l := lab.New(t)
	w := &watched{Lab: l, t: t, daemons: map[*lab.Host]*pair.Daemon{}, director: stage.Director()}
	front, back := l.Network("front"), l.Network("back")
	w.front, w.back = front, back
	for _, h := range []struct {
		host **lab.Host
		name string
		last int
	}{{&w.a, "a", 251}, {&w.b, "b", 252}, {&w.c, "c", 254}} {
		*h.host = l.Host(h.name)
		(*h.host).Attach(front, "eth0", fmt.Sprintf("192.0.2.%d/24", h.last))
		(*h.host).Attach(back, "eth1", fmt.Sprintf("198.51.100.%d/24", h.last))
	}
	return w
}

// instance is a vrrp_instance with one address and further lines.
func instance(name string, vrid, priority int, iface, address string, lines ...string) string {
	return fmt.Sprintf(`vrrp_instance %s {
    interface %s
    version 3
    virtual_router_id %d
    priority %d
    advert_int %g
    virtual_ipaddress {
        %s
    }
    %s
}
`, name, iface, vrid, priority, watchInterval.Seconds(), address, strings.Join(lines, "\n    "))
}

// base is the instance that most tests have.
func base(priority int, lines ...string) string {
	return instance("VI_1", 51, priority, "eth0", frontVIP+"/24", lines...)
}

// start starts a director on a host with a configuration.
func (w *watched) start(h *lab.Host, conf string) *pair.Daemon {
	w.t.Helper()
	w.daemons[h] = pair.Start(w.t, w.director, h, conf)
	return w.daemons[h]
}

// startPair starts a director on a, waits until it is MASTER, and one on b.
func (w *watched) startPair(a, b string) {
	w.t.Helper()
	w.start(w.a, a)
	w.Until(15*time.Second, "a is MASTER", func() bool { return w.a.HasAddress("eth0", frontVIP) })
	d := w.start(w.b, b)
	w.Until(15*time.Second, "b is BACKUP", func() bool { return d.Printed(time.Time{}, "to=BACKUP") })
}

// ask runs a director's command about the daemon of a host.
func (w *watched) ask(h *lab.Host, words ...string) (string, error) {
	return h.Output(w.daemons[h].AskCommand(words...)...)
}

// untilMaster waits until of both directors the given one alone has an address
// on eth0.
func (w *watched) untilMaster(h *lab.Host, limit time.Duration) {
	w.t.Helper()
	w.Until(limit, h.Name+" alone holds "+frontVIP, func() bool { return w.alone(h) })
}

func (w *watched) alone(h *lab.Host) bool {
	other := w.a
	if h == w.a {
		other = w.b
	}
	return h.HasAddress("eth0", frontVIP) && !other.HasAddress("eth0", frontVIP)
}

// steady checks that only the given host has the address, for some time.
func (w *watched) steady(h *lab.Host, length time.Duration) {
	w.t.Helper()
	w.Steady(length, h.Name+" alone holds "+frontVIP, func() bool { return w.alone(h) })
}

// answering lists the hardware addresses that answer when c asks who has an
// address of the network of an interface. It asks again when nobody has answered
// and the lab was kept waiting meanwhile.
func (w *watched) answering(iface, address string) (list []string) {
	w.t.Helper()
	for range 3 {
		asked := time.Now()
		if list = w.askByARP(iface, address); len(list) > 0 || w.Starved(asked, time.Now()) < 100*time.Millisecond {
			break
		}
	}
	return list
}

func (w *watched) askByARP(iface, address string) []string {
	w.t.Helper()
	asked := time.Now()
	// c forgets what it knew. A neighbour entry that does not exist is no error.
	_, _ = w.c.Output("ip", "neigh", "del", address, "dev", iface)
	if err := w.c.Do(func() error {
		conn, err := net.Dial("udp", net.JoinHostPort(address, "9"))
		if err == nil {
			_, _ = conn.Write([]byte("who has it?")) // the host with the address refuses it
			err = conn.Close()
		}
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	var list []string
	seen := map[string]bool{}
	for _, p := range arpOf(w.c.Capture(iface), asked, address) {
		if mac := p.hardware.String(); p.reply && !p.outgoing && !seen[mac] {
			seen[mac] = true
			list = append(list, mac)
		}
	}
	return list
}

// arpPacket is what an ARP packet says of its sender.
type arpPacket struct {
	time      time.Time
	outgoing  bool
	reply     bool
	from      net.HardwareAddr // of the frame
	hardware  net.HardwareAddr // that the address is said to be at
	announces bool             // it asks for the sender's own address
}

// arpOf lists the ARP packets whose sender has an address (RFC 826).
func arpOf(c *lab.Capture, since time.Time, address string) []arpPacket {
	const header, length = 14, 14 + 28
	var list []arpPacket
	want := netip.MustParseAddr(address).As4()
	for _, p := range c.Packets(since) {
		f := p.Frame
		if len(f) < length || f[12] != 0x08 || f[13] != 0x06 || [4]byte(f[header+14:header+18]) != want {
			continue
		}
		list = append(list, arpPacket{
			time: p.Time, outgoing: p.Outgoing, reply: f[header+7] == 2, from: net.HardwareAddr(f[6:12]),
			hardware: net.HardwareAddr(f[header+8 : header+14]), announces: [4]byte(f[header+24:header+28]) == want,
		})
	}
	return list
}

// announced counts the gratuitous ARP packets for an address that c has seen.
func (w *watched) announced(iface, address string, since time.Time) (n int) {
	for _, p := range arpOf(w.c.Capture(iface), since, address) {
		if p.announces && !p.outgoing {
			n++
		}
	}
	return n
}

// scripts gives a host a notify script that records its arguments. It returns the lines of
// configuration that call the script, and a function that reads the record.
func (w *watched) scripts(h *lab.Host) (lines []string, told func() string) {
	w.t.Helper()
	record := filepath.Join(h.Dir(), "record")
	script := h.WriteFile("notify.sh", "#!/bin/sh\necho \"$@\" >>"+record+"\n")
	if err := os.Chmod(script, 0o755); err != nil {
		w.t.Fatal(err)
	}
	lines = []string{fmt.Sprintf("notify %q root", script)}
	for _, state := range []string{"master", "backup", "fault", "stop", "deleted"} {
		lines = append(lines, fmt.Sprintf(`notify_%s "%s its own %[1]s" root`, state, script))
	}
	return lines, func() string {
		text, err := os.ReadFile(record)
		if err != nil && !os.IsNotExist(err) {
			w.t.Fatal(err)
		}
		return string(text)
	}
}

// complaints are the warnings and errors in a daemon's log since a moment.
func complaints(d *pair.Daemon, since time.Time) (list []string) {
	for _, line := range d.Log() {
		if !line.Time.Before(since) && (strings.Contains(line.Text, "level=WARN") ||
			strings.Contains(line.Text, "level=ERROR")) {
			list = append(list, line.Text)
		}
	}
	return list
}
