package marks_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/nftables"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/marks"
)

// TestOneListThatTheKernelRefuses leaves the others in the kernel, and is named.
func TestOneListThatTheKernelRefuses(t *testing.T) {
	w := newWire(t)
	k := marks.NewKernel()
	defer k.Close()
	addr := netip.MustParseAddr
	packets := func(a string) marks.Packets {
		return marks.Packets{First: addr(a), Last: addr(a), FirstProtocol: conf.TCP, LastProtocol: conf.TCP,
			Ports: conf.PortRange{First: 80, Last: 80}}
	}
	rules := marks.Rules{Pools: [][]netip.Addr{nil, {addr("10.0.0.1")}, {addr("fd00::1")}}} // the last is of no use here
	for _, a := range []string{"10.0.1.1", "10.0.1.2", "10.0.1.3", "10.0.1.4"} {
		rules.Sources = append(rules.Sources, marks.Source{Packets: packets(a), Server: addr("10.0.0.9"), Pool: 1})
	}
	count := func() int {
		t.Helper()
		table := &nftables.Table{Family: nftables.TableFamilyINet, Name: "director-fullnat"}
		set, err := w.other.GetSetByName(table, "pools4")
		check(t, err)
		list, err := w.other.GetSetElements(set)
		check(t, err)
		return len(list)
	}
	check(t, k.Put(rules))
	if got := count(); got != 4 {
		t.Fatalf("%d elements, want 4", got)
	}
	rules.Sources[2].Pool = 2
	rules.Sources = append(rules.Sources, marks.Source{Packets: packets("10.0.1.5"), Server: addr("10.0.0.9"), Pool: 1})
	for range 2 {
		err := k.Put(rules)
		if err == nil || !strings.Contains(err.Error(),
			"packets to 10.0.1.3 on the way to real server 10.0.0.9, the others") {
			t.Errorf("the error is %v", err)
		}
		if got := count(); got != 4 {
			t.Errorf("%d elements, want the 4 that the kernel takes", got)
		}
	}
	rules.Sources[2].Pool = 1
	check(t, k.Put(rules))
	if got := count(); got != 5 {
		t.Errorf("%d elements, want 5", got)
	}
}
