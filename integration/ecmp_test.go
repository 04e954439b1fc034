//go:build linux

package integration_test

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
	"github.com/lvs-director/director/integration/traffic"
)

// Several active directors behind a router that spreads flows over them: FRR as the router, FRR and BIRD as what
// announces on the directors.

const (
	ecmpVIP = "203.0.113.100"
	// ecmpDelay is withdraw_delay of the directors.
	ecmpDelay   = 2 * time.Second
	ecmpServers = 4
	// ecmpPort is of the TCP service, ecmpUDP of that over UDP.
	ecmpPort, ecmpUDP = 80, 53
)

// ecmpVar in the environment asks for this lab. It has not been seen to pass: three routing daemons, four directors and
// their load are too much for the guest's one emulated processor while the machine does anything else. The native test
// TestSpeakers has the daemons without IPVS.
const ecmpVar = "DIRECTOR_ECMP"

// ecmpFullVar in the environment asks for the load and the timers of a real site, which the guest's one emulated
// processor carries on a quiet machine only: 300 connections instead of 30, BGP's timers of 1 and 3 s instead of 3
// and 9, and a min_lifetime of 3 s instead of 9.
const ecmpFullVar = "DIRECTOR_ECMP_FULL"

// ecmp is the lab.
type ecmp struct {
	*lab.Lab
	t              *testing.T
	speakers       pair.Speakers
	session        pair.Session
	lifetime       time.Duration // min_lifetime of the directors
	connections    int           // of a load
	client, router *lab.Host
	front          *lab.Network
	servers        []*lab.Host
	serving        []*lab.Process
	dirs           []*lab.Host
	daemons        []*pair.Daemon
	conf           func(i int) string
	loads          int // that were started
}

// ecmpConf is the configuration of director i.
func (e *ecmp) writeConf(scheduler ...string) {
	e.conf = func(i int) string {
		var servers strings.Builder
		for n := range ecmpServers {
			fmt.Fprintf(&servers, "    real_server 192.0.2.%d PORT {\n        weight 1\n        TCP_CHECK {\n"+
				"            connect_port %d\n            connect_timeout 5\n"+
				"            retry 3\n            delay_before_retry 2\n        }\n    }\n", 11+n, ecmpPort)
		}
		block := func(port int, protocol string) string {
			return fmt.Sprintf("virtual_server %s %d {\n    delay_loop 3\n    lb_algo %s\n    "+
				"lb_kind DR\n    protocol %s\n%s}\n",
				ecmpVIP, port, strings.Join(scheduler, "\n    "), protocol,
				strings.ReplaceAll(servers.String(), "PORT", fmt.Sprint(port)))
		}
		return fmt.Sprintf("global_defs {\n    router_id dir%d\n}\n%s%s", i+1,
			block(ecmpPort, "TCP"), block(ecmpUDP, "UDP")) +
			fmt.Sprintf("announce edge {\n    virtual_ipaddress {\n        %s\n    }\n    "+
				"track_virtual_server {\n        %s %d\n"+
				"    }\n    min_lifetime %d\n    withdraw_delay %d\n}\n", ecmpVIP, ecmpVIP, ecmpPort,
				int(e.lifetime.Seconds()), int(ecmpDelay.Seconds()))
	}
}

// openECMP makes the networks, the router, the real servers and some directors, which are all in the router's table
// when it returns.
func openECMP(t *testing.T, directors int, bfd bool, scheduler ...string) *ecmp {
	t.Helper()
	e := &ecmp{Lab: lab.New(t), t: t, speakers: stage.Speakers(t), session: pair.Session{Hold: 9 * time.Second, BFD: bfd},
		lifetime: 9 * time.Second, connections: 30}
	if os.Getenv(ecmpVar) == "" {
		t.Skipf("set %s to run this lab: the guest's emulated processor carries it on a quiet machine at most", ecmpVar)
	}
	if os.Getenv(ecmpFullVar) != "" {
		e.session.Hold, e.lifetime, e.connections = 3*time.Second, 3*time.Second, 300
	}
	e.writeConf(scheduler...)
	e.front = e.Network("front")
	outside := e.Network("outside")
	e.client = e.Host("client")
	e.client.Attach(outside, "eth0", "198.51.100.10/24")
	e.client.Route("default", "198.51.100.1")
	e.router = e.Host("router")
	e.router.Attach(outside, "eth0", "198.51.100.1/24")
	e.router.Attach(e.front, "eth1", "192.0.2.1/24")
	e.router.Sysctl("net.ipv4.ip_forward", "1")
	e.router.Sysctl("net.ipv4.fib_multipath_hash_policy", "1")
	e.speakers.StartFRRouting(t, e.router, e.session.Router(), e.session.BFDd())
	for n := range ecmpServers {
		h := e.Host(fmt.Sprintf("rs%d", n+1))
		h.Attach(e.front, "eth0", fmt.Sprintf("192.0.2.%d/24", 11+n))
		for name, value := range map[string]string{"arp_ignore": "1", "arp_announce": "2", "rp_filter": "0"} {
			h.Sysctl("net.ipv4.conf.all."+name, value)
		}
		h.Address("lo", ecmpVIP+"/32")
		h.Route("default", "192.0.2.1")
		e.servers = append(e.servers, h)
		e.serving = append(e.serving, e.serve(n))
	}
	for range directors {
		e.join()
	}
	want := e.gateways()
	e.Until(90*time.Second, fmt.Sprintf("the router knows %d directors", directors), func() bool {
		return e.uses(want)
	})
	return e
}

