//go:build linux

package integration_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/traffic"
)

// record is where the scripts of a test write down that they were called.
type record struct {
	w    *website
	path string
}

// newRecord writes two scripts. note.sh records its arguments, with the last bytes of the addresses
// that have a weight above 0 in the kernel's table at this moment. slow.sh does the same when it
// begins, and half a second later records its end.
func (w *website) newRecord() *record {
	r := &record{w, filepath.Join(w.director.Dir(), "record")}
	note := `echo "$@" $(awk '/->/ && $3 != "Forward" && $4 > 0 {print substr($2, 7, 2)}' /proc/net/ip_vs | sort) >>` +
		r.path
	for name, text := range map[string]string{
		"note.sh": note + "\n",
		"slow.sh": "set -- \"$@\" begins\n" + note + "\nsleep 0.5\necho \"$1 $2\" ends >>" + r.path + "\n",
	} {
		if err := os.Chmod(w.director.WriteFile(name, "#!/bin/sh\n"+text), 0o755); err != nil {
			w.t.Fatal(err)
		}
	}
	return r
}

// command is a keyword whose value is a script with arguments.
func (r *record) command(keyword, script, args string) string {
	return fmt.Sprintf("%s %q root", keyword, filepath.Join(r.w.director.Dir(), script)+" "+args)
}

// lines returns the recorded lines of an object, without its name.
func (r *record) lines(object string) (list []string) {
	text, _ := os.ReadFile(r.path)
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), object+" "); ok {
			list = append(list, rest)
		}
	}
	return list
}

// until waits until the recorded lines of an object are as wanted.
func (r *record) until(object string, want ...string) {
	r.w.t.Helper()
	r.w.Until(10*time.Second, fmt.Sprintf("scripts of %s were called: %q", object, want), func() bool {
		return len(r.lines(object)) >= len(want)
	})
	if got := r.lines(object); !slices.Equal(got, want) {
		r.w.t.Errorf("the scripts of %s were called with %q, want %q", object, got, want)
	}
}

// TestQuorum: real servers of weight 1, 2 and 3 with quorum 3 and hysteresis 1. The quorum is lost
// below 2 and gained at 4; between the two it stays as it was. The scripts run in order, each when
// the kernel has the change that it reports. The sorry server serves as long as the quorum is lost,
// and no client is refused.
func TestQuorum(t *testing.T) {
	w := openWebsite(t, 3, 80)
	r := w.newRecord()
	var servers []string
	for i := range 3 {
		name := fmt.Sprintf("rs%d", i+1)
		servers = append(servers, web(i, i+1, r.command("notify_up", "note.sh", name+" up"),
			r.command("notify_down", "note.sh", name+" down")))
	}
	w.open(site(80, []string{
		"quorum 3", "hysteresis 1", "sorry_server " + standInAddress + " 80", "sorry_server_lvs_method DR",
		r.command("quorum_up", "note.sh", "quorum up"), r.command("quorum_down", "note.sh", "quorum down"),
	}, servers...))
	rs1, rs2, rs3 := webAddress(0), webAddress(1), webAddress(2)
	table := func(what string, weights map[string]int) {
		t.Helper()
		w.untilWeights(what, map[int]map[string]int{80: weights})
	}
	table("all are well", map[string]int{rs1: 1, rs2: 2, rs3: 3})
	r.until("quorum", "up 0B 0C 0D")
	client := traffic.StartClient(w.client, "tcp", target4(80))
	w.untilServedBy(client, "rs1", "rs2", "rs3")
	begun, seen := time.Now(), w.watchTable()

	w.setHealth(false, 2)
	table("3 of 6 is above 2", map[string]int{rs1: 1, rs2: 2})
	r.until("rs3", "down 0B 0C")
	w.untilServedBy(client, "rs1", "rs2")
	w.setHealth(false, 1)
	table("1 of 6 is below 2", map[string]int{standInAddress: 1})
	r.until("quorum", "up 0B 0C 0D", "down 14")
	r.until("rs2", "down 14")
	w.untilServedBy(client, "standin")
	w.setHealth(true, 1)
	r.until("rs2", "down 14", "up 14")
	w.Steady(time.Second, "3 of 6 is below 4", func() bool {
		return fmt.Sprint(w.weights(80)) == fmt.Sprint(map[string]int{standInAddress: 1})
	})
	w.setHealth(true, 2)
	table("6 of 6 is above 4", map[string]int{rs1: 1, rs2: 2, rs3: 3})
	r.until("quorum", "up 0B 0C 0D", "down 14", "up 0B 0C 0D")
	r.until("rs3", "down 0B 0C", "up 0B 0C 0D")
	w.untilServedBy(client, "rs1", "rs2", "rs3")
	seen.stop(80)
	if got := r.lines("rs1"); len(got) > 0 {
		t.Errorf("the scripts of rs1, which was alive all the time, were called with %q", got)
	}
	seen.expectOnlyInFlight("quorum", 80, client.Between(begun, time.Now()))
}

