//go:build linux

package integration_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
	"github.com/lvs-director/director/integration/traffic"
)

// Addresses of a shop.
const (
	shopVIP  = "192.0.2.100"
	shopVIP6 = "2001:db8:1::100"
	// guePort is the UDP port on which the real servers receive tunnels (GUE).
	guePort = 6080
	// natPort is where the real servers behind the director serve: NAT maps ports.
	natPort = 8080
)

// shop is one director with real servers of each kind: near ones on the client's network, which
// answer by themselves (DR, TUN), inner ones whose gateway is the director (NAT), and far ones
// without a route to the client (full NAT).
type shop struct {
	*lab.Lab
	t                *testing.T
	client, director *lab.Host
	near, inner, far []*lab.Host
	daemon           *pair.Daemon
}

func openShop(t *testing.T) *shop {
	t.Helper()
	stage.Require(t)
	for _, module := range []string{"ipip", "ip_gre", "fou", "sit", "ip6_tunnel", "sctp"} {
		if out, err := exec.Command("modprobe", module).CombinedOutput(); err != nil {
			t.Logf("modprobe %s: %v: %s", module, err, out) // it may be built in
		}
	}
	l := lab.New(t)
	s := &shop{Lab: l, t: t}
	front, back := l.Network("front"), l.Network("back")
	s.client = l.Host("client")
	s.client.Attach(front, "eth0", "192.0.2.10/24", "2001:db8:1::10/64")
	s.client.Sysctl("net.ipv4.ip_local_port_range", "61000 65000")
	s.director = l.Host("director")
	s.director.Attach(front, "eth0", "192.0.2.2/24", shopVIP+"/24", "2001:db8:1::2/64")
	// The address is added as VRRP adds it, so the director never sends from it. A tunnel from the
	// virtual address would come from an address that the real server has too.
	s.director.Run("ip", "address", "add", shopVIP6+"/128", "dev", "eth0", "preferred_lft", "0")
	s.director.Attach(back, "eth1", "198.51.100.1/24", "2001:db8:2::1/64")
	for name, value := range map[string]string{
		"net.ipv4.ip_forward": "1", "net.ipv4.conf.all.send_redirects": "0", "net.ipv6.conf.all.forwarding": "1",
	} {
		s.director.Sysctl(name, value)
	}
	for i := range 3 {
		s.near = append(s.near, s.newNear(front, i))
	}
	for i := range 2 {
		h := l.Host(fmt.Sprintf("inner%d", i+1))
		h.Attach(back, "eth0", fmt.Sprintf("198.51.100.%d/24", 11+i), fmt.Sprintf("2001:db8:2::%d/64", 11+i))
		h.Route("default", "198.51.100.1")
		h.Route("2001:db8:1::/64", "2001:db8:2::1")
		traffic.ServeNames(h, fmt.Sprintf("tcp:%d", natPort), fmt.Sprintf("sctp:%d", natPort),
			fmt.Sprintf("udp:198.51.100.%d:%d", 11+i, natPort))
		s.inner = append(s.inner, h)
		h = l.Host(fmt.Sprintf("far%d", i+1))
		h.Attach(back, "eth0", fmt.Sprintf("198.51.100.%d/24", 21+i), fmt.Sprintf("2001:db8:2::%d/64", 21+i))
		traffic.ServeNames(h, fmt.Sprintf("tcp:%d", natPort), fmt.Sprintf("udp:198.51.100.%d:%d", 21+i, natPort))
		s.far = append(s.far, h)
	}
	return s
}