// serve starts the servers on a real server.
func (e *ecmp) serve(n int) *lab.Process {
	return traffic.ServeNames(e.servers[n], fmt.Sprintf("tcp:%d", ecmpPort), fmt.Sprintf("udp:%s:%d", ecmpVIP, ecmpUDP))
}

// address is that of director i, on the front network.
func (e *ecmp) address(i int) string { return fmt.Sprintf("192.0.2.%d", 2+i) }

// gateways are the addresses of all directors but some, in order.
func (e *ecmp) gateways(without ...int) (list []string) {
	for i := range e.dirs {
		if !slices.Contains(without, i) {
			list = append(list, e.address(i))
		}
	}
	slices.Sort(list)
	return list
}

// join makes one more director, with a routing daemon: FRR and BIRD by turns.
func (e *ecmp) join() {
	e.t.Helper()
	i := len(e.dirs)
	h := e.Host(fmt.Sprintf("dir%d", i+1))
	h.Attach(e.front, "eth0", e.address(i)+"/24")
	h.Route("default", "192.0.2.1")
	for name, value := range map[string]string{
		"net.ipv4.ip_forward": "1", "net.ipv4.conf.all.send_redirects": "0", "net.ipv4.conf.all.rp_filter": "0",
	} {
		h.Sysctl(name, value)
	}
	e.dirs = append(e.dirs, h)
	e.daemons = append(e.daemons, nil)
	e.speak(i)
	e.start(i)
}

// speak starts the routing daemon of director i.
func (e *ecmp) speak(i int) {
	e.t.Helper()
	if i%2 == 1 {
		e.speakers.StartBIRDRouting(e.t, e.dirs[i], e.session.BIRD(e.address(i)))
		return
	}
	e.speakers.StartFRRouting(e.t, e.dirs[i], e.session.FRR(e.address(i)), e.session.BFDd())
}

// start starts director i.
func (e *ecmp) start(i int) {
	e.t.Helper()
	e.daemons[i] = pair.Start(e.t, stage.Director(), e.dirs[i], e.conf(i))
}

// paths are the routers by which the virtual address is reached, by the router's table in the kernel.
func (e *ecmp) paths() (list []string) {
	_ = e.router.Do(func() error {
		routes, err := netlink.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Dst: &net.IPNet{
			IP: net.ParseIP(ecmpVIP).To4(), Mask: net.CIDRMask(32, 32)}}, netlink.RT_FILTER_DST)
		for _, r := range routes {
			if r.Gw != nil {
				list = append(list, r.Gw.String())
			}
			for _, hop := range r.MultiPath {
				list = append(list, hop.Gw.String())
			}
		}
		return err
	})
	slices.Sort(list)
	return list
}

// uses says whether the router uses these directors only. It is asked again and again, and is slow in the guest.
func (e *ecmp) uses(want []string) bool {
	time.Sleep(50 * time.Millisecond)
	return slices.Equal(e.paths(), want)
}

// untilPaths waits until the router uses these directors only, and says how long that took since a moment.
func (e *ecmp) untilPaths(since time.Time, limit time.Duration, what string, want []string) time.Duration {
	e.t.Helper()
	e.Until(limit, fmt.Sprintf("%s: the router uses %v", what, want), func() bool { return e.uses(want) })
	return time.Since(since)
}

// ask runs a command about director i.
func (e *ecmp) ask(i int, words ...string) string {
	e.t.Helper()
	out, err := e.dirs[i].Output(e.daemons[i].AskCommand(words...)...)
	if err != nil {
		e.t.Errorf("dir%d: director %s: %v\n%s", i+1, strings.Join(words, " "), err, out)
	}
	return out
}

// weights of the real servers in director i's table of the TCP service.
func (e *ecmp) weights(i int) (list []int) {
	for _, s := range pair.Table(e.dirs[i]) {
		if s.Address.Port() == ecmpPort {
			for _, d := range s.Servers {
				list = append(list, d.Weight)
			}
		}
	}
	return list
}

// load starts connections that stay, with a question every 400 ms, and a twelfth of as many that come and go each
// second.
func (e *ecmp) load() *traffic.Sessions {
	e.t.Helper()
	e.loads++
	return traffic.StartSessions(e.client, traffic.Load{Target: fmt.Sprintf("%s:%d", ecmpVIP, ecmpPort),
		Count: e.connections, Every: 400 * time.Millisecond, New: max(e.connections/12, 1),
		FirstPort: 10000 + 4000*(e.loads-1)})
}
