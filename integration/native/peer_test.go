//go:build linux

package native_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// TestThePairKnowsItself: two directors that talk to each other. Each shows the other one, a handover
// asks the other one first, and what differs is told. A peer that is gone is a problem, and VRRP does
// not notice.
func TestThePairKnowsItself(t *testing.T) {
	t.Parallel()
	site := vrrpOnly(t)
	director := stage.Director()
	director.Named = true
	key := filepath.Join(t.TempDir(), "peer.key")
	if err := os.WriteFile(key, []byte("hex:"+strings.Repeat("5a", 32)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	configure := func(i int, c *pair.Config) {
		c.Service, c.Interval = false, 200*time.Millisecond
		c.Before = append(c.Before, fmt.Sprintf("peer %s {\n    key file:%s\n}", pair.DirectorAddress(1-i), key),
			"metrics {\n    listen 127.0.0.1 9650\n}")
	}
	r := site.Run(t, [2]pair.Kind{director, director}, configure)
	ask := func(i int, command string) (string, error) {
		return r.Dirs[i].Output(r.Daemons[i].AskCommand(strings.Fields(command)...)...)
	}
	type status struct {
		Problems []struct{ Text string }
		Workers  []struct {
			Name string
			Pid  int
		}
	}
	read := func(i int) (s status, text string) {
		text, _ = ask(i, "status --json")
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			return status{}, text
		}
		return s, text
	}
	problem := func(i int, words string) func() bool {
		return func() bool {
			s, _ := read(i)
			for _, p := range s.Problems {
				if strings.Contains(p.Text, words) {
					return true
				}
			}
			return false
		}
	}
	shows := func(i int, command string, want ...string) func() bool {
		return func() bool {
			text, _ := ask(i, command)
			for _, w := range want {
				if !strings.Contains(text, w) {
					return false
				}
			}
			return true
		}
	}
	r.UntilMaster(0, 20*time.Second)
	for i, other := range []string{site.Dirs[1].Name, site.Dirs[0].Name} {
		r.Lab.Until(20*time.Second, fmt.Sprintf("%s shows its peer", site.Dirs[i].Name),
			shows(i, "status", "PEER", other+" ("+pair.DirectorAddress(1-i)+")", "UP", "yes", "equal"))
	}
	r.Lab.Until(10*time.Second, "both halves are shown", shows(1, "status --pair", "MASTER", "BACKUP", "this host"))
	for i := range 2 {
		if s, text := read(i); len(s.Problems) > 0 {
			t.Errorf("%s: a healthy pair has problems:\n%s", site.Dirs[i].Name, text)
		}
		if text, err := ask(i, "diff peer"); err != nil || !strings.Contains(text, "is equal") {
			t.Errorf("diff peer: %v\n%s", err, text)
		}
	}

	// The other one cannot take over.
	if out, err := r.Dirs[1].Output("ip", "link", "set", "eth1", "down"); err != nil {
		t.Fatal(out, err)
	}
	r.Lab.Until(10*time.Second, "dir1 knows that dir2 cannot take over", shows(0, "status", "eth1"))
	if text, err := ask(0, "handover VI_1"); err == nil || !strings.Contains(text, "cannot take over VI_1") {
		t.Errorf("a handover to a peer in FAULT: %v\n%s", err, text)
	}
	if !r.Holds(0) {
		t.Error("the refused handover took the addresses away")
	}
	r.Lab.Until(30*time.Second, "that is a problem", problem(0, "cannot take over"))
	if out, err := r.Dirs[1].Output("ip", "link", "set", "eth1", "up"); err != nil {
		t.Fatal(out, err)
	}
	r.Lab.Until(20*time.Second, "dir2 is ready again", shows(0, "status", "UP", "yes", "equal"))
	if text, err := ask(0, "handover VI_1 --for 1s"); err != nil || !strings.Contains(text, "is ready") {
		t.Errorf("a handover to a peer that is ready: %v\n%s", err, text)
	}
	r.UntilMaster(0, 10*time.Second)

	// This host's front hangs: what it has said of the peer is old. It is killed and started again.
	s, text := read(0)
	for _, w := range s.Workers {
		if w.Name != "front" {
			continue
		}
		if err := syscall.Kill(w.Pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		text = ""
	}
	if text != "" {
		t.Fatalf("no front is there:\n%s", text)
	}
	r.Lab.Until(10*time.Second, "dir1 does not believe what it knew",
		shows(0, "status", "DOWN", "the front does not answer"))
	if text, err := ask(0, "handover VI_1"); err == nil || !strings.Contains(text, "the front does not answer") {
		t.Errorf("a handover while the front hangs: %v\n%s", err, text)
	}
	r.Lab.Until(30*time.Second, "the peer is there again", shows(0, "status", "UP", "yes", "equal"))

	// The configurations differ.
	c := site.DefaultConfig(1)
	configure(1, &c)
	c.Options = append(c.Options, "garp_master_delay 7")
	r.Daemons[1].Reload(c.Text(site))
	r.Lab.Until(20*time.Second, "the lines that differ are shown",
		shows(0, "diff peer", "- vrrp_instance VI_1: garp_master_delay 5", "+ vrrp_instance VI_1: garp_master_delay 7"))
	if text, _ := ask(0, "diff peer"); strings.Contains(text, "priority") {
		t.Errorf("what has to differ is shown:\n%s", text)
	}
	r.Lab.Until(20*time.Second, "status says so", shows(0, "status", "differs"))

	// The other one is gone.
	gone := r.Daemons[1].KillAll()
	r.Lab.Until(30*time.Second, "dir1 misses its peer", problem(0, "is not reachable since"))
	if !r.Holds(0) {
		t.Error("dir1 has lost its addresses with its peer")
	}
	if text, err := ask(0, "handover VI_1"); err == nil || !strings.Contains(text, "is not reachable") {
		t.Errorf("a handover to nobody, %v after its end: %v\n%s", time.Since(gone), err, text)
	}
}