// newNear is a real server that has the virtual addresses, does not answer ARP for them, and takes
// packets in tunnels of each kind.
func (s *shop) newNear(front *lab.Network, i int) *lab.Host {
	h := s.Host(fmt.Sprintf("near%d", i+1))
	h.Attach(front, "eth0", fmt.Sprintf("192.0.2.%d/24", 11+i), fmt.Sprintf("2001:db8:1::%d/64", 11+i))
	for name, value := range map[string]string{"arp_ignore": "1", "arp_announce": "2", "rp_filter": "0"} {
		h.Sysctl("net.ipv4.conf.all."+name, value)
	}
	h.Address("lo", shopVIP+"/32")
	h.Address("lo", shopVIP6+"/128")
	for _, tunnel := range []string{"tunl0", "gre0", "sit0", "ip6tnl0"} {
		if out, err := h.Output("ip", "link", "set", tunnel, "up"); err != nil {
			s.t.Logf("%s of %s: %v: %s", tunnel, h.Name, err, out)
		}
		_, _ = h.Output("sysctl", "-qw", "net.ipv4.conf."+tunnel+".rp_filter=0") // not one of IPv6
	}
	h.Run("ip", "fou", "add", "port", fmt.Sprint(guePort), "gue")
	listen := []string{"sctp:90", "udp:" + shopVIP + ":53", "udp:" + shopVIP + ":54"}
	for port := 81; port <= 99; port++ {
		listen = append(listen, fmt.Sprintf("tcp:%d", port))
	}
	for port := schedulerPort; port < schedulerPort+20; port++ {
		listen = append(listen, fmt.Sprintf("tcp:%d", port))
	}
	traffic.ServeNames(h, listen...)
	return h
}

// schedulerPort is the first port of the virtual servers with one scheduler each.
const schedulerPort = 2000

// open starts the director and waits until its table has everything.
func (s *shop) open(services ...string) {
	s.t.Helper()
	conf := strings.Join(services, "")
	s.daemon = pair.Start(s.t, stage.Director(), s.director, conf)
	want := strings.Count(conf, "real_server ")
	s.Until(60*time.Second, "the table is complete", func() bool { return s.destinations() >= want })
}

// table is the kernel's own text of the table.
func (s *shop) table() (text string) {
	_ = s.director.Do(func() error {
		data, err := os.ReadFile("/proc/thread-self/net/ip_vs")
		text = string(data)
		return err // without IPVS there is no table yet
	})
	return text
}

func (s *shop) destinations() (n int) {
	for line := range strings.Lines(s.table()) {
		if f := strings.Fields(line); len(f) > 3 && f[0] == "->" && f[1] != "RemoteAddress:Port" {
			n++
		}
	}
	return n
}

// service is a virtual_server block; of the words in each server the first is
// its address, the second its port (0 is that of the service) and the third, if
// any, its weight.
func service(head string, lines []string, servers ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "virtual_server %s {\n", head)
	for _, line := range lines {
		fmt.Fprintf(&b, "    %s\n", line)
	}
	for _, server := range servers {
		f := append(strings.Fields(server), "1")
		place := strings.TrimSuffix(f[0]+" "+f[1], " 0")
		fmt.Fprintf(&b, "    real_server %s {\n        weight %s\n    }\n", place, f[2])
	}
	b.WriteString("}\n")
	return b.String()
}

// nearServers are the near real servers on a port, with weights when given.
func nearServers(prefix string, port, n int, weights ...int) (list []string) {
	for i := range n {
		server := fmt.Sprintf("%s%d %d", prefix, 11+i, port)
		if len(weights) > 0 {
			server += fmt.Sprintf(" %d", weights[i])
		}
		list = append(list, server)
	}
	return list
}

// expectAll fails when not every question was answered.
func expectAll(t *testing.T, answers traffic.Answers) {
	t.Helper()
	if failed := answers.Failed(); len(failed) > 0 {
		t.Errorf("%d of %d questions were not answered, the first: %+v", len(failed), len(answers), failed[0])
	}
}

// expectShares fails when the servers' shares differ from these by more than a tolerance.
func expectShares(t *testing.T, answers traffic.Answers, tolerance int, want map[string]int) {
	t.Helper()
	got := answers.ByServer()
	t.Logf("answers: %v, by the definition %v", got, want)
	expectAll(t, answers)
	for name, n := range got {
		if _, known := want[name]; !known {
			t.Errorf("%d answers of %s, want none", n, name)
		}
	}
	for name, n := range want {
		if got[name] < n-tolerance || got[name] > n+tolerance {
			t.Errorf("%d answers of %s, want %d (tolerance %d)", got[name], name, n, tolerance)
		}
	}
}
