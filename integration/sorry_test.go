//go:build linux

package integration_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/traffic"
)

// TestSorryServer: the sorry server is also one of the real servers (lvs-cases L01). The kernel has
// one destination for both: the real server's weight counts while it is up, the sorry server's while
// nobody is. The switches, in both orders of recovery, leave no moment without a destination, with
// either kind of inhibiting too, and no client is refused.
func TestSorryServer(t *testing.T) {
	w := openWebsite(t, 2)
	rs1 := webAddress(0)
	forms := []struct {
		port  int
		lines []string
		// down are the weights of the real servers in the table while they are down; -1 is none: it is
		// not there.
		down [2]int
	}{
		{80, []string{"sorry_server " + rs1 + " 80"}, [2]int{-1, -1}},
		{81, []string{"sorry_server " + rs1 + " 80", "sorry_server_inhibit"}, [2]int{0, -1}},
		{82, []string{"sorry_server " + rs1 + " 80", "inhibit_on_failure"}, [2]int{0, 0}},
	}
	var conf strings.Builder
	for _, f := range forms {
		conf.WriteString(site(f.port, f.lines, web(0, 1000), web(1, 1000)))
	}
	w.open(conf.String())
	// has is the table in each form for the weights of the two servers; -1 is one that is down.
	has := func(what string, first, second int) {
		t.Helper()
		want := map[int]map[string]int{}
		for _, f := range forms {
			weights := map[string]int{}
			for i, weight := range []int{first, second} {
				if weight < 0 {
					weight = f.down[i]
				}
				if weight >= 0 {
					weights[webAddress(i)] = weight
				}
			}
			want[f.port] = weights
		}
		w.untilWeights(what, want)
	}
	has("both are well", 1000, 1000)
	client := traffic.StartClient(w.client, "tcp", target4(80))
	w.untilServedBy(client, "rs1", "rs2")
	begun, seen := time.Now(), w.watchTable()

	w.setHealth(false, 0, 1)
	has("nobody is well", 1, -1)
	w.setHealth(true, 0)
	has("the sorry server's host is well", 1000, -1)
	w.setHealth(true, 1)
	has("both are well again", 1000, 1000)
	w.setHealth(false, 0, 1)
	has("nobody is well, once more", 1, -1)
	w.setHealth(true, 1)
	has("the other one is well", -1, 1000)
	w.setHealth(true, 0)
	has("both are well at the end", 1000, 1000)

	seen.stop(80, 81, 82)
	seen.expectOnlyInFlight("sorry server", 80, client.Between(begun, time.Now()))
}
