package marks_test

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/marks"
)

// wire is a director and a client in network namespaces of their own, joined by a cable.
type wire struct {
	t      *testing.T
	other  *nftables.Conn // another program's way into the director's nftables
	client func(func())   // runs a function inside the client
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newWire moves the test into the director's namespace.
func newWire(t *testing.T) *wire {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIP: not root: cannot make a network namespace")
	}
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skip("SKIP: cannot make a network namespace:", err)
	}
	w := &wire{t: t}
	var err error
	w.other, err = nftables.New()
	check(t, err)
	if _, err := w.other.ListTables(); err != nil {
		t.Skip("SKIP: no nftables in this kernel:", err)
	}
	jobs, ready := make(chan func()), make(chan int)
	go func() {
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			ready <- -1
			return
		}
		fd, _ := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		ready <- fd
		for job := range jobs {
			job()
		}
	}()
	fd := <-ready
	if fd < 0 {
		t.Skip("SKIP: cannot make a network namespace")
	}
	t.Cleanup(func() { close(jobs); unix.Close(fd) })
	w.client = func(f func()) {
		done := make(chan struct{})
		jobs <- func() { defer close(done); f() }
		<-done
	}
	check(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}, PeerName: "eth1"}))
	peer, err := netlink.LinkByName("eth1")
	check(t, err)
	check(t, netlink.LinkSetNsFd(peer, fd))
	up("eth0", "10.0.0.1/24", "10.0.0.100/24", "10.0.0.101/24", "fd00::1/64", "fd00::100/64")
	up("lo", "127.0.0.1/8")
	w.client(func() { up("eth1", "10.0.0.2/24", "fd00::2/64") })
	return w
}

func up(name string, addresses ...string) {
	l, err := netlink.LinkByName(name)
	if err != nil {
		panic(err)
	}
	for _, a := range addresses {
		p := netip.MustParsePrefix(a)
		n := &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
		_ = netlink.AddrAdd(l, &netlink.Addr{IPNet: n, Flags: unix.IFA_F_NODAD})
	}
	if err := netlink.LinkSetUp(l); err != nil {
		panic(err)
	}
}

// sees counts, as IPVS would find them, packets with a mark in the hook input.
func (w *wire) sees(name string, mark uint32) func() uint64 {
	w.t.Helper()
	table := w.other.AddTable(&nftables.Table{Name: name, Family: nftables.TableFamilyINet})
	chain := w.other.AddChain(&nftables.Chain{Name: "in", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter})
	w.other.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binary.NativeEndian.AppendUint32(nil, mark)},
		&expr.Counter{},
	}})
	check(w.t, w.other.Flush())
	return func() uint64 {
		w.t.Helper()
		rules, err := w.other.GetRules(table, chain)
		check(w.t, err)
		return rules[0].Exprs[2].(*expr.Counter).Packets
	}
}

// udp sends a datagram, with a mark of the sender's own if that is not 0.
func udp(t *testing.T, to string, port int, mark int) {
	t.Helper()
	c, err := net.Dial("udp", net.JoinHostPort(to, strconv.Itoa(port)))
	check(t, err)
	defer c.Close()
	if mark != 0 {
		raw, err := c.(*net.UDPConn).SyscallConn()
		check(t, err)
		_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, mark) })
	}
	_, err = c.Write([]byte("x"))
	check(t, err)
}

// gains says how much a count grows while something is done. What is to grow has time: the
// first packet waits for a neighbour.
func gains(t *testing.T, count func() uint64, want uint64, do func()) uint64 {
	t.Helper()
	before := count()
	do()
	var now uint64
	limit := 300 * time.Millisecond
	if want > 0 {
		limit = 10 * time.Second
	}
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if now = count(); now > before {
			break
		}
	}
	return now - before
}

