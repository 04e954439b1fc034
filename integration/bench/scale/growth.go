//go:build linux

package scale

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/lvs-director/director/integration/bench/proc"
	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
	"github.com/lvs-director/director/virtualserver/ipvs"
)

const (
	growthSettle = 8 * time.Second
	// growthLength is one comparison of all real servers of a table: 25 rounds of 0.8 s.
	growthLength = 20 * time.Second
	growthLimit  = 150 * time.Second
	// perWire is how many virtual routers there are on an interface: a VRID is one of 255.
	perWire = 250
)

// Process is what one process uses at rest.
type Process struct {
	Name string  // supervisor, vrrp, lvs or front; keepalived's parent is its supervisor
	CPU  float64 // share of one processor
	RSS  int64   // bytes
}

// Growth is what a kind uses at rest with a number of something.
type Growth struct {
	What      string
	Size      int
	Kind      string
	Processes []Process
}

// dimension is something that grows, in three sizes.
type dimension struct {
	what  string
	note  string // what else there is
	sizes [3]int
	text  func(size int) string
	// services is how many virtual servers the table has then; the real servers are size.
	services func(size int) int
	checked  bool // a host answers for the real servers
	routers  bool // sizes are virtual routers
}

const checkDelay = 10 * time.Second

func dimensions() []dimension {
	same := func(size int) int { return size }
	hundred := func(int) int { return 100 }
	return []dimension{
		{what: "virtual servers", note: "one real server each, without checks", sizes: [3]int{250, 1000, 4000},
			text: func(n int) string { return virtualServers(n, n, "") }, services: same},
		{what: "real servers", note: "in 100 virtual servers, without checks", sizes: [3]int{1000, 4000, 16_000},
			text: func(n int) string { return virtualServers(100, n, "") }, services: hundred},
		{what: "checks", note: fmt.Sprintf("TCP, of a real server each, every %v, in 100 virtual servers", checkDelay),
			sizes:    [3]int{200, 800, 3200},
			text:     func(n int) string { return virtualServers(100, n, " TCP_CHECK {\n connect_timeout 3\n }\n") },
			services: hundred, checked: true},
		{what: "VRRP instances", note: "MASTER, with an address each, one advertisement a second",
			sizes: [3]int{100, 400, 1600}, text: instances, routers: true},
	}
}

// peerSizes are numbers of peers; the last one is one director less than there are, and may be front.MaxPeers.
func peerSizes() [3]int { return [3]int{1, 3, 7} }

const (
	peersWhat    = "peers"
	peersServers = 500
	checkPort    = 8080
	realServers  = "172.16.0.0/12"
)

