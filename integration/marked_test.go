//go:build linux

package integration_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/traffic"
)

// userTable is what the tests call the table in which a user marks packets.
const userTable = "users-own"

// markAsUser sets a mark on TCP packets to the ports of an address, as a user's own rules
// do: ip daddr ADDRESS tcp dport { PORTS } meta mark set MARK.
func markAsUser(t *testing.T, h *lab.Host, address string, mark uint32, ports ...uint16) {
	t.Helper()
	if err := h.Do(func() error {
		c, err := nftables.New()
		if err != nil {
			return err
		}
		to := netip.MustParseAddr(address)
		family, offset := nftables.TableFamilyIPv4, uint32(16)
		if to.Is6() {
			family, offset = nftables.TableFamilyIPv6, 24
		}
		table := c.AddTable(&nftables.Table{Name: userTable, Family: family})
		chain := c.AddChain(&nftables.Chain{
			Name: "prerouting", Table: table, Type: nftables.ChainTypeFilter,
			Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityMangle,
		})
		daddr := to.AsSlice()
		for _, port := range ports {
			c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
				&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset,
					Len: uint32(len(daddr))},
				&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: daddr},
				&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
				&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_TCP}},
				&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
				&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binary.BigEndian.AppendUint16(nil, port)},
				&expr.Immediate{Register: 1, Data: binaryutil.NativeEndian.PutUint32(mark)},
				&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: 1},
			}})
		}
		return c.Flush()
	}); err != nil {
		t.Fatalf("mark packets on %s: %v", h.Name, err)
	}
}

// nftTables are the names of a host's tables in nftables.
func nftTables(t *testing.T, h *lab.Host) (names []string) {
	t.Helper()
	if err := h.Do(func() error {
		c, err := nftables.New()
		if err != nil {
			return err
		}
		tables, err := c.ListTables()
		for _, table := range tables {
			names = append(names, table.Name)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return names
}

// twelveClients gives the client twelve addresses.
func (s *shop) twelveClients() (sources []string) {
	for i := range 12 {
		sources = append(sources, fmt.Sprintf("203.0.113.%d", 65+i))
	}
	s.client.Address("lo", manyClients)
	s.director.Route(manyClients, "192.0.2.10")
	for _, h := range s.near {
		h.Route(manyClients, "192.0.2.10")
	}
	return sources
}

// TestShopOfTwoPorts: ports 80 and 443 of a shop are one service by a firewall mark, with
// persistence: a client has the same real server on both. Either a user's own rules set the mark
// (virtual_server fwmark), or director's (match). After a stop director's rules are gone and the
// user's are unchanged.
func TestShopOfTwoPorts(t *testing.T) {
	const byUser, byDirector, mark = "192.0.2.101", "192.0.2.102", 5
	s := openShop(t)
	sources := s.twelveClients()
	for _, address := range []string{byUser, byDirector} {
		s.director.Address("eth0", address+"/24")
	}
	for _, h := range s.near {
		h.Address("lo", byUser+"/32")
		h.Address("lo", byDirector+"/32")
		traffic.ServeNames(h, "tcp:80", "tcp:443")
	}
	markAsUser(t, s.director, byUser, mark, 80, 443)
	lines := []string{"lb_algo rr", "lb_kind DR", "persistence_timeout 60"}
	s.open(service(fmt.Sprintf("fwmark %d", mark), lines, nearServers("192.0.2.", 0, 3)...),
		service("match secure", append(lines, "match {", "    "+byDirector+" tcp 80 443", "}"),
			nearServers("192.0.2.", 0, 3)...))
	for _, vip := range []string{byUser, byDirector} {
		answers := traffic.Burst{Targets: []string{vip + ":80", vip + ":443"}, Sources: sources,
			Count: len(sources) * 2 * 5, Together: 4}.Run(s.client)
		expectAll(t, answers)
		places, used, asked := map[string]string{}, map[string]int{}, map[string]bool{}
		for _, a := range answers {
			if before := places[a.Source]; before != "" && before != a.Server {
				t.Errorf("%s has %s and %s (%s)", a.Source, before, a.Server, a.Target)
			}
			places[a.Source] = a.Server
			asked[a.Source+" "+a.Target] = true
		}
		for _, server := range places {
			used[server]++
		}
		t.Logf("%s: %d clients, %d pairs of client and port, clients by server %v", vip, len(places), len(asked), used)
		if len(asked) != 2*len(sources) || len(used) != 3 {
			t.Errorf("%s: %d pairs of client and port, want %d; clients by server %v, want 3 servers", vip, len(asked),
				2*len(sources), used)
		}
	}
	before := nftTables(t, s.director)
	s.daemon.Stop(20 * time.Second)
	if left := nftTables(t, s.director); len(before) < 2 || len(left) != 1 || left[0] != userTable {
		t.Errorf("tables in nftables: %v, and after the stop %v, want %s alone", before, left, userTable)
	}
	if n := s.destinations(); n > 0 {
		t.Errorf("%d real servers are still in the table:\n%s", n, s.table())
	}
}
