//go:build linux

package integration_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/traffic"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/virtualserver/ipvs"
)

// TestCountersOfTheKernel: what director status says of connections, packets and bytes is what the kernel has
// counted, of each virtual server and real server, whether answers pass the director (NAT) or not (DR).
func TestCountersOfTheKernel(t *testing.T) {
	s := openShop(t)
	s.open(global(),
		service(at2(81), dr("rr"), nearServers("192.0.2.", 81, 3)...),
		service(at2(82), []string{"lb_algo rr", "lb_kind NAT", "protocol TCP"},
			fmt.Sprintf("198.51.100.11 %d", natPort), fmt.Sprintf("198.51.100.12 %d", natPort)))
	var table ipvs.Driver
	if err := s.director.Do(func() (err error) { table, err = ipvs.Open(); return err }); err != nil {
		t.Fatal(err)
	}
	defer table.Close()

	s.expectCounted(table, "before the traffic", 0)
	sources := s.sources(30)
	for _, port := range []int{81, 82} {
		expectAll(t, traffic.Burst{Targets: []string{at(port)}, Sources: sources, SourcePort: 3000, Count: 30}.Run(s.client))
	}
	s.expectCounted(table, "after 30 connections to each", 30)
}

// expectCounted waits until director status has the counters of the kernel, of two virtual servers with so many
// connections each: what it shows may be a round old.
func (s *shop) expectCounted(table ipvs.Driver, what string, connections uint64) {
	s.t.Helper()
	var kernel, told string
	defer func() {
		s.Logf("%s: the kernel has\n%s", what, kernel)
		if s.t.Failed() {
			s.Logf("told:\n%s", told)
		}
	}()
	s.Until(30*time.Second, what+": status and the kernel agree", func() bool {
		list, total := make(map[string]control.Traffic), uint64(0)
		measured, err := table.Measure()
		if err != nil {
			s.t.Fatal(err)
		}
		for key, m := range measured {
			list[key.String()] = control.NewTraffic(m.Total)
			total += m.Total.Connections
			for server, of := range m.Servers {
				list[key.String()+" "+strings.Replace(server.String(), "]:", "]:tcp:", 1)] = control.NewTraffic(of.Total)
			}
		}
		kernel = traffics(s, list)
		clear(list)
		var status control.Status
		out, _ := s.director.Output(s.daemon.AskCommand("status", "--json")...)
		if err := json.Unmarshal([]byte(out), &status); err != nil {
			s.t.Fatalf("director status --json: %v\n%s", err, out)
		}
		for _, vs := range status.VirtualServers {
			list[vs.Name] = vs.Traffic
			for _, rs := range vs.RealServers {
				list[vs.Name+" "+rs.Name] = rs.Traffic
			}
		}
		told = traffics(s, list)
		return total == 2*connections && told == kernel
	})
}

func traffics(s *shop, list map[string]control.Traffic) string {
	s.t.Helper()
	text, err := json.MarshalIndent(list, "", " ") // in the order of the names
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}
