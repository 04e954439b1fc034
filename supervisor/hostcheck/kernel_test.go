package hostcheck

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/supervisor/plan"
	"github.com/lvs-director/director/virtualserver/table"
)

const ipvsText = `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  0A000064:0050 wlc persistent 300 FFFFFFFF
  -> 0A01000B:0050      Masq    2      12         3         
  -> 0A01000C:0050      Route   0      0          0         
UDP  [2001:0db8:0000:0000:0000:0000:0000:0001]:0035 rr
  -> [2001:0db8:0000:0000:0000:0000:0000:0002]:0035 Tunnel  1      0          7         
FWM  00000005 rr
  -> [2001:0db8:0000:0000:0000:0000:0000:0002]:0000 Route   1      1          0         
FWM  00000006 sh
`

func TestReadIPVSList(t *testing.T) {
	addr := netip.MustParseAddr
	web := conf.ServiceKey{Protocol: conf.TCP, Address: addr("10.0.0.100"), Port: 80}
	dns := conf.ServiceKey{Protocol: conf.UDP, Address: addr("2001:db8::1"), Port: 53}
	mark5, mark6 := conf.ServiceKey{FWMark: 5, IPv6: true}, conf.ServiceKey{FWMark: 6}
	dest := func(a string, port uint16, f table.Forward, weight int) map[conf.ServerKey]table.Destination {
		k := conf.ServerKey{Address: addr(a), Port: port}
		return map[conf.ServerKey]table.Destination{k: {Key: k, Forward: f, Weight: weight}}
	}
	both := dest("10.1.0.11", 80, table.Masquerade, 2)
	for k, d := range dest("10.1.0.12", 80, table.DirectRoute, 0) {
		both[k] = d
	}
	want := table.Table{
		web: {Service: table.Service{Key: web, Scheduler: "wlc"}, Destinations: both},
		dns: {Service: table.Service{Key: dns, Scheduler: "rr"}, Destinations: dest("2001:db8::2", 53, table.Tunnel, 1)},
		mark5: {Service: table.Service{Key: mark5, Scheduler: "rr"},
			Destinations: dest("2001:db8::2", 0, table.DirectRoute, 1)},
		mark6: {Service: table.Service{Key: mark6, Scheduler: "sh"}, Destinations: map[conf.ServerKey]table.Destination{}},
	}
	got, connections, err := readIPVSList(strings.NewReader(ipvsText))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	server := plan.Server{Service: web, Real: conf.ServerKey{Address: addr("10.1.0.11"), Port: 80}}
	if c := connections[server]; c.Active != 12 || c.Inactive != 3 || len(connections) != 4 {
		t.Errorf("%+v", connections)
	}
}

// FuzzReadIPVSList: a kernel that writes otherwise does no harm.
func FuzzReadIPVSList(f *testing.F) {
	f.Add(ipvsText)
	f.Add("  -> 0A01000B:0050 Masq 2 12 3\nTCP 0A:1 x\nTCP [::]:00 rr\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, connections, err := readIPVSList(strings.NewReader(text))
		if err == nil && len(connections) > got.RealServers()+strings.Count(text, "\n")+1 {
			t.Error("more connections than lines")
		}
		for key, e := range got {
			if e.Service.Key != key {
				t.Errorf("%v under %v", e.Service.Key, key)
			}
		}
	})
}
