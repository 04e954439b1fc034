//go:build linux

package integration_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// documented is a command of docs/migrate.md and the host that it is for.
type documented struct {
	where string // backup, master or both
	words []string
}

// readSteps reads the blocks of commands that say for which host they are.
func readSteps(t *testing.T) (steps []documented) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(lab.ModuleRoot(), "docs", "migrate.md"))
	if err != nil {
		t.Fatal(err)
	}
	where, inside := "", false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch host, begins := strings.CutPrefix(line, "```sh "); {
		case begins:
			where, inside = host, true
		case line == "```":
			inside = false
		case inside && line != "":
			steps = append(steps, documented{where, strings.Fields(line)})
		}
	}
	return steps
}

// TestMigrateDocument does what docs/migrate.md says, command by command, to a pair that keepalived serves, while a
// client counts every answer: there and back. systemctl is played by the lab; all else is the program itself.
func TestMigrateDocument(t *testing.T) {
	director, keepalived := stage.Director(), stage.Keepalived()
	site := pair.New(t, pair.NAT, 2)
	r := site.Run(t, both(keepalived), nil)
	steps := readSteps(t)
	if len(steps) < 20 {
		t.Fatalf("the document has %d commands: %v", len(steps), steps)
	}
	began := time.Now()
	served := [2]string{"keepalived", "keepalived"}
	for n, step := range steps {
		hosts := map[string][]int{"master": {0}, "backup": {1}, "both": {0, 1}}[step.where]
		if hosts == nil {
			t.Fatalf("step %d is for %q, which is no host", n, step.where)
		}
		for _, i := range hosts {
			t.Logf("%s: %s", r.Dirs[i].Name, strings.Join(step.words, " "))
			if step.words[0] == "systemctl" {
				switch step.words[1] {
				case "stop":
					if served[i] != step.words[2] {
						t.Fatalf("%v: %s runs", step.words, served[i])
					}
					r.Daemons[i].Terminate()
					r.Daemons[i].WaitEnd(10 * time.Second)
					served[i] = ""
					r.UntilMaster(1-i, 10*time.Second)
				case "start":
					kind := pair.Kind(keepalived)
					if step.words[2] == "director" {
						kind = director
					}
					r.StartDaemon(i, kind)
					served[i] = step.words[2]
					untilPlaced(r, i)
				case "enable", "disable":
				default:
					t.Fatalf("%v is not known here", step.words)
				}
				continue
			}
			carryOut(t, r, i, director, step.words[1:])
		}
	}
	seen := r.Web.Between(began, time.Now())
	t.Logf("the client: %v", seen)
	// A master that stops sends priority 0, and the other one waits for its skew.
	if gap, most := r.Lasting(seen), r.Configs[1].SkewTime()+time.Second; gap > most {
		t.Errorf("nobody answered for %v, want at most %v: %v", gap, most, seen)
	}
	if served != [2]string{"keepalived", "keepalived"} {
		t.Errorf("at the end %v serve", served)
	}
}

// carryOut runs a command of director on a host.
func carryOut(t *testing.T, r *pair.Running, i int, director pair.Director, words []string) {
	t.Helper()
	words = slices.Clone(words)
	for k, w := range words {
		if w == "/etc/keepalived/keepalived.conf" {
			words[k] = "lb.conf"
		}
	}
	switch words[0] {
	case "check":
		r.Dirs[i].Run(append([]string{director.Path}, words...)...)
	case "plan":
		out := r.Dirs[i].Run(append(append([]string{director.Path}, words...), "--run-dir", "/run/none", "--state-dir",
			"/run/none")...)
		if !strings.Contains(out, "nothing would change") {
			t.Errorf("the plan on %s:\n%s", r.Dirs[i].Name, out)
		}
	case "status":
		r.Dirs[i].Run(r.Daemons[i].AskCommand("status")...)
	default:
		r.Dirs[i].Run(r.Daemons[i].AskCommand(words...)...)
		if words[0] == "handover" {
			r.UntilMaster(1-i, 10*time.Second)
		}
	}
}

// untilPlaced waits until the daemon of a host is what its priority makes it, and has its table.
func untilPlaced(r *pair.Running, i int) {
	r.Lab.Until(30*time.Second, "the table of "+r.Dirs[i].Name+" is complete", func() bool {
		return r.InTable(i, 0, 80) && r.InTable(i, 1, 80)
	})
	r.UntilMaster(0, 30*time.Second) // it has the higher priority; while it is off, the other one has to be up
	r.UntilAnswered(10 * time.Second)
}
