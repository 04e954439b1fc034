//go:build linux

package integration_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
	"github.com/lvs-director/director/integration/traffic"
)

// quickClose makes the kernel forget a connection soon after the client has closed it.
const quickClose = "    lvs_timeouts tcp 900 tcpfin 2 udp 300\n"

// global is a global_defs block.
func global(lines ...string) string {
	return "global_defs {\n" + quickClose + strings.Join(append(lines, ""), "\n") + "}\n"
}

// dr are the lines of a virtual server by DR.
func dr(scheduler string, more ...string) []string {
	return append([]string{"lb_algo " + scheduler, "lb_kind DR", "protocol TCP"}, more...)
}

// TestDrainUnderLoad: a host is drained while clients are served and connections stay open. No
// connection is cut and no new one comes, whatever is reloaded, dies or is restarted in the
// meantime. "drain --wait" ends when the connections have ended.
func TestDrainUnderLoad(t *testing.T) {
	s := openShop(t)
	sources := s.sources(40)
	for _, h := range s.near {
		traffic.ServeWeb(h, 80)
	}
	const token = "0123456789abcdef0123456789abcdef"
	file := s.director.WriteFile("alice.token", token+"\n")
	if err := os.Chmod(file, 0o600); err != nil { // else it is a problem in status
		t.Fatal(err)
	}
	page := fmt.Sprintf("web {\n    listen 127.0.0.1 3780\n    actions {\n        token file:%s alice\n    }\n}\n", file)
	conf := func(lines ...string) string {
		return global(lines...) + page + service(at2(80), dr("rr"), nearServers("192.0.2.", 80, 3)...) +
			service(at2(81), dr("rr"), nearServers("192.0.2.", 81, 3)...) +
			service(at2(82), dr("mh", "mh-fallback"), nearServers("192.0.2.", 82, 3)...) +
			service(at2(83), dr("sh"), nearServers("192.0.2.", 83, 3)...)
	}
	s.open(conf())
	web := traffic.StartClient(s.client, "tcp", at(80))
	from := func(port, count, sourcePort int) traffic.Burst {
		return traffic.Burst{Targets: []string{at(port)}, Sources: sources, SourcePort: sourcePort, Count: count}
	}
	held := from(81, 30, 3000)
	held.Hold = true
	long := held.Start(s.client)
	expectShares(t, long.First, 0, map[string]int{"near1": 10, "near2": 10, "near3": 10})
	mapped := map[int]traffic.Answers{82: from(82, 40, 3100).Run(s.client), 83: from(83, 40, 3100).Run(s.client)}

	begun := time.Now()
	t.Log(s.ask("drain", "192.0.2.11", "--reason", "kernel update"))
	out := nearWeights(map[string]int{"near1": 0})
	for _, port := range []int{80, 81, 82, 83} {
		s.untilWeights(3*time.Second, port, out)
	}
	gone := time.Now() // from now on no new connection goes there
	drained := func(what string, sourcePort int) {
		t.Helper()
		for _, port := range []int{80, 81, 82, 83} {
			if got := s.weights(port); got != fmt.Sprint(out) {
				t.Errorf("%s: the weights of port %d are %v", what, port, got)
			}
		}
		expectShares(t, from(81, 40, sourcePort).Run(s.client), 0, map[string]int{"near2": 20, "near3": 20})
		s.expectSame(what, long.First, long.Ask())
	}
	drained("drained", 3001)
	for port, before := range mapped {
		s.expectOthersStay(fmt.Sprintf("port %d", port), "near1", before, from(port, 40, 3101).Run(s.client))
	}
	text := s.ask("status")
	first, _, _ := strings.Cut(text[strings.Index(text, "\n")+1:], "\n")
	t.Log(first)
	if !strings.Contains(first, "192.0.2.11 has been drained") || !strings.Contains(first, "kernel update") {
		t.Errorf("status does not begin with the drain:\n%s", text)
	}
	if seen := web.Between(gone, time.Now()); failures(s.Lab, seen) > 0 || seen.Servers["near1"] > 0 {
		t.Errorf("a client that sends requests all the time: %v, answered by %v", seen, seen.Servers)
	}

	s.daemon.Reload(conf("    router_id again"))
	s.Until(10*time.Second, "the reload is in force", func() bool { return s.daemon.Printed(begun, "generation=2") })
	drained("after a reload", 3002)
	s.daemon.KillWorker(pair.LVS)
	s.Until(10*time.Second, "the lvs worker has adopted the table", func() bool {
		return strings.Count(s.daemon.LogText(), "IPVS table matches the configuration") >= 3
	})
	drained("after the death of the lvs worker", 3003)
	if seen := web.Between(gone, time.Now()); failures(s.Lab, seen) > 0 || seen.Servers["near1"] > 0 {
		t.Errorf("a client that sends requests all the time: %v, answered by %v", seen, seen.Servers)
	}
	s.daemon.Stop(20 * time.Second)
	s.daemon = pair.Start(t, stage.Director(), s.director, conf())
	for _, port := range []int{80, 81, 82, 83} {
		s.untilWeights(20*time.Second, port, out)
	}
	drained("after a restart", 3004)

	// The wait ends with the connections.
	waiting := s.director.Start(s.daemon.AskCommand("drain", "192.0.2.11", "--vs", at(81), "--wait", "--timeout",
		"60s")...)
	s.Until(10*time.Second, "drain says what is left", func() bool {
		return waiting.Printed(time.Time{}, "10 connections left")
	})
	closed := time.Now()
	long.Close()
	waiting.WaitEnd(20 * time.Second)
	s.Logf("drain --wait ended %v after the connections", time.Since(closed).Round(time.Millisecond))
	if !waiting.Printed(closed, "no connection is left") {
		t.Errorf("drain --wait printed:\n%s", waiting.LogText())
	}
	// The wait for a real server without connections ends at once.
	idle := time.Now()
	t.Log(s.ask("drain", "192.0.2.12", "--vs", at(81), "--wait", "--timeout", "20s"))
	if took := time.Since(idle); took > 10*time.Second {
		t.Errorf("drain --wait of an idle real server took %v", took)
	}
	s.untilWeights(3*time.Second, 80, out)
	s.untilWeights(3*time.Second, 81, nearWeights(map[string]int{"near1": 0, "near2": 0}))

	for _, words := range [][]string{{"192.0.2.11"}, {"192.0.2.12", "--vs", at(81)}} {
		t.Log(s.ask(append([]string{"undrain"}, words...)...))
	}
	for _, port := range []int{80, 81, 82, 83} {
		s.untilWeights(3*time.Second, port, nearWeights(nil))
	}
	expectShares(t, from(81, 39, 3005).Run(s.client), 0, map[string]int{"near1": 13, "near2": 13, "near3": 13})
	for port, before := range mapped {
		s.expectSame(fmt.Sprintf("port %d, undrained", port), before, from(port, 40, 3105).Run(s.client))
	}

	// The page does the same, for who has the token.
	s.byPage(token, `{"action":"drain","name":"192.0.2.11","reason":"a disk"}`)
	for _, port := range []int{80, 81, 82, 83} {
		s.untilWeights(3*time.Second, port, out)
	}
	expectShares(t, from(81, 40, 3006).Run(s.client), 0, map[string]int{"near2": 20, "near3": 20})
	if text := s.ask("status"); !strings.Contains(text, "alice") || !strings.Contains(text, "a disk") {
		t.Errorf("status of a drain by the page:\n%s", text)
	}
	s.byPage(token, `{"action":"undrain","name":"192.0.2.11"}`)
	for _, port := range []int{80, 81, 82, 83} {
		s.untilWeights(3*time.Second, port, nearWeights(nil))
	}
}