func TestPacketsAreMarked(t *testing.T) {
	w := newWire(t)
	k := marks.NewKernel()
	t.Cleanup(k.Close)
	shop := []*conf.VirtualServer{
		list("shop", 0x1d7a2afe, entry("10.0.0.100/32", conf.UDP, conf.PortRange{First: 53, Last: 53},
			conf.PortRange{First: 1000, Last: 1010}), entry("10.0.0.101/32", 0)),
		list("shop6", 0x1d7a2afe, entry("fd00::100/128", conf.UDP, conf.PortRange{First: 53, Last: 53})),
	}
	put := func(servers ...*conf.VirtualServer) {
		t.Helper()
		rules, err := marks.Wanted(servers)
		check(t, err)
		check(t, k.Put(rules))
	}
	put(shop...)
	count := w.sees("theirs", 0x1d7a2afe)
	for _, test := range []struct {
		to   string
		port int
		want uint64
	}{
		{"10.0.0.100", 53, 1}, {"10.0.0.100", 54, 0}, {"10.0.0.100", 1000, 1}, {"10.0.0.100", 1010, 1},
		{"10.0.0.100", 1011, 0}, {"10.0.0.101", 9, 1}, {"10.0.0.1", 53, 0}, {"fd00::100", 53, 1}, {"fd00::100", 54, 0},
		{"fd00::1", 53, 0},
	} {
		got := gains(t, count, test.want, func() { w.client(func() { udp(t, test.to, test.port, 0) }) })
		if got != test.want {
			t.Errorf("to %s port %d: %d packets are marked, want %d", test.to, test.port, got, test.want)
		}
		// The host's own packets too: it may be its own client.
		if got := gains(t, count, test.want, func() { udp(t, test.to, test.port, 0) }); got != test.want {
			t.Errorf("from the host itself to %s port %d: %d packets are marked, want %d", test.to, test.port, got,
				test.want)
		}
	}

	foreign := func() uint64 {
		n, err := marks.Foreign()
		check(t, err)
		return n
	}
	if n := foreign(); n != 0 {
		t.Errorf("%d packets count as marked by somebody else, and nobody has", n)
	}
	// Checks as_client are director's own.
	for _, mark := range []uint32{conf.FirstCheckMark, conf.LastCheckMark} {
		seen := w.sees("check", mark)
		if got := gains(t, seen, 1, func() { udp(t, "10.0.0.100", 53, int(mark)) }); got != 1 {
			t.Errorf("%d packets keep the mark of a check, want 1", got)
		}
		w.other.DelTable(&nftables.Table{Name: "check", Family: nftables.TableFamilyINet})
		check(t, w.other.Flush())
	}
	if n := foreign(); n != 0 {
		t.Errorf("%d packets of checks count as marked by somebody else", n)
	}
	// So are those with a fwmark, whichever virtual server they are of: it is an address of a list
	// that they go to.
	checked := list("checked", 11, entry("10.0.0.102/32", conf.UDP))
	checked.RealServers = []*conf.RealServer{{Key: conf.ServerKey{Address: addr("10.0.0.2"), Port: 53},
		Checkers: []conf.Checker{{Kind: conf.UDPCheck, FWMark: 6}, {Kind: conf.UDPCheck, FWMark: 0xfffffff6}}}}
	put(append(shop, checked)...)
	for _, mark := range []uint32{6, 0xfffffff6} {
		udp(t, "10.0.0.100", 53, int(mark))
		udp(t, "fd00::100", 53, int(mark))
	}
	if n := foreign(); n != 0 {
		t.Errorf("%d packets of checks with a fwmark count as marked by somebody else", n)
	}
	put(shop...)
	before := foreign()
	udp(t, "10.0.0.100", 53, 6)
	if n := foreign() - before; n != 1 {
		t.Errorf("with the mark of a check that is gone %d packets count as marked by somebody else, want 1", n)
	}
	put(append(shop, checked)...)
	seenBefore := foreign()
	five := w.sees("five", 5)
	if got := gains(t, five, 1, func() { udp(t, "10.0.0.100", 53, 5) }); got != 1 {
		t.Errorf("%d packets keep the mark of somebody else, want 1", got)
	}
	if n := foreign() - seenBefore; n != 1 {
		t.Errorf("%d packets count as marked by somebody else, want 1", n)
	}
	udp(t, "fd00::100", 53, int(conf.FirstCheckMark))
	udp(t, "fd00::100", 53, int(conf.LastCheckMark)+1)
	if n := foreign() - seenBefore; n != 2 {
		t.Errorf("with IPv6 %d packets count as marked by somebody else, want 2", n)
	}

	// A change is one of elements: the counter goes on, since the rules stay.
	put(list("shop", 9, entry("10.0.0.100/32", conf.UDP, conf.PortRange{First: 54, Last: 54})))
	if n := foreign() - seenBefore; n != 2 {
		t.Errorf("after a change of the list the count is %d, want 2", n)
	}
	nine := w.sees("nine", 9)
	if got := gains(t, nine, 1, func() { w.client(func() { udp(t, "10.0.0.100", 54, 0) }) }); got != 1 {
		t.Errorf("the list changed, and %d packets have the new mark, want 1", got)
	}
	if got := gains(t, count, 0, func() { w.client(func() { udp(t, "10.0.0.100", 53, 0) }) }); got != 0 {
		t.Error("packets that are on no list any more are marked")
	}

	// Another life finds the table and removes it.
	k.Close()
	k = marks.NewKernel()
	put()
	tables, err := w.other.ListTables()
	check(t, err)
	for _, table := range tables {
		if table.Name != "theirs" && table.Name != "five" && table.Name != "nine" {
			t.Errorf("table %s is left", table.Name)
		}
	}
	if n := foreign(); n != 0 {
		t.Errorf("without a table %d packets were counted", n)
	}
}

