//go:build linux

package integration_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/traffic"
)

// onlyLong skips a test in the short form.
func onlyLong(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIP: part of the long form")
	}
}

// at is a port of the shop's virtual address.
func at(port int) string { return fmt.Sprintf("%s:%d", shopVIP, port) }

// sources gives the client further addresses, to which the director and the near real
// servers know the way.
func (s *shop) sources(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("203.0.113.%d", 1+i))
		s.client.Address("eth0", list[i]+"/32")
	}
	for _, h := range append([]*lab.Host{s.director}, s.near...) {
		h.Route("203.0.113.0/24", "192.0.2.10")
	}
	return list
}

// hold opens 30 connections to a port, from addresses of the client, and keeps them open.
func (s *shop) hold(port int, sources []string) *traffic.Held {
	s.t.Helper()
	held := traffic.Burst{Targets: []string{at(port)}, Sources: sources, SourcePort: 3000, Count: 30, Hold: true}.
		Start(s.client)
	expectAll(s.t, held.First)
	return held
}

// servers are the real servers of a service of the shop's virtual address in the
// kernel's table, by their names.
func (s *shop) servers(port int) map[string]pair.RealServer {
	list := map[string]pair.RealServer{}
	for _, vs := range pair.Table(s.director) {
		if vs.Address.String() != at(port) {
			continue
		}
		for _, rs := range vs.Servers {
			list[shopName(rs.Address.Addr().String())] = rs
		}
	}
	return list
}

// shopName is the name of a shop's real server.
func shopName(address string) string {
	for prefix, name := range map[string]string{"192.0.2.1": "near", "198.51.100.1": "inner", "198.51.100.2": "far"} {
		if n, ok := strings.CutPrefix(address, prefix); ok {
			return name + n
		}
	}
	return address
}

// weights are those of the real servers of a service in the kernel's table: "near1 1".
func (s *shop) weights(port int) string {
	list := map[string]int{}
	for name, rs := range s.servers(port) {
		list[name] = rs.Weight
	}
	return fmt.Sprint(list) // in the order of the names
}

// untilWeights waits until the kernel has exactly these weights.
func (s *shop) untilWeights(limit time.Duration, port int, want map[string]int) {
	s.t.Helper()
	s.Until(limit, fmt.Sprintf("the weights of port %d are %v", port, want), func() bool {
		return s.weights(port) == fmt.Sprint(want)
	})
}

// ask runs a director command against the running director, and fails the test if the command
// fails.
func (s *shop) ask(words ...string) string {
	s.t.Helper()
	out, err := s.director.Output(s.daemon.AskCommand(words...)...)
	if err != nil {
		s.t.Errorf("director %s: %v\n%s", strings.Join(words, " "), err, out)
	}
	return out
}

// shopStatus is what the tests read of "director status --json".
type shopStatus struct {
	Problems []struct{ Text string }
	Override []struct {
		RealServer string `json:"real_server"`
		Kind       string
		Source     string
		Active     int
	} `json:"overrides"`
	VirtualServers []struct {
		Name        string
		Error       string
		Alive       int
		Quorum      bool
		Repaired    int
		RealServers []serverStatus `json:"real_servers"`
		Leaving     []serverStatus
	} `json:"virtual_servers"`
}

type serverStatus struct {
	Name   string
	Up     bool
	Reason string
	Kernel *struct {
		Present          bool
		Weight           int
		Source           string `json:"weight_source"`
		Draining         bool
		Active, Inactive int
	}
}

// status runs "director status --json", whatever its exit status.
func (s *shop) status() (st shopStatus) {
	s.t.Helper()
	out, _ := s.director.Output(s.daemon.AskCommand("status", "--json")...)
	if err := json.Unmarshal([]byte(out), &st); err != nil {
		s.t.Fatalf("director status --json: %v\n%s", err, out)
	}
	return st
}

// expectSame fails when a connection has no answer, or is answered by another real
// server than before.
func (s *shop) expectSame(what string, before, after traffic.Answers) {
	s.t.Helper()
	servers := byNumber(before)
	moved := 0
	for _, a := range after {
		if a.Server != "" && a.Server != servers[a.N] {
			moved++
		}
	}
	s.Logf("%s: %d of %d connections go on, %d are with another real server", what, len(after)-len(after.Failed()),
		len(after), moved)
	if failed := after.Failed(); len(failed) > 0 {
		s.t.Errorf("%s: %d of %d connections are cut, the first: %+v", what, len(failed), len(after), failed[0])
	}
	if moved > 0 {
		s.t.Errorf("%s: %d connections are with another real server", what, moved)
	}
}

// byNumber are the servers that answered, by the number of the connection.
func byNumber(answers traffic.Answers) map[int]string {
	servers := map[int]string{}
	for _, a := range answers {
		servers[a.N] = a.Server
	}
	return servers
}

// expectOthersStay fails if a client that was not on the drained real server has moved, or if a
// client is not served.
func (s *shop) expectOthersStay(what, drained string, before, after traffic.Answers) {
	s.t.Helper()
	expectAll(s.t, after)
	servers, moved := byNumber(before), 0
	for _, a := range after {
		if a.Server == drained {
			s.t.Errorf("%s: the drained %s got a new connection", what, drained)
		}
		if was := servers[a.N]; was != drained && a.Server != was {
			moved++
		}
	}
	s.Logf("%s: before %v, now %v; %d clients of the others moved", what, before.ByServer(), after.ByServer(), moved)
	if moved > 0 {
		s.t.Errorf("%s: %d clients of other real servers moved", what, moved)
	}
}

// nearWeights are the near real servers with one weight, and some with others.
func nearWeights(others map[string]int) map[string]int {
	list := map[string]int{"near1": 1, "near2": 1, "near3": 1}
	maps.Copy(list, others)
	return list
}

// checked gives each real server of a block a check of a TCP port.
func checked(port int, block string) string {
	check := fmt.Sprintf("        TCP_CHECK {\n            connect_port %d\n            connect_timeout 1\n"+
		"            retry 0\n            delay_before_retry 1\n        }\n    }\n", port)
	block = strings.ReplaceAll(block, "    }\n", check)
	return strings.Replace(block, "{\n", "{\n    delay_loop 1\n", 1)
}
