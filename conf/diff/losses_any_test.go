package diff_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/diff"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/conf/syntax"
)

// TestAnyWord: a wrong letter in any word of a file that has many of them. Whatever
// it changes in what is in force, beside a warning, is a loss.
func TestAnyWord(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "words.conf"))
	if err != nil {
		t.Fatal(err)
	}
	opts := load.Options{FS: syntax.Memory{}}
	before, beforeFindings := load.LoadText("words.conf", string(text), opts)
	for _, f := range beforeFindings {
		if f.Severity != conf.Note {
			t.Fatalf("the file is to be a good one: %s", f)
		}
	}
	lines := strings.Split(string(text), "\n")
	changes := 0
	for i, line := range lines {
		for _, damaged := range damage(line) {
			mutant := strings.Join(append(append(append([]string{}, lines[:i]...), damaged), lines[i+1:]...), "\n")
			after, findings := load.LoadText("words.conf", mutant, opts)
			d := diff.Diff(before, after)
			if conf.HasErrors(findings) || d.Empty() || !warns(findings) || onlyHarmless(d) {
				continue
			}
			changes++
			if len(diff.Losses(before, after, beforeFindings, findings)) == 0 {
				t.Errorf("line %d, %q: no loss, but\n%+v\n%v", i+1, strings.TrimSpace(damaged), told(d), findings)
			}
		}
	}
	if changes < 200 {
		t.Errorf("only %d wrong letters changed something", changes)
	}
}

// damage gives a line with a letter too few or too many in each word.
func damage(line string) (list []string) {
	words := strings.Fields(line)
	for i, word := range words {
		if word == "{" || word == "}" {
			continue
		}
		for _, wrong := range []string{word[:len(word)-1], word + "x", "x" + word} {
			changed := append([]string{}, words...)
			changed[i] = wrong
			list = append(list, strings.Join(changed, " "))
		}
	}
	return list
}

func warns(findings []conf.Finding) bool {
	for _, f := range findings {
		if f.Severity != conf.Note {
			return true
		}
	}
	return false
}

// onlyHarmless says that nothing changes but words that serve nobody.
func onlyHarmless(d diff.Difference) bool {
	for _, g := range d.Global {
		if g.Keyword != "router_id" && g.Keyword != "checker_priority" {
			return false
		}
	}
	d.Global = nil
	return d.Empty()
}

// told is what of a difference is no removal of a whole object.
func told(d diff.Difference) (list []any) {
	for _, g := range d.Global {
		list = append(list, g)
	}
	for _, c := range d.Instances {
		if c.Action != diff.Untouched {
			list = append(list, c.Name, c.Action, c.Fields)
		}
	}
	for _, c := range d.Servers {
		if c.Action != diff.Untouched {
			list = append(list, c.Name, c.Action, c.Fields)
		}
	}
	for _, c := range d.Others {
		if c.Action != diff.Untouched {
			list = append(list, c)
		}
	}
	return list
}

// TestAWishBesideAWarning: a value that is said anew is no loss because a warning
// stands elsewhere in the same block, and neither is one that never was said.
func TestAWishBesideAWarning(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "words.conf"))
	if err != nil {
		t.Fatal(err)
	}
	opts := load.Options{FS: syntax.Memory{}}
	before, beforeFindings := load.LoadText("words.conf", string(text), opts)
	for _, c := range []struct{ old, new string }{
		{"weight 5\n", "weight 6\n colour red\n"},
		{"delay_loop 5\n", "delay_loop 6\n colour red\n"},
		{"preempt_delay 30\n", "preempt_delay 60\n colour red\n"},
		{"weight -20\n", "weight -30\n colour red\n"},
	} {
		after, findings := load.LoadText("words.conf", strings.Replace(string(text), c.old, c.new, 1), opts)
		if diff.Diff(before, after).Empty() {
			t.Fatalf("%q changes nothing", c.new)
		}
		if got := diff.Losses(before, after, beforeFindings, findings); len(got) > 0 {
			t.Errorf("%q: %v", c.new, got)
		}
	}
}
