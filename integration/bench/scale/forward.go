//go:build linux

package scale

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lvs-director/director/integration/bench/proc"
	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

const (
	packets     = 10_000 // of a stream
	calls       = 500    // connections, one after the other
	knownFlows  = 64     // of a stream whose connections are in the table
	rounds      = 3      // of each figure in a run
	fillAtOnce  = 25_000 // a run of the sender may take half a minute
	settleLimit = 60 * time.Second
)

// methods are measured in this order.
func methods() []string { return []string{"NAT", "DR", "TUN"} }

// filled are the sizes of the table that packets are measured with.
func filled() []int { return []int{25_000, 100_000, 400_000} }

// Path is the time of a packet, or of a connection, for each round.
type Path struct {
	Direct   []time.Duration // without the host in the middle
	Routed   []time.Duration // by plain routing through it
	Balanced []time.Duration // through a virtual server of it
}

// Way is what a method of forwarding costs.
type Way struct {
	Method string
	Flow   Path // a packet of a connection that is in the table
	New    Path // a packet that makes a new entry
	TCP    Path // a TCP connection, made, answered and closed
}

// Table is what the table costs with a number of connections in it.
type Table struct {
	Connections int
	Packet      []time.Duration // of a connection in the table, balanced
	Slab        int64           // bytes of the kernel's slabs more than with an empty table
	Worker      int64           // bytes resident of director's lvs worker
	Supervisor  int64
}

// Forwarding is what one director forwards.
type Forwarding struct {
	Ways    []Way
	Tables  []Table
	Direct  []time.Duration // a packet without the host, when Tables were measured
	Routed  []time.Duration
	Entry   int64 // bytes of a slab's object for a connection, 0 if the kernel does not say
	TabBits int   // conn_tab_bits of the kernel, 0 if it does not say
}

// road is a client, the host in the middle and a real server behind it.
type road struct {
	t                        lab.Reporter
	lab                      *lab.Lab
	client, director, server *lab.Host
	daemon                   *pair.Daemon
	flows                    int // that were used by now
}

// The addresses of the road. Nobody has sink and directSink: they are there for their hardware addresses only.
const (
	roadVIP    = "10.200.0.1"
	sink       = "10.202.0.9"
	directSink = "10.203.0.9"
	callDirect = "10.203.0.3"
	callRouted = "10.202.0.4"
	realServer = "10.202.0.3"
	nobody     = "02:00:00:00:00:99"
	callPort   = 80
	sinkPort   = 53
)

func newRoad(t lab.Reporter, method string) *road {
	if method == "TUN" {
		// It may be built in.
		if out, err := exec.Command("modprobe", "ipip").CombinedOutput(); err != nil {
			t.Logf("modprobe ipip: %v: %s", err, out)
		}
	}
	l := lab.New(t)
	r := &road{t: t, lab: l, client: l.Host("client"), director: l.Host("director"), server: l.Host("server")}
	l.Wire(r.client, r.director, "eth0", "10.201.0.1/24", "10.201.0.2/24")
	l.Wire(r.director, r.server, "eth1", "10.202.0.1/24", realServer+"/24")
	// Packets from a real server are the virtual server's business, so routing has an address of its own.
	r.server.Address("eth1", callRouted+"/24")
	l.Wire(r.client, r.server, "eth2", "10.203.0.1/24", callDirect+"/24")
	for _, h := range []*lab.Host{r.client, r.director, r.server} {
		for _, name := range []string{"all", "default", "eth0", "eth1", "eth2"} {
			// Answers of DR and TUN come by another way than the questions went. Not every host has each interface.
			_, _ = h.Output("sysctl", "-qw", "net.ipv4.conf."+name+".rp_filter=0")
		}
	}
	r.director.Sysctl("net.ipv4.ip_forward", "1")
	r.director.Sysctl("net.ipv4.conf.all.send_redirects", "0")
	r.director.Run("ip", "address", "add", roadVIP+"/32", "dev", "lo")
	r.director.Route(sources, "10.201.0.1")
	r.director.Run("ip", "neigh", "replace", sink, "lladdr", nobody, "dev", "eth1", "nud", "permanent")
	r.client.Run("ip", "neigh", "replace", directSink, "lladdr", nobody, "dev", "eth2", "nud", "permanent")
	r.client.Route(roadVIP+"/32", "10.201.0.2")
	r.client.Route("10.202.0.0/24", "10.201.0.2")
	if method == "NAT" {
		r.server.Route("10.201.0.0/24", "10.202.0.1")
	} else {
		r.server.Route("10.201.0.0/24", "10.203.0.1")
		r.server.Run("ip", "address", "add", roadVIP+"/32", "dev", "lo")
	}
	if method == "TUN" {
		r.server.Run("ip", "link", "set", "tunl0", "up")
		_, _ = r.server.Output("sysctl", "-qw", "net.ipv4.conf.tunl0.rp_filter=0")
	}
	r.server.StartCommand(lab.Command{Name: "answer", Argv: []string{"/proc/self/exe"},
		Env: []string{fmt.Sprintf("%s=answer %d", roleVar, callPort)}})
	r.daemon = pair.Start(t, stage.Director(), r.director, roadConfig(method))
	r.lab.Until(settleLimit, "director has its table", func() bool { return len(pair.Table(r.director)) == 2 })
	return r
}