// TestFlushedMarksComeBack: Debian's nftables.conf begins with "flush ruleset".
func TestFlushedMarksComeBack(t *testing.T) {
	w := newWire(t)
	k := marks.NewKernel()
	t.Cleanup(k.Close)
	v := list("shop", 7, entry("10.0.0.100/32", conf.UDP))
	v.RealServers = []*conf.RealServer{{Key: conf.ServerKey{Address: addr("10.0.0.2"), Port: 53}, Forward: conf.FNAT}}
	rules, err := marks.Wanted([]*conf.VirtualServer{v})
	check(t, err)
	check(t, k.Put(rules))
	w.other.FlushRuleset()
	check(t, w.other.Flush())
	for _, table := range []string{"director-marks", "director-fullnat"} {
		select {
		case r := <-k.Repairs():
			if r.Err != nil || len(r.Missing) == 0 {
				t.Errorf("%+v", r)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s was flushed, and nothing was put back", table)
		}
	}
	count := w.sees("theirs", 7)
	if got := gains(t, count, 1, func() { w.client(func() { udp(t, "10.0.0.100", 53, 0) }) }); got != 1 {
		t.Errorf("after a flush %d packets are marked, want 1", got)
	}
}

// TestFullNATRewritesTheSource plays IPVS with a rule that translates the destination: the
// connection's first packet was for the virtual address, and this one is for the real server.
func TestFullNATRewritesTheSource(t *testing.T) {
	for _, pool := range [][]netip.Addr{nil, {addr("10.0.0.101")}} {
		t.Run(strconv.Itoa(len(pool)), func(t *testing.T) {
			w := newWire(t)
			k := marks.NewKernel()
			t.Cleanup(k.Close)
			v := &conf.VirtualServer{
				Services:       []conf.ServiceKey{{Protocol: conf.UDP, Address: addr("10.7.0.1"), Port: 53}},
				LocalAddresses: pool,
				RealServers: []*conf.RealServer{
					{Key: conf.ServerKey{Address: addr("10.0.0.2"), Port: 5353}, Forward: conf.FNAT}},
			}
			rules, err := marks.Wanted([]*conf.VirtualServer{v})
			check(t, err)
			check(t, k.Put(rules))
			up("lo", "10.8.0.9/32") // the client is this host, by an address that the real server does not know
			translate(t, w.other, "10.7.0.1", "10.0.0.2", 5353)
			route(t, "10.7.0.0/24", "10.0.0.2")

			var server *net.UDPConn
			w.client(func() {
				server, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 5353})
			})
			check(t, err)
			defer server.Close()
			c, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.IPv4(10, 8, 0, 9)},
				&net.UDPAddr{IP: net.IPv4(10, 7, 0, 1), Port: 53})
			check(t, err)
			defer c.Close()
			_, err = c.Write([]byte("?"))
			check(t, err)
			check(t, server.SetReadDeadline(time.Now().Add(5*time.Second)))
			buf := make([]byte, 10)
			_, from, err := server.ReadFromUDP(buf)
			if err != nil {
				t.Fatal("the real server got nothing:", err)
			}
			want := "10.0.0.1"
			if len(pool) > 0 {
				want = pool[0].String()
			}
			if from.IP.String() != want {
				t.Errorf("the real server sees %s, want %s", from.IP, want)
			}
			// Its answer finds the way back, though it knows no route to the client.
			_, err = server.WriteToUDP([]byte("!"), from)
			check(t, err)
			check(t, c.SetReadDeadline(time.Now().Add(5*time.Second)))
			if _, err := c.Read(buf); err != nil {
				t.Error("no answer:", err)
			}
		})
	}
}

// translate has the kernel send what is for one address to another one.
func translate(t *testing.T, other *nftables.Conn, from, to string, port uint16) {
	t.Helper()
	table := other.AddTable(&nftables.Table{Name: "ipvs", Family: nftables.TableFamilyIPv4})
	chain := other.AddChain(&nftables.Chain{Name: "out", Table: table, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityNATDest})
	other.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 16, Len: 4},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: addr(from).AsSlice()},
		&expr.Immediate{Register: 1, Data: addr(to).AsSlice()},
		&expr.Immediate{Register: 2, Data: binary.BigEndian.AppendUint16(nil, port)},
		&expr.NAT{Type: expr.NATTypeDestNAT, Family: unix.NFPROTO_IPV4, RegAddrMin: 1, RegProtoMin: 2},
	}})
	check(t, other.Flush())
}

func route(t *testing.T, to, via string) {
	t.Helper()
	_, dst, err := net.ParseCIDR(to)
	check(t, err)
	check(t, netlink.RouteAdd(&netlink.Route{Dst: dst, Gw: net.ParseIP(via)}))
}