// byPage asks the page of the director for an action, and confirms it.
func (s *shop) byPage(token, what string) {
	s.t.Helper()
	post := func(path, body string) (answer struct{ ID, Error string }) {
		s.t.Helper()
		err := s.director.Do(func() error {
			c, err := net.DialTimeout("tcp", "127.0.0.1:3780", 5*time.Second)
			if err != nil {
				return err
			}
			defer c.Close()
			if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c, "POST /actions/%s HTTP/1.1\r\nHost: 127.0.0.1:3780\r\nOrigin: http://127.0.0.1:3780\r\n"+
				"Content-Type: application/json\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
				path, token, len(body), body)
			if err != nil {
				return err
			}
			got, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				return err
			}
			defer got.Body.Close()
			return json.NewDecoder(got.Body).Decode(&answer)
		})
		if err != nil || answer.Error != "" {
			s.t.Fatalf("the page, asked for %s: %v %s", what, err, answer.Error)
		}
		return answer
	}
	post("confirm", fmt.Sprintf(`{"id":%q}`, post("prepare", what).ID))
}

// at2 is a port of the shop's virtual address as a configuration names it.
func at2(port int) string { return fmt.Sprintf("%s %d", shopVIP, port) }

// TestWeightAndEndOfDrain: a weight and a drain end by themselves, a weight is reset, and after a
// drain with a drain_timeout the real server leaves the table.
func TestWeightAndEndOfDrain(t *testing.T) {
	s := openShop(t)
	s.open(global(), service(at2(81), dr("wrr"), nearServers("192.0.2.", 81, 3)...),
		service(at2(82), dr("rr", "drain_timeout 4"), nearServers("192.0.2.", 82, 3)...))
	one := []string{"192.0.2.11:81", "--vs", at(81)}
	command := func(word string, more ...string) []string { return append(append([]string{word}, one...), more...) }
	weights := func(n int) map[string]int { return nearWeights(map[string]int{"near1": n}) }

	t.Log(s.ask("weight", "192.0.2.11:81", "4", "--vs", at(81)))
	s.untilWeights(3*time.Second, 81, weights(4))
	answers := traffic.Burst{Targets: []string{at(81)}, Count: 60, Together: 1}.Run(s.client)
	expectShares(t, answers, 1, map[string]int{"near1": 40, "near2": 10, "near3": 10})
	t.Log(s.ask(command("drain", "--for", "3s")...))
	s.untilWeights(3*time.Second, 81, weights(0)) // a drain wins over a weight
	s.untilWeights(6*time.Second, 81, weights(4)) // and ends by itself
	t.Log(s.ask(command("weight", "--reset")...))
	s.untilWeights(3*time.Second, 81, weights(1))
	for _, words := range [][]string{{"drain", "192.0.2.19"}, {"weight", "192.0.2.19:81", "4"}, {"undrain", "192.0.2.19"},
		{"weight", "192.0.2.11:81", "70000"}, {"drain", "192.0.2.11", "--vs", "192.0.2.200:81"}} {
		if out, err := s.director.Output(s.daemon.AskCommand(words...)...); err == nil {
			t.Errorf("director %v: exit status 0\n%s", words, out)
		}
	}
	s.untilWeights(time.Second, 81, weights(1))

	// With a drain_timeout the real server leaves: at once if it has no connections, else at the
	// timeout.
	held := traffic.Burst{Targets: []string{at(82)}, Count: 3, Hold: true}.Start(s.client)
	expectAll(t, held.First)
	begun := time.Now()
	s.ask("drain", "192.0.2.11", "--vs", at(82))
	s.untilWeights(3*time.Second, 82, weights(0))
	s.expectSame("drained", held.First, held.Ask())
	s.untilWeights(8*time.Second, 82, map[string]int{"near2": 1, "near3": 1})
	if took := time.Since(begun); took < 4*time.Second {
		t.Errorf("a drain with a connection ended after %v, before its 4 s", took)
	}
	held.Close()
	s.ask("undrain", "192.0.2.11", "--vs", at(82))
	s.untilWeights(3*time.Second, 82, weights(1))
	s.Until(10*time.Second, "the connections are forgotten", func() bool {
		rs := s.servers(82)["near2"]
		return rs.Active+rs.Inactive == 0
	})
	begun = time.Now()
	s.ask("drain", "192.0.2.12", "--vs", at(82))
	s.untilWeights(4*time.Second, 82, map[string]int{"near1": 1, "near3": 1})
	s.Logf("an empty real server left %v after its drain began", time.Since(begun).Round(time.Millisecond))
}