// roadConfig is what director runs on the road.
func roadConfig(method string) string {
	var b strings.Builder
	b.WriteString("global_defs {\n router_id road\n}\n")
	for _, s := range []struct {
		protocol, server string
		port             int
	}{{"UDP", sink, sinkPort}, {"TCP", realServer, callPort}} {
		fmt.Fprintf(&b, "virtual_server %s %d {\n lb_algo rr\n lb_kind %s\n protocol %s\n"+
			" real_server %s %d {\n weight 1\n }\n}\n", roadVIP, s.port, method, s.protocol, s.server, s.port)
	}
	return b.String()
}

// play runs one of the programs of this package on the client and returns what it took for each of count.
func (r *road) play(role string, count int) time.Duration {
	r.t.Helper()
	self, err := os.Executable()
	if err != nil {
		r.t.Fatalf("find this program's file: %v", err)
	}
	out := strings.TrimSpace(r.client.Run("env", roleVar+"="+role, self))
	n, err := strconv.ParseInt(out, 10, 64)
	if err != nil {
		r.t.Fatalf("%s: it says %q", role, out)
	}
	return time.Duration(n) / time.Duration(count)
}

// stream sends datagrams, and checks that they arrive at an interface of the server.
func (r *road) stream(s stream, iface string) time.Duration {
	r.t.Helper()
	before := r.received(iface)
	took := r.play(s.role(), s.count)
	if got := r.received(iface) - before; got < s.count*99/100 {
		r.t.Fatalf("%d of %d packets to %v arrived", got, s.count, s.target)
	}
	return took
}

// received is how many packets an interface of the server has taken in.
func (r *road) received(iface string) int {
	r.t.Helper()
	text := proc.Field(r.server.Run("cat", "/proc/net/dev"), iface, ":")
	if f := strings.Fields(text); len(f) > 1 {
		if n, err := strconv.Atoi(f[1]); err == nil {
			return n
		}
	}
	r.t.Fatalf("the packets of %s are not known: %q", iface, text)
	return 0
}

// three measures one round of a path; each way has flows of its own.
func (r *road) three(p *Path, flows, count int) {
	r.t.Helper()
	for _, way := range []struct {
		to     *[]time.Duration
		target string
		iface  string
	}{{&p.Direct, directSink, "eth2"}, {&p.Routed, sink, "eth1"}, {&p.Balanced, roadVIP, "eth1"}} {
		s := stream{target: netip.AddrPortFrom(netip.MustParseAddr(way.target), sinkPort), count: count, first: r.flows,
			flows: flows, stride: 1}
		r.flows += flows
		*way.to = append(*way.to, r.stream(s, way.iface))
	}
}

// connect measures one round of TCP connections.
func (r *road) connect(p *Path) {
	r.t.Helper()
	for _, way := range []struct {
		to     *[]time.Duration
		target string
	}{{&p.Direct, callDirect}, {&p.Routed, callRouted}, {&p.Balanced, roadVIP}} {
		*way.to = append(*way.to, r.play(fmt.Sprintf("call %s:%d %d", way.target, callPort, calls), calls))
	}
}

// way measures a method.
func (r *road) way(method string) Way {
	r.t.Helper()
	w, warm := Way{Method: method}, Path{}
	r.three(&warm, knownFlows, 1000)
	r.connect(&warm)
	for range rounds {
		r.three(&w.Flow, knownFlows, packets)
		r.three(&w.New, packets, packets)
		r.connect(&w.TCP)
	}
	fmt.Printf("  %-4s a packet %v more, routing %v; a new connection %v, routing %v; TCP %v, routing %v\n", method,
		w.Flow.balanced(), w.Flow.routed(), w.New.balanced(), w.New.routed(), w.TCP.balanced(), w.TCP.routed())
	return w
}

