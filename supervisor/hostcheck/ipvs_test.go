package hostcheck

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/ipvsadm"
	"github.com/lvs-director/director/virtualserver/table"
)

// TestListing: whose each service is, and what was counted of it, at its place.
func TestListing(t *testing.T) {
	at := func(mark uint32) conf.ServiceKey { return conf.ServiceKey{FWMark: mark} }
	server := conf.ServerKey{Address: netip.MustParseAddr("10.0.0.2")}
	all := make(table.Table)
	for mark := range uint32(3) {
		key := at(mark + 1)
		all[key] = ipvs.Entry(table.Service{Key: key, Scheduler: "rr", MaskBits: 32}, []table.Destination{{Key: server,
			Weight: 1, Counts: table.Counts{Active: 3, Inactive: 4}}})
	}
	counted := map[conf.ServiceKey]ipvs.Measured{at(2): {
		Measurement: ipvs.Measurement{Total: event.Traffic{Connections: 9}, Rate: event.Traffic{InBytes: 5}},
		Servers:     map[conf.ServerKey]ipvs.Measurement{server: {Rate: event.Traffic{InBytes: 6}}},
	}}
	keys := []string{"service fwmark 1 inet", "adopted fwmark 2 inet", "service fwmark 2 inet", "setting x"}
	list := listing(all, counted, keys)
	var b strings.Builder
	if err := ipvsadm.List(&b, "IP Virtual Server", list); err != nil {
		t.Fatal(err)
	}
	want := `IP Virtual Server
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
FWM  1 rr  # director's
  -> 10.0.0.2:0                   Masq    1      3          4         
FWM  2 rr  # director's, adopted
  -> 10.0.0.2:0                   Masq    1      3          4         
FWM  3 rr  # not director's
  -> 10.0.0.2:0                   Masq    1      3          4         
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if list[1].Total.Connections != 9 || list[1].Rate.InBytes != 5 || list[1].Servers[0].Rate.InBytes != 6 {
		t.Errorf("counters %+v", list[1])
	}
}

// TestImportLeavesChecksOut: the services of checks as_client are director's own, and no virtual servers of a
// configuration.
func TestImportLeavesChecksOut(t *testing.T) {
	read := func(text string) (*conf.Config, []conf.Finding) { return load.LoadText("import", text, load.Options{}) }
	list, wrong := ipvsadm.Parse("-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 10.0.0.2:80 -g -w 1\n" +
		"-A -f 1140850689 -s rr\n-a -f 1140850689 -r 10.0.0.2:80 -g -w 1\n")
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	made, err := Import(list, read)
	if err != nil || !strings.Contains(made.Text, "192.0.2.1 80") || strings.Contains(made.Text, "fwmark") ||
		len(made.Notes) == 0 || !strings.Contains(made.Notes[0], "as_client") {
		t.Errorf("%v\n%s%q", err, made.Text, made.Notes)
	}
	if len(list) != 2 {
		t.Error("the caller's list has changed")
	}
}
