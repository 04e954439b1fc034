//go:build linux

package integration_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
	"github.com/lvs-director/director/integration/traffic"
)

// slotFlows is how many flows are compared with what is computed. They come from the first ports of a burst.
const (
	slotFlows     = 200
	firstSlotPort = 1100
)

// TestSlotsOfMaglev: director computes which real server the kernel's mh gives each client, with ports and
// without, while one is at weight 0, and after a director was started in the meantime: then the kernel has the
// same slots as before.
func TestSlotsOfMaglev(t *testing.T) {
	s := openShop(t)
	const plain, ports = 81, 82 // and the same five and ten further on: a flow that is known keeps its server
	var conf strings.Builder
	for step := range 3 {
		for port, lines := range map[int][]string{plain: dr("mh"), ports: dr("mh", "mh-port")} {
			conf.WriteString(service(at2(port+5*step), lines, nearServers("192.0.2.", port+5*step, 3, 1, 2, 3)...))
		}
	}
	sources := s.sources(40)
	s.open(conf.String())
	compare := func(step, port int) {
		t.Helper()
		port += 5 * step
		b := traffic.Burst{Targets: []string{at(port)}, Sources: sources, Count: slotFlows}
		answers := b.Run(s.client)
		expectAll(t, answers)
		words := []string{"ipvs", "--slots", at(port)}
		for _, a := range answers {
			words = append(words, "--client", fmt.Sprintf("%s:%d", a.Source, firstSlotPort+a.N))
		}
		computed := strings.Fields(s.ask(words...))
		if len(computed) != 2*len(answers) {
			t.Fatalf("port %d: %d words for %d flows", port, len(computed), len(answers))
		}
		wrong := 0
		for i, a := range answers {
			address, _, _ := strings.Cut(computed[2*i+1], ":")
			if shopName(address) != a.Server {
				wrong++
			}
		}
		t.Logf("port %d: %v, %d of %d flows are with another real server than computed", port, answers.ByServer(), wrong,
			len(answers))
		if wrong > 0 {
			t.Errorf("port %d: %d flows are with another real server than computed", port, wrong)
		}
	}
	fingerprint := func(port int) string {
		t.Helper()
		text := s.ask("ipvs", "--slots", at(port))
		_, text, _ = strings.Cut(text, "fingerprint ")
		text, _, _ = strings.Cut(text, "\n")
		return text
	}
	before := map[int]string{}
	for step := range 3 {
		for _, port := range []int{plain, ports} {
			before[port+5*step] = fingerprint(port + 5*step)
		}
	}
	t.Log(s.ask("ipvs", "--slots", at(ports)))
	for _, port := range []int{plain, ports} {
		compare(0, port)
	}

	s.ask("drain", "192.0.2.12")
	for _, port := range []int{plain, ports} {
		s.untilWeights(3*time.Second, port+5, nearWeights(map[string]int{"near1": 1, "near2": 0, "near3": 3}))
		compare(1, port)
	}

	s.daemon.Terminate()
	s.daemon.WaitEnd(20 * time.Second)
	s.daemon = pair.Start(t, stage.Director(), s.director, conf.String())
	for _, port := range []int{plain, ports} {
		s.untilWeights(20*time.Second, port+10, nearWeights(map[string]int{"near1": 1, "near2": 0, "near3": 3}))
		compare(2, port)
	}
	for port, want := range before {
		s.Until(10*time.Second, fmt.Sprintf("the slots of port %d are those of before", port), func() bool {
			return fingerprint(port) == want
		})
	}
	t.Log(s.ask("ipvs", "--slots", at(ports)))
}