// virtualServers is a configuration whose real servers are spread evenly.
func virtualServers(services, servers int, check string) string {
	var b strings.Builder
	b.WriteString("global_defs {\n router_id growth\n}\n")
	for s := range services {
		fmt.Fprintf(&b, "virtual_server 10.1.%d.%d 80 {\n delay_loop %g\n lb_algo wlc\n lb_kind NAT\n protocol TCP\n",
			s/250, s%250+1, checkDelay.Seconds())
		for n := s * servers / services; n < (s+1)*servers/services; n++ {
			fmt.Fprintf(&b, " real_server 172.16.%d.%d %d {\n weight 1\n%s }\n", n/250, n%250+1, checkPort, check)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// instances is a configuration of many virtual routers.
func instances(count int) string {
	var b strings.Builder
	b.WriteString("global_defs {\n router_id growth\n vrrp_garp_master_repeat 1\n}\n")
	for i := range count {
		wire, vrid := i/perWire, i%perWire+1
		fmt.Fprintf(&b, "vrrp_instance VI_%d {\n state BACKUP\n interface eth%d\n virtual_router_id %d\n version 3\n"+
			" priority 100\n advert_int 1\n virtual_ipaddress {\n 10.%d.%d.1/32 dev eth%d\n }\n}\n", i, wire, vrid,
			100+wire, vrid, wire)
	}
	return b.String()
}

func wires(count int) int { return (count + perWire - 1) / perWire }

// kinds are measured in this order. A detailed log of keepalived would distort the figures.
func kinds() []pair.Kind {
	k := stage.Keepalived()
	k.Terse = true
	return []pair.Kind{k, stage.Director()}
}

func measureGrowth() (rows []Growth, err error) {
	for _, d := range dimensions() {
		for _, kind := range kinds() {
			found, failed := d.measure(kind)
			rows, err = append(rows, found...), errors.Join(err, failed)
		}
	}
	found, failed := measurePeers()
	return append(rows, found...), errors.Join(err, failed)
}

// measure has the three sizes at rest at the same time, each on a host of its own.
func (d dimension) measure(kind pair.Kind) (rows []Growth, err error) {
	ok := stage.Play("bench-scale-"+strings.ReplaceAll(d.what, " ", "-")+"-"+kind.Name(), func(t lab.Reporter) {
		l := lab.New(t)
		var answerer *lab.Host
		if d.checked {
			answerer = l.Host("servers")
			answerer.Run("ip", "route", "add", "local", realServers, "dev", "lo")
			answerer.StartCommand(lab.Command{Name: "answer", Argv: []string{"/proc/self/exe"},
				Env: []string{fmt.Sprintf("%s=answer %d", roleVar, checkPort)}})
		}
		var hosts []*lab.Host
		var tables []ipvs.Driver
		var daemons []*pair.Daemon
		for i, size := range d.sizes {
			h := l.Host(fmt.Sprintf("n%d", size))
			if d.checked {
				l.Wire(h, answerer, fmt.Sprintf("eth%d", i), fmt.Sprintf("192.168.%d.1/24", i), fmt.Sprintf("192.168.%d.2/24", i))
				h.Route(realServers, fmt.Sprintf("192.168.%d.2", i))
			}
			if d.routers {
				wireUp(l, h, wires(size))
			}
			hosts, tables = append(hosts, h), append(tables, nil)
			if !d.routers {
				tables[i] = open(t, h)
			}
			daemons = append(daemons, pair.Start(t, kind, h, d.text(size)))
		}
		for i, size := range d.sizes {
			l.Until(growthLimit, fmt.Sprintf("%s has %d %s", kind.Name(), size, d.what), func() bool {
				time.Sleep(200 * time.Millisecond) // to look takes a while, too
				return d.there(hosts[i], tables[i], size)
			})
		}
		for i, found := range rest(t, hosts, daemons) {
			rows = append(rows, Growth{What: d.what, Size: d.sizes[i], Kind: kind.Name(), Processes: found})
			say(rows[i])
			if !d.there(hosts[i], tables[i], d.sizes[i]) {
				t.Fatalf("%s with %d %s was not at rest", kind.Name(), d.sizes[i], d.what)
			}
		}
	})
	if !ok {
		return nil, fmt.Errorf("the measurement of %s with %s failed", kind.Name(), d.what)
	}
	return rows, nil
}

func say(g Growth) {
	fmt.Printf("  %-10s %6d %s:", g.Kind, g.Size, g.What)
	for _, p := range g.Processes {
		fmt.Printf(" %s %s %s,", p.Name, share(p.CPU), mega(p.RSS))
	}
	fmt.Println()
}

// wireUp gives a host count interfaces with a carrier.
func wireUp(l *lab.Lab, h *lab.Host, count int) {
	far := l.Host(h.Name + "far")
	for w := range count {
		l.Wire(h, far, fmt.Sprintf("eth%d", w), fmt.Sprintf("192.168.%d.1/24", w), fmt.Sprintf("192.168.%d.2/24", w))
	}
	l.Until(settleLimit, "all interfaces run", func() bool {
		for w := range count {
			if !h.Running(fmt.Sprintf("eth%d", w)) {
				return false
			}
		}
		return true
	})
}

// there says whether the kernel has everything of a size.
func (d dimension) there(h *lab.Host, table ipvs.Driver, size int) bool {
	n := 0
	if d.routers {
		for w := range wires(size) {
			for _, a := range h.Addresses(fmt.Sprintf("eth%d", w)) {
				if a.Addr().Is4() && a.Addr().As4()[0] == 10 {
					n++
				}
			}
		}
		return n == size
	}
	list, err := table.Services()
	if err != nil || len(list) != d.services(size) {
		return false
	}
	for _, vs := range list {
		servers, err := table.Destinations(vs.Key)
		if err != nil {
			return false
		}
		for _, s := range servers {
			if s.Weight > 0 {
				n++
			}
		}
	}
	return n == size
}

// open opens the table of a host. /proc/net/ip_vs is no substitute: a kernel with services in several namespaces, as
// here, leaves some out when it is read in pieces.
func open(t lab.Reporter, h *lab.Host) (d ipvs.Driver) {
	if err := h.Do(func() (err error) { d, err = ipvs.Open(); return err }); err != nil {
		t.Fatalf("open the IPVS table of %s: %v", h.Name, err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// rest measures daemons when nothing happens.
func rest(t lab.Reporter, hosts []*lab.Host, daemons []*pair.Daemon) (all [][]Process) {
	time.Sleep(growthSettle)
	before := make([]map[int]proc.Usage, len(daemons))
	roles := make([]map[int]string, len(daemons))
	for i, d := range daemons {
		roles[i], before[i] = rolesOf(d, pair.RunDir(hosts[i])), map[int]proc.Usage{}
		for pid := range roles[i] {
			u, err := proc.Use(pid)
			if err != nil {
				t.Fatalf("measure %s: %v", d.Kind.Name(), err)
			}
			before[i][pid] = u
		}
	}
	began := time.Now()
	time.Sleep(growthLength)
	length := time.Since(began)
	for i, d := range daemons {
		var list []Process
		for _, name := range processNames() {
			for pid, role := range roles[i] {
				if role != name {
					continue
				}
				u, err := proc.Use(pid)
				if err != nil {
					t.Fatalf("measure %s: %v", d.Kind.Name(), err)
				}
				list = append(list, Process{name, float64(u.CPU-before[i][pid].CPU) / float64(length), u.RSS})
			}
		}
		all = append(all, list)
	}
	return all
}

const supervisor = "supervisor"

func processNames() []string { return []string{supervisor, pair.VRRP, pair.LVS, "front"} }

// rolesOf names the processes of a daemon, whose run directory has keepalived's pid files.
func rolesOf(d *pair.Daemon, run string) map[int]string {
	roles := map[int]string{}
	if d.Kind.Name() == "keepalived" {
		for file, role := range map[string]string{"main": supervisor, pair.VRRP: pair.VRRP, pair.LVS: pair.LVS} {
			text, err := os.ReadFile(filepath.Join(run, file+".pid"))
			if pid, wrong := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && wrong == nil {
				roles[pid] = role
			}
		}
		return roles
	}
	roles[d.Pid] = supervisor
	for _, pid := range d.Processes() {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil {
			continue
		}
		if role := roleOf(strings.Split(string(line), "\x00")); role != "" {
			roles[pid] = role
		}
	}
	return roles
}

// roleOf finds what a process of director is in its command line; "" is no worker.
func roleOf(argv []string) string {
	for i, word := range argv[:max(len(argv)-1, 0)] {
		if word == "worker" {
			return argv[i+1]
		}
	}
	return ""
}

// measurePeers runs eight directors, of which the first one has one peer and the last one seven.
func measurePeers() (rows []Growth, err error) {
	ok := stage.Play("bench-scale-peers", func(t lab.Reporter) {
		l := lab.New(t)
		wire := l.Network("wire")
		director := stage.Director()
		director.Named = true
		count := peerSizes()[2] + 1
		hosts, daemons := make([]*lab.Host, count), make([]*pair.Daemon, count)
		for i := range hosts {
			hosts[i] = l.Host(fmt.Sprintf("lb%d", i+1))
			hosts[i].Attach(wire, "eth0", peerAddress(i)+"/24")
		}
		for i := range hosts {
			daemons[i] = pair.Start(t, director, hosts[i], peersConfig(i, count))
		}
		for i := range hosts {
			l.Until(growthLimit, fmt.Sprintf("%s hears its peers", hosts[i].Name), func() bool {
				time.Sleep(200 * time.Millisecond)
				text, _ := hosts[i].Output(daemons[i].AskCommand("status", "--json")...)
				return peersHeard(text) == len(peersOf(i, count))
			})
		}
		for i, found := range rest(t, hosts, daemons) {
			for _, size := range peerSizes() {
				if n := len(peersOf(i, count)); n == size {
					rows = append(rows, Growth{What: peersWhat, Size: size, Kind: director.Name(), Processes: found})
					say(rows[len(rows)-1])
				}
			}
		}
	})
	if !ok {
		return nil, errors.New("the measurement of director with peers failed")
	}
	return rows, nil
}

func peerAddress(i int) string { return fmt.Sprintf("192.168.0.%d", i+1) }

// peersOf are the peers of one of count directors, by number. Two are peers when their numbers are large enough
// together, so that there are directors with few and with many of them, and each relation has two ends.
func peersOf(i, count int) (list []int) {
	for j := range count {
		if j != i && i+j >= count-1 {
			list = append(list, j)
		}
	}
	return list
}

func peersConfig(i, count int) string {
	var b strings.Builder
	for _, j := range peersOf(i, count) {
		fmt.Fprintf(&b, "peer %s {\n key hex:%s\n}\n", peerAddress(j), strings.Repeat("5e", 32))
	}
	return b.String() + virtualServers(50, peersServers, "")
}

// peersHeard counts the peers in the JSON of status that are up and have told of themselves.
func peersHeard(text string) (n int) {
	var s struct {
		Peers []struct {
			Up          bool
			Heard       time.Time
			ConfigEqual bool `json:"config_equal"`
		}
	}
	if json.Unmarshal([]byte(text), &s) != nil {
		return 0
	}
	for _, p := range s.Peers {
		if p.Up && p.ConfigEqual && !p.Heard.IsZero() {
			n++
		}
	}
	return n
}
