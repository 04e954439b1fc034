package commandline_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/keepalived/commandline"
)

// TestTestStatus: what fails, what does not, and what decides.
func TestTestStatus(t *testing.T) {
	f := func(s conf.Severity, code string) []conf.Finding { return []conf.Finding{{Severity: s, Code: code}} }
	for _, tc := range []struct {
		name       string
		file, host []conf.Finding
		dynamic    bool
		want       int
	}{
		{"nothing", nil, nil, false, 0},
		{"an error", f(conf.Error, "truncated"), nil, false, 5},
		{"a warning", f(conf.Warning, "unknown-keyword"), nil, false, 5},
		{"a note", f(conf.Note, "no-effect"), nil, false, 0},
		{"a finding of director's", f(conf.Warning, "unreachable"), nil, false, 0},
		{"security", f(conf.Warning, "script-security"), nil, false, 6},
		{"security and more", append(f(conf.Warning, "script-security"), f(conf.Warning, "unknown-keyword")...),
			nil, false, 6},
		{"a word without effect", []conf.Finding{{Severity: conf.Warning, Code: "not-served", Unserved: true}},
			nil, false, 0},
		{"no interface", nil, f(conf.Warning, "no-interface"), false, 5},
		{"no interface yet", nil, f(conf.Warning, "no-interface"), true, 0},
		{"no IPVS", nil, f(conf.Error, "no-ipvs"), false, 0},
	} {
		if got := commandline.TestStatus(tc.file, tc.host, tc.dynamic); got != tc.want {
			t.Errorf("%s: %d, want %d", tc.name, got, tc.want)
		}
	}
}

// TestStatusOfRealConfigurations: as keepalived -t had it for public files, without what
// depends on the host. They are not part of the project.
func TestStatusOfRealConfigurations(t *testing.T) {
	const folder = "../../../shared/confs"
	index, err := os.ReadFile(filepath.Join(folder, "INDEX.md"))
	if err != nil {
		t.Skipf("SKIP: no real configurations to compare with: %v", err)
	}
	differ := map[string]bool{} // none
	files := 0
	for row := range strings.Lines(string(index)) {
		cells := strings.Split(row, "|")
		if len(cells) < 4 {
			continue
		}
		name := strings.TrimSpace(cells[1])
		want := map[string]int{"0": 0, "2": 5, "5": 5, "6": 6}
		code, _, _ := strings.Cut(strings.TrimSpace(cells[len(cells)-2]), "/")
		status, known := want[code]
		path := filepath.Join(folder, name)
		if info, err := os.Stat(path); !known || err != nil || info.IsDir() {
			continue
		}
		said, err := os.ReadFile(filepath.Join(folder, "oracle", strings.ReplaceAll(name, "/", "-")+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(said), "Disabling track script") {
			continue // its host decided
		}
		files++
		_, findings := load.Load(path, load.Options{ConfigID: "nobody"})
		if got := commandline.TestStatus(findings, nil, false); got != status != differ[name] {
			t.Errorf("%s: %d, keepalived has %d", name, got, status)
			for _, f := range commandline.Failing(findings, nil, false) {
				t.Logf("  %v", f)
			}
		}
	}
	if files < 80 {
		t.Errorf("only %d files were compared", files)
	}
	t.Logf("%d files", files)
}
