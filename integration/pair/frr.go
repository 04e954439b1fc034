//go:build linux

package pair

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/integration/lab"
)

// FRR is FRRouting's vrrpd with the zebra that it needs, unpacked from
// Debian's package.
type FRR struct {
	Zebra, VRRPd string
	Env          []string
}

// FRRConfig is one virtual router of FRR, on eth0 of its host.
type FRRConfig struct {
	Version  int
	VRID     int
	Priority int
	Interval time.Duration
	IPv6     bool
	Address  string // virtual; of the family that IPv6 says
	// LinkLocal goes with an IPv6 address (RFC 9568 5.2.9).
	LinkLocal string
}

// device is the macvlan with the virtual router's MAC address. vrrpd serves the
// virtual router on the interface that has it (RFC 9568 7.3).
func (c FRRConfig) device() (name, mac string) {
	family := 1
	if c.IPv6 {
		family = 2
	}
	return fmt.Sprintf("vrrp%d-%d", 2+2*family, c.VRID), fmt.Sprintf("00:00:5e:00:%02x:%02x", family, c.VRID)
}

func (c FRRConfig) text() string {
	keyword, addresses := "ip", []string{c.Address}
	if c.IPv6 {
		keyword, addresses = "ipv6", []string{c.LinkLocal, c.Address}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "log stdout\ndebug vrrp protocol\ninterface eth0\n vrrp %d version %d\n vrrp %d priority %d\n"+
		" vrrp %d advertisement-interval %d\n",
		c.VRID, c.Version, c.VRID, c.Priority, c.VRID, c.Interval.Milliseconds())
	for _, address := range addresses {
		fmt.Fprintf(&b, " vrrp %d %s %s\n", c.VRID, keyword, address)
	}
	b.WriteString("exit\n")
	return b.String()
}

// FRRRouter is a running vrrpd.
type FRRRouter struct {
	*lab.Process
	host   *lab.Host
	zebra  *lab.Process
	device string
}

// StartFRR makes the virtual router's interface on a host, where it is not
// there yet, and starts FRR.
func StartFRR(t lab.Reporter, frr FRR, h *lab.Host, c FRRConfig) *FRRRouter {
	t.Helper()
	name, mac := c.device()
	if _, err := h.Output("ip", "link", "show", name); err != nil {
		bits := "/32"
		if c.IPv6 {
			bits = "/128"
		}
		h.Run("ip", "link", "add", name, "link", "eth0", "type", "macvlan", "mode", "bridge")
		h.Run("ip", "link", "set", name, "address", mac)
		h.Run("ip", "addr", "add", c.Address+bits, "dev", name)
		if c.IPv6 {
			h.Run("ip", "addr", "add", c.LinkLocal+"/128", "dev", name)
		}
		h.Run("ip", "link", "set", name, "up")
	}
	run := filepath.Join(h.RunDir(), "frr")
	if err := os.MkdirAll(run, 0o755); err != nil {
		t.Fatalf("start FRR on %s: %v", h.Name, err)
	}
	socket := filepath.Join(run, "zserv.api")
	os.Remove(socket)
	r := &FRRRouter{host: h, device: name}
	r.zebra = startFRRDaemon(t, frr, h, "zebra", frr.Zebra, "log stdout\n", socket, run)
	deadline := time.Now().Add(20 * time.Second)
	for {
		if _, err := os.Stat(socket); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("zebra on %s does not listen", h.Name)
		}
		time.Sleep(20 * time.Millisecond)
	}
	r.Process = startFRRDaemon(t, frr, h, "vrrpd", frr.VRRPd, c.text(), socket, run)
	return r
}

// startFRRDaemon starts one of FRR's programs.
func startFRRDaemon(t lab.Reporter, frr FRR, h *lab.Host, name, path, conf, socket, run string,
	more ...string) *lab.Process {
	t.Helper()
	argv, err := private(h, append([]string{
		path, "-f", h.WriteFile("frr/"+name+".conf", conf), "--vty_socket", run, "-z", socket,
		"-i", filepath.Join(run, name+".pid"), "-u", "root", "-g", "root", "-P", "0",
	}, more...))
	if err != nil {
		t.Fatalf("start %s on %s: %v", name, h.Name, err)
	}
	return h.StartCommand(lab.Command{Name: name, Argv: argv, Env: frr.Env})
}

// Stop asks vrrpd to stop, and then zebra, so that FRR can be started again.
func (r *FRRRouter) Stop(limit time.Duration) {
	r.Process.Stop(limit)
	r.zebra.Stop(limit)
}

// IsMaster reports whether the log of vrrpd says Master and the virtual router's
// interface is up, which it also is before vrrpd first sets it down.
func (r *FRRRouter) IsMaster() bool {
	if !r.host.On() {
		return false
	}
	up := false
	_ = r.host.Do(func() error {
		link, err := net.InterfaceByName(r.device)
		up = err == nil && link.Flags&net.FlagRunning != 0
		return err
	})
	return up && r.Running() && strings.HasSuffix(r.lastTransition(), "-> Master")
}

// lastTransition is the newest line such as "Backup -> Master" of its log.
func (r *FRRRouter) lastTransition() string {
	for _, line := range slices.Backward(r.Log()) {
		if strings.Contains(line.Text, " -> ") {
			return strings.TrimSpace(line.Text)
		}
	}
	return ""
}