func measureForwarding() (f Forwarding, err error) {
	for _, method := range methods() {
		ok := stage.Play("bench-scale-"+method, func(t lab.Reporter) {
			r := newRoad(t, method)
			f.Ways = append(f.Ways, r.way(method))
			r.end()
		})
		if !ok {
			err = fmt.Errorf("the measurement of forwarding failed")
		}
	}
	ok := stage.Play("bench-scale-connections", func(t lab.Reporter) {
		r := newRoad(t, "DR")
		r.fill(&f)
		r.end()
	})
	if !ok {
		err = fmt.Errorf("the measurement of a full table of connections failed")
	}
	return f, err
}

// fill measures with more and more connections in the table.
func (r *road) fill(f *Forwarding) {
	r.t.Helper()
	f.Entry, f.TabBits = entrySize(), tabBits()
	vip := netip.AddrPortFrom(netip.MustParseAddr(roadVIP), sinkPort)
	var warm, plain Path
	r.three(&warm, knownFlows, 1000)
	for range rounds {
		r.three(&plain, knownFlows, packets)
	}
	f.Direct, f.Routed = plain.Direct, plain.Routed
	first := r.flows
	f.Tables = append(f.Tables, Table{Packet: plain.Balanced})
	r.use(&f.Tables[0])
	empty := f.Tables[0].Slab
	f.Tables[0].Slab = 0
	for _, size := range filled() {
		for made := r.flows - first; made < size; made = r.flows - first {
			n := min(size-made, fillAtOnce)
			r.stream(stream{target: vip, count: n, first: r.flows, flows: n, stride: 1}, "eth1")
			r.flows += n
		}
		one := Table{Connections: size}
		for range rounds {
			s := stream{target: vip, count: packets, first: first, flows: knownFlows, stride: size / knownFlows}
			one.Packet = append(one.Packet, r.stream(s, "eth1"))
		}
		r.use(&one)
		one.Slab -= empty
		f.Tables = append(f.Tables, one)
		fmt.Printf("  %d connections: a packet %v, slabs %d bytes each, lvs worker %d bytes\n", size, median(one.Packet),
			one.Slab/int64(size), one.Worker)
	}
}

// use reads the memory of the kernel's slabs and of director.
func (r *road) use(to *Table) {
	r.t.Helper()
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		r.t.Fatalf("read the kernel's memory: %v", err)
	}
	kilobytes, err := strconv.ParseInt(strings.TrimSuffix(proc.Field(string(text), "Slab", ":"), " kB"), 10, 64)
	if err != nil {
		r.t.Fatalf("read the kernel's memory: %v", err)
	}
	to.Slab = kilobytes << 10
	for pid, at := range map[int]*int64{r.daemon.Pid: &to.Supervisor, r.daemon.Worker(pair.LVS): &to.Worker} {
		u, err := proc.Use(pid)
		if err != nil {
			r.t.Fatalf("measure director: %v", err)
		}
		*at = u.RSS
	}
}

func (r *road) end() {
	r.daemon.KillAll()
	r.daemon.WaitEnd(settleLimit)
}

// entrySize is the size of the kernel's object for a connection, 0 if it cannot be read. A cache that was merged
// with another one is a link in /sys, and has no line in /proc/slabinfo.
func entrySize() int64 {
	return number("/sys/kernel/slab/ip_vs_conn/slab_size")
}

func tabBits() int { return int(number("/sys/module/ip_vs/parameters/conn_tab_bits")) }

func number(path string) int64 {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// routed is what the host in the middle adds by plain routing, balanced by a virtual server; 0 is not measured.
func (p Path) routed() time.Duration   { return added(p.Routed, p.Direct) }
func (p Path) balanced() time.Duration { return added(p.Balanced, p.Direct) }

func added(with, without []time.Duration) time.Duration {
	if len(with) == 0 || len(without) == 0 {
		return 0
	}
	return max(median(with)-median(without), 0)
}

// median is the middle value, the upper one of two, and 0 of none.
func median(values []time.Duration) time.Duration {
	if len(values) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(values))[len(values)/2]
}
