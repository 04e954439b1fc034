package ipvsadm_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/ipvsadm"
)

// TestCounters: the columns of ipvsadm -Ln --stats and --rate.
func TestCounters(t *testing.T) {
	list := parse(t, "-A -t 192.0.2.10:80 -s rr\n-a -t 192.0.2.10:80 -r 10.0.0.2:80 -m -w 1\n-A -f 5 -6 -s rr\n")
	list[0].Whose = "director's"
	list[0].Total = event.Traffic{Connections: 7, InPackets: 99_999_999, OutPackets: 100_000_000, InBytes: 1_000_000_000,
		OutBytes: 100_000_000_000}
	list[0].Rate.InBytes = 12
	list[0].Servers[0].Counts.Traffic = event.Traffic{Connections: 6, OutBytes: 1<<64 - 1}
	for _, test := range []struct {
		columns ipvsadm.Columns
		want    string
	}{
		{ipvsadm.Columns{}, `IP Virtual Server
Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port
TCP  192.0.2.10:80                       7 99999999  100000K    1000M     100G  # director's
  -> 10.0.0.2:80                         6        0        0        018446744T
FWM  5 IPv6                              0        0        0        0        0
`},
		{ipvsadm.Columns{Exact: true}, `IP Virtual Server
Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port
TCP  192.0.2.10:80                       7 99999999 100000000 1000000000 100000000000  # director's
  -> 10.0.0.2:80                         6        0        0        0 18446744073709551615
FWM  5 IPv6                              0        0        0        0        0
`},
		{ipvsadm.Columns{Rate: true}, `IP Virtual Server
Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS
  -> RemoteAddress:Port
TCP  192.0.2.10:80                       0        0        0       12        0  # director's
  -> 10.0.0.2:80                         0        0        0        0        0
FWM  5 IPv6                              0        0        0        0        0
`},
	} {
		var b strings.Builder
		if err := ipvsadm.Counters(&b, list, test.columns); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, b.String()); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", test.columns, diff)
		}
	}
}