// TestQuorumOverReload: a reload changes the real servers or the quorum itself. There is a
// transition, with its script, only if the new real servers have no quorum or start as not alive
// (alpha). New real servers are added before old ones are removed (lvs-cases L12).
func TestQuorumOverReload(t *testing.T) {
	w := openWebsite(t, 2)
	r := w.newRecord()
	const absent = "198.51.100.99"
	scripts := func(name string, more ...string) []string {
		return append(more, r.command("quorum_up", "slow.sh", name+" up"),
			r.command("quorum_down", "slow.sh", name+" down"))
	}
	three := []string{web(0, 1), web(1, 1), realServer(absent, 1)}
	names := []string{"swapped", "alpha", "dead", "script", "raised"}
	w.open(site(80, scripts("swapped"), web(0, 1)) +
		site(81, scripts("alpha", "alpha"), web(0, 1)) +
		site(82, scripts("dead"), web(0, 1)) +
		site(83, scripts("script"), web(0, 1)) +
		site(84, scripts("raised"), three...))
	rs1, rs2 := webAddress(0), webAddress(1)
	w.untilWeights("before", map[int]map[string]int{
		80: {rs1: 1}, 81: {rs1: 1}, 82: {rs1: 1}, 83: {rs1: 1}, 84: {rs1: 1, rs2: 1},
	})
	for _, name := range names {
		w.Until(10*time.Second, "quorum_up of "+name, func() bool { return len(r.lines(name)) == 2 })
	}
	if err := os.Remove(r.path); err != nil {
		t.Fatal(err)
	}
	client := traffic.StartClient(w.client, "tcp", target4(80))
	w.untilServedBy(client, "rs1")
	begun, seen := time.Now(), w.watchTable()

	w.daemon.Reload(site(80, scripts("swapped"), web(1, 1)) +
		site(81, scripts("alpha", "alpha"), web(1, 1)) +
		site(82, scripts("dead"), realServer(absent, 1)) +
		site(83, scripts("other"), web(0, 1)) +
		site(84, scripts("raised", "quorum 3"), three...))
	w.untilWeights("after", map[int]map[string]int{80: {rs2: 1}, 81: {rs2: 1}, 83: {rs1: 1}, 84: {rs1: 1, rs2: 1}})
	w.untilServedBy(client, "rs2")
	for name, want := range map[string][]string{
		"alpha": {"down", "up"}, "dead": {"down"}, "raised": {"down"},
	} {
		var calls []string
		for _, word := range want {
			calls = append(calls, word+" begins", word+" ends")
		}
		w.Until(10*time.Second, fmt.Sprintf("scripts of %s: %q", name, want), func() bool {
			return len(r.lines(name)) >= len(calls)
		})
		var got []string
		for _, line := range r.lines(name) {
			f := strings.Fields(line)
			got = append(got, strings.Join(f[:2], " "))
		}
		if !slices.Equal(got, calls) {
			t.Errorf("the scripts of %s: %q, want %q", name, got, calls)
		}
	}
	for _, name := range []string{"swapped", "script", "other"} {
		if got := r.lines(name); len(got) > 0 {
			t.Errorf("the scripts of %s were called with %q, want none: nothing changed", name, got)
		}
	}
	seen.stop(80, 83, 84)
	seen.expectOnlyInFlight("swapped", 80, client.Between(begun, time.Now()))
}
