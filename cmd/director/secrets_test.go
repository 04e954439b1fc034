package main

import (
	"bytes"
	"encoding/gob"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lvs-director/director/checkers"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/diff"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/keepalived/dump"
	"github.com/lvs-director/director/supervisor/events"
	"github.com/lvs-director/director/supervisor/plan"
)

// everyString is all that a configuration has, secrets too: gob carries them.
func everyString(cfg *conf.Config) string {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(cfg); err != nil {
		return err.Error()
	}
	return b.String()
}

// TestNoSecretIsShown looks for the canaries in what is made of configurations: the commands that
// read a file, what a reload changes, the names of checks and keepalived's dumps.
func TestNoSecretIsShown(t *testing.T) {
	before, after := plantCanaries(t, 0), plantCanaries(t, 1)
	file := filepath.Join(t.TempDir(), "canary.conf")
	if err := os.WriteFile(file, []byte(before.text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"config", "-f", file}, {"config", "--json", "-f", file}, {"check", "-f", file}, {"check", "--json", "-f", file},
	} {
		var out bytes.Buffer
		if code := run(args, &out, &out, nil); code != 0 {
			t.Errorf("director %s: exit status %d\n%s", strings.Join(args, " "), code, out.String())
		}
		if args[0] == "config" && !strings.Contains(out.String(), conf.Mask) {
			t.Errorf("director %s masks nothing", strings.Join(args, " "))
		}
		before.shows(t, "director "+strings.Join(args, " "), out.String())
	}

	old, _ := load.LoadText("canary.conf", before.text, load.Options{})
	now, _ := load.LoadText("canary.conf", after.text, load.Options{})
	none, _ := load.LoadText("canary.conf", "vrrp_instance X {\ninterface eth0\nvirtual_router_id 9\n}\n", load.Options{})
	for _, pair := range [][2]*conf.Config{{old, now}, {now, old}, {none, old}, {old, none}} {
		d := diff.Diff(pair[0], pair[1])
		if d.Empty() {
			t.Error("another secret is no change")
		}
		before.shows(t, "what a reload changes", events.Changes(d))
		var text bytes.Buffer
		p := plan.Make(pair[0], pair[1], plan.Facts{})
		if err := p.Write(&text, 0); err != nil {
			t.Error(err)
		}
		before.shows(t, "a plan", text.String())
		for _, in := range d.Instances {
			for _, f := range in.Fields {
				before.shows(t, "a change", f.Keyword+" "+f.Old+" "+f.New)
			}
		}
	}
	for _, vs := range old.VirtualServers {
		for _, rs := range vs.RealServers {
			before.shows(t, "the name of a check", strings.Join(checkers.Names(rs), "\n"))
		}
	}
	f := &dump.Facts{Config: old}
	for _, in := range old.Instances {
		f.Instances = append(f.Instances, dump.Instance{Config: in})
	}
	before.shows(t, "keepalived.data", string(dump.Data(f)))
}

// TestFindingsShowNoSecret: a line that is wrong in some way is shown without what is secret in it.
func TestFindingsShowNoSecret(t *testing.T) {
	c := plantCanaries(t, 0)
	lines := strings.Split(c.text, "\n")
	for i, line := range lines {
		at := canaryText.FindStringIndex(line)
		if at == nil {
			continue
		}
		for _, wrong := range []string{
			line + ` more words here`, line[:at[0]] + `"` + line[at[0]:], line + " {", line + "\n" + line,
			strings.Replace(line, "cnry", "", 1), "x" + line, strings.ReplaceAll(line, `"`, ""), `"` + line, line + "\x01",
		} {
			text := strings.Join(append(append(append([]string{}, lines[:i]...), wrong), lines[i+1:]...), "\n")
			_, findings := load.LoadText("canary.conf", text, load.Options{})
			for _, f := range findings {
				c.shows(t, "a finding about "+strings.Fields(line)[0], f.String()+"\n"+f.Line+"\n"+f.Hint)
			}
		}
	}
}
