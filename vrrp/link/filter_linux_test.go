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

	// Flushed by somebody else, it is there again at the next look.
	conn.FlushRuleset()
	check(t, conn.Flush())
	if !reaches(t, v4) {
		t.Fatal("the flush did nothing")
	}
	check(t, f.Block(block(v4)))
	if reaches(t, v4) || reaches(t, v6) {
		t.Error("what was flushed is not back")
	}

	check(t, f.Unblock(block(v4)))
	if !reaches(t, v4) || reaches(t, v6) {
		t.Error("one was unblocked, and the other counts")
	}
	// A successor that knows nothing removes what is left, or takes it over.
	check(t, k.Filter().Unblock(block(v6)))
	if tables, err := conn.ListTables(); err != nil || len(tables) != 0 {
		t.Errorf("tables are left: %v, %v", tables, err)
	}
	check(t, f.Block(block(v4)))
	check(t, k.Filter().Block(block(v6)))
	if !reaches(t, v4) || reaches(t, v6) {
		t.Error("a successor begins with what it is told")
	}
	check(t, k.Filter().Unblock(block(v6)))

	foreign := conn.AddTable(&nftables.Table{Name: "theirs", Family: nftables.TableFamilyINet})
	check(t, conn.Flush())
	if err := f.Block(link.Block{Table: foreign.Name, Address: netip.MustParseAddr(v4)}); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a table of somebody else was taken: %v", err)
	}
}
