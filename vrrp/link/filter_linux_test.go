package link_test

import (
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"

	"github.com/lvs-director/director/vrrp/link"
)

// reaches says whether a datagram from this host to an address of its own
// arrives: it passes the hook input as any other.
func reaches(t *testing.T, address string) bool {
	t.Helper()
	server, err := net.ListenPacket("udp", net.JoinHostPort(address, "0"))
	for end := time.Now().Add(5 * time.Second); err != nil && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		server, err = net.ListenPacket("udp", net.JoinHostPort(address, "0")) // it was tentative
	}
	check(t, err)
	defer server.Close()
	client, err := net.Dial("udp", server.LocalAddr().String())
	check(t, err)
	defer client.Close()
	_, err = client.Write([]byte("?"))
	check(t, err)
	check(t, server.SetReadDeadline(time.Now().Add(200*time.Millisecond)))
	_, _, err = server.ReadFrom(make([]byte, 10))
	return err == nil
}

func TestFilterDropsWhatIsSentToAnAddress(t *testing.T) {
	dualWire(t)
	lo, err := netlink.LinkByName("lo")
	check(t, err)
	check(t, netlink.LinkSetUp(lo))
	t.Cleanup(func() { check(t, netlink.LinkSetDown(lo)) }) // the namespace is that of all tests
	k := kernel(t)
	conn, err := nftables.New()
	check(t, err)
	if _, err := conn.ListTables(); err != nil {
		t.Skip("SKIP: no nftables in this kernel:", err)
	}
	f := k.Filter()
	t.Cleanup(func() { check(t, f.Close()) })
	block := func(a string) link.Block { return link.Block{Table: "director", Address: netip.MustParseAddr(a)} }
	const v4, v6 = "10.0.0.1", "fd00::1"
	if !reaches(t, v4) || !reaches(t, v6) {
		t.Fatal("nothing arrives before anything is dropped")
	}
	check(t, f.Block(block(v4)))
	if reaches(t, v4) || !reaches(t, v6) {
		t.Errorf("with %s blocked: it is reached: %v, %s is: %v", v4, reaches(t, v4), v6, reaches(t, v6))
	}
	check(t, f.Block(block(v6)))
	if err := f.Block(block(v6)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second time: %v", err)
	}
	if reaches(t, v6) {
		t.Errorf("%s is reached", v6)
	}

	// Flushed by somebody else, it is there again at the next look at the latest.
	conn.FlushRuleset()
	check(t, conn.Flush())
	if err := f.Block(block(v4)); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	if reaches(t, v4) || reaches(t, v6) {
		t.Error("what was flushed is not back")
	}

	check(t, f.Unblock(block(v4)))
	if !reaches(t, v4) || reaches(t, v6) {
		t.Error("one was unblocked, and the other counts")
	}
	// A successor that knows nothing finds what is left, and removes it or takes it over.
	successor := func() link.Filter {
		check(t, f.Close())
		next := k.Filter()
		t.Cleanup(func() { check(t, next.Close()) })
		return next
	}
	next := successor()
	if left, err := next.Blocked(); err != nil || len(left) != 1 || left[0] != block(v6) {
		t.Errorf("a successor finds %v, %v", left, err)
	}
	check(t, next.Unblock(block(v6)))
	check(t, next.Close())
	if tables, err := conn.ListTables(); err != nil || len(tables) != 0 {
		t.Errorf("tables are left: %v, %v", tables, err)
	}
	f = successor()
	check(t, f.Block(block(v4)))
	next = successor()
	check(t, next.Block(block(v6)))
	if reaches(t, v4) || reaches(t, v6) {
		t.Error("a successor ended what it was not asked about: the address may be kept")
	}
	check(t, next.Unblock(block(v4)))
	check(t, next.Unblock(block(v6)))

	foreign := conn.AddTable(&nftables.Table{Name: "theirs", Family: nftables.TableFamilyINet})
	check(t, conn.Flush())
	theirs := link.Block{Table: foreign.Name, Address: netip.MustParseAddr(v4)}
	if err := next.Block(theirs); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a table of somebody else was taken: %v", err)
	}
}

// TestAFlushedFilterComesBack: Debian's own nftables.conf begins with "flush
// ruleset". What is dropped is dropped again within moments, without anybody's
// asking, and it is said once.
func TestAFlushedFilterComesBack(t *testing.T) {
	dualWire(t)
	lo, err := netlink.LinkByName("lo")
	check(t, err)
	check(t, netlink.LinkSetUp(lo))
	t.Cleanup(func() { check(t, netlink.LinkSetDown(lo)) })
	conn, err := nftables.New()
	check(t, err)
	if _, err := conn.ListTables(); err != nil {
		t.Skip("SKIP: no nftables in this kernel:", err)
	}
	f := kernel(t).Filter()
	t.Cleanup(func() { check(t, f.Close()) })
	b := link.Block{Table: "director", Address: netip.MustParseAddr("10.0.0.1")}
	check(t, f.Block(b))
	t.Cleanup(func() { check(t, f.Unblock(b)) })
	table := &nftables.Table{Name: "director", Family: nftables.TableFamilyINet}
	chain := &nftables.Chain{Name: "virtual-addresses", Table: table}
	for _, tt := range []struct {
		name   string
		damage func()
	}{
		{"flush ruleset", conn.FlushRuleset},
		{"flush chain", func() { conn.FlushChain(chain) }},
		{"flush set", func() { conn.FlushSet(&nftables.Set{Name: "addresses4", Table: table}) }},
		{"delete table", func() { conn.DelTable(table) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			time.Sleep(link.FilterPeriod) // repairs are no nearer to each other
			gap := leak(t, "10.0.0.1", func() {
				tt.damage()
				check(t, conn.Flush())
			})
			t.Logf("packets arrived for %v", gap)
			if gap > 2*link.FilterPeriod {
				t.Errorf("packets arrived for %v, want less than %v", gap, 2*link.FilterPeriod)
			}
			select {
			case r := <-f.Repairs():
				if r.Err != nil || len(r.Missing) != 1 || r.Table != "director" {
					t.Errorf("repair %+v", r)
				}
			case <-time.After(5 * time.Second):
				t.Error("the repair is not told")
			}
			if reaches(t, "10.0.0.1") {
				t.Error("packets arrive afterwards")
			}
		})
	}
}

// leak does damage while datagrams are sent to an address all the time, and
// says how long they arrived.
func leak(t *testing.T, address string, damage func()) time.Duration {
	t.Helper()
	server, err := net.ListenPacket("udp", net.JoinHostPort(address, "0"))
	check(t, err)
	defer server.Close()
	client, err := net.Dial("udp", server.LocalAddr().String())
	check(t, err)
	defer client.Close()
	stop := make(chan struct{})
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for tick := time.NewTicker(50 * time.Microsecond); ; {
			select {
			case <-stop:
				return
			case <-tick.C:
				_, _ = client.Write([]byte("?"))
			}
		}
	}()
	damage()
	begin, last := time.Now(), time.Now()
	check(t, server.SetReadDeadline(begin.Add(3*link.FilterPeriod)))
	for {
		if _, _, err := server.ReadFrom(make([]byte, 10)); err != nil {
			break
		}
		last = time.Now()
		check(t, server.SetReadDeadline(last.Add(link.FilterPeriod)))
	}
	close(stop)
	<-sent
	return last.Sub(begin)
}