// TestDrainAndPersistence: persistent clients return to a drained real server, and drain warns of
// that first. With expire_quiescent_template they move, and the drained real server runs empty.
func TestDrainAndPersistence(t *testing.T) {
	onlyLong(t)
	s := openShop(t)
	sources := s.sources(12)
	conf := func(lines ...string) string {
		return global(lines...) + service(at2(81), dr("rr", "persistence_timeout 60"), nearServers("192.0.2.", 81, 3)...)
	}
	s.open(conf())
	ask := func(sourcePort int) traffic.Answers {
		return traffic.Burst{Targets: []string{at(81)}, Sources: sources, SourcePort: sourcePort, Count: 12,
			Together: 1}.Run(s.client)
	}
	before := ask(3000)
	expectShares(t, before, 0, map[string]int{"near1": 4, "near2": 4, "near3": 4})
	text := s.ask("drain", "192.0.2.11")
	t.Log(text)
	if !strings.Contains(text, "expire_quiescent_template is 0") {
		t.Error("drain does not warn that persistent clients return")
	}
	s.untilWeights(3*time.Second, 81, nearWeights(map[string]int{"near1": 0}))
	s.expectSame("without expire_quiescent_template", before, ask(3001))

	s.daemon.Reload(conf("    ipvs {\n        expire_quiescent_template 1\n    }"))
	s.Until(10*time.Second, "the setting is in force", func() bool {
		value, err := s.director.Output("cat", "/proc/sys/net/ipv4/vs/expire_quiescent_template")
		return err == nil && strings.TrimSpace(value) == "1"
	})
	s.expectOthersStay("with expire_quiescent_template", "near1", before, ask(3002))
	text = s.ask("drain", "192.0.2.11", "--wait", "--timeout", "30s")
	t.Log(text)
	if !strings.Contains(text, "no connection is left") {
		t.Error("the drained real server does not run empty")
	}
	s.daemon.Stop(20 * time.Second)
	if value := s.director.Run("cat", "/proc/sys/net/ipv4/vs/expire_quiescent_template"); strings.TrimSpace(value) != "0" {
		t.Errorf("after the stop net.ipv4.vs.expire_quiescent_template is %s", value)
	}
}

// TestRealServerLeavesByReload (lvs-cases L19): with drain_timeout, a real server that is removed
// from the file finishes its connections. Without it, the real server goes at once, as with
// keepalived, and its connections resume if it is put back soon.
func TestRealServerLeavesByReload(t *testing.T) {
	s := openShop(t)
	sources := s.sources(30)
	conf := func(n int) string {
		return global() + service(at2(81), dr("rr", "drain_timeout 60"), nearServers("192.0.2.", 81, n)...) +
			service(at2(82), dr("rr"), nearServers("192.0.2.", 82, n)...)
	}
	s.open(conf(3))
	held := map[int]*traffic.Held{}
	for _, port := range []int{81, 82} {
		held[port] = traffic.Burst{Targets: []string{at(port)}, Sources: sources, SourcePort: 3000, Count: 30,
			Hold: true}.Start(s.client)
		expectShares(t, held[port].First, 0, map[string]int{"near1": 10, "near2": 10, "near3": 10})
	}
	s.daemon.Reload(conf(2))
	leaving := nearWeights(map[string]int{"near3": 0})
	s.untilWeights(10*time.Second, 81, leaving)
	s.untilWeights(10*time.Second, 82, map[string]int{"near1": 1, "near2": 1})
	s.expectSame("it leaves", held[81].First, held[81].Ask())
	more := traffic.Burst{Targets: []string{at(81), at(82)}, Sources: sources, SourcePort: 3001, Count: 40}.Run(s.client)
	expectShares(t, more, 0, map[string]int{"near1": 20, "near2": 20})
	st := s.status()
	for _, vs := range st.VirtualServers {
		if strings.HasSuffix(vs.Name, ":81") && (len(vs.Leaving) != 1 || vs.Leaving[0].Kernel.Active != 10) {
			t.Errorf("status of the leaving real server: %+v", vs.Leaving)
		}
	}
	// Without drain_timeout the connections hang until the real server is back.
	s.daemon.Reload(conf(3))
	s.untilWeights(10*time.Second, 81, nearWeights(nil))
	s.untilWeights(10*time.Second, 82, nearWeights(nil))
	s.expectSame("it is back", held[82].First, held[82].Ask())
	s.expectSame("it is back", held[81].First, held[81].Ask())

	// A second reload, the death of the worker and a restart do not end the drain.
	s.daemon.Reload(conf(2))
	s.untilWeights(10*time.Second, 81, leaving)
	killed := time.Now()
	s.daemon.KillWorker(pair.LVS)
	s.Until(10*time.Second, "the lvs worker has adopted the table", func() bool {
		return s.daemon.Printed(killed, "IPVS table matches the configuration")
	})
	s.expectSame("after the death of the lvs worker", held[81].First, held[81].Ask())
	if got := s.weights(81); got != fmt.Sprint(leaving) {
		t.Errorf("after the death of the lvs worker: %v", got)
	}
	killed = s.daemon.KillAll()
	s.daemon.WaitEnd(5 * time.Second)
	s.daemon = pair.Start(t, stage.Director(), s.director, conf(2))
	s.Until(20*time.Second, "the next director has adopted the table", func() bool {
		return s.daemon.Printed(killed, "IPVS table matches the configuration")
	})
	s.expectSame("after a restart", held[81].First, held[81].Ask())
	s.Steady(2*time.Second, "it still leaves", func() bool { return s.weights(81) == fmt.Sprint(leaving) })

	closed := time.Now()
	held[81].Close()
	s.untilWeights(15*time.Second, 81, map[string]int{"near1": 1, "near2": 1})
	s.Logf("it left %v after its connections", time.Since(closed).Round(time.Millisecond))
	held[82].Signal(syscall.SIGKILL)
}
