package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/lvs-director/director/conf/load/keyword"
	"github.com/lvs-director/director/keepalived/commandline"
	"github.com/lvs-director/director/packaging/manual"
)

// "make packages" has this test write what it has looked at.
var (
	manualDir     = flag.String("manual", "", "write the manual pages and the completion of shells below this directory")
	manualVersion = flag.String("manual-version", "", "version in the manual pages")
	manualDate    = flag.String("manual-date", "2000-01-01", "date in the manual pages")
)

// model is the command line as kong knows it.
func model(t *testing.T, flags any) *kong.Application {
	t.Helper()
	parser, err := kong.New(flags, kong.Name("director"), kong.Description(description))
	if err != nil {
		t.Fatal(err)
	}
	return parser.Model
}

// rendered is a page as a terminal shows it; without groff it is the source without markup.
func rendered(t *testing.T, name, source string) string {
	t.Helper()
	if _, err := exec.LookPath("groff"); err != nil {
		t.Logf("%s is not rendered: groff is not here", name)
		return regexp.MustCompile(`\\f[BIR]|\\&`).ReplaceAllString(strings.NewReplacer(`\-`, "-", `\e`, `\`, `\(dq`, `"`,
			`\(ga`, "`", `\(ha`, "^", `\(ti`, "~").Replace(source), "")
	}
	// -ww: every warning there is.
	cmd := exec.Command("groff", "-man", "-Tutf8", "-ww", "-P-cbou", "-rLL=200n")
	cmd.Stdin = strings.NewReader(source)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil || complaints.Len() > 0 {
		t.Errorf("%s: groff: %v\n%s", name, err, complaints.String())
	}
	return out.String()
}

// TestManual: the manual pages name every command, flag and keyword, groff has nothing to say against
// them, and the completion of each shell knows every command and flag.
func TestManual(t *testing.T) {
	commandLine, legacy := model(t, &commands{}), commandline.FlagTexts()
	example, err := os.ReadFile("../../examples/nat.conf")
	if err != nil {
		t.Fatal(err)
	}
	edition := manual.Edition{Version: *manualVersion, Date: *manualDate}
	pages := map[string]string{
		"usr/share/man/man8/director.8":      manual.Director(commandLine, legacy, edition),
		"usr/share/man/man1/genhash.1":       manual.Genhash(commandLine, edition),
		"usr/share/man/man5/director.conf.5": manual.Configuration(keyword.Keywords(), string(example), edition),
	}
	shown := map[string]string{}
	for name, text := range pages {
		shown[filepath.Base(name)] = squeeze(rendered(t, name, text))
	}
	files := pages
	completions := map[string]string{}
	for shell, file := range manual.Shells {
		files[file] = manual.Completion(shell, commandLine)
		completions[shell] = files[file]
	}
	if again := manual.Director(model(t, &commands{}), legacy, edition); again !=
		files["usr/share/man/man8/director.8"] {
		t.Error("two runs make two different pages")
	}

	for _, c := range commandLine.Leaves(true) {
		expectOn(t, "director.8", shown["director.8"], "director "+c.Path())
		expectOn(t, "director.8", shown["director.8"], squeeze(c.Help))
		for _, f := range c.Flags {
			if f.Name == "help" || f.Hidden {
				continue
			}
			expectOn(t, "director.8", shown["director.8"], "--"+f.Name)
			for shell, text := range completions {
				if shell != "bash" && len(strings.Fields(c.Path())) > 1 {
					continue // offers the flags of single words only
				}
				long := map[string]string{"bash": "--" + f.Name, "zsh": "--" + f.Name, "fish": "-l " + f.Name}[shell]
				expectOn(t, "the completion of "+shell, text, long)
			}
			if c.Name == "genhash" {
				expectOn(t, "genhash.1", shown["genhash.1"], "--"+f.Name)
			}
		}
		for shell, text := range completions {
			expectOn(t, "the completion of "+shell, text, strings.Fields(c.Path())[0])
		}
	}
	for _, f := range legacy {
		expectOn(t, "director.8", shown["director.8"], f.Long)
	}
	for _, k := range keyword.Keywords() {
		expectOn(t, "director.conf.5", shown["director.conf.5"], squeeze(strings.TrimSpace(k.Name+" "+k.Value)))
		expectOn(t, "director.conf.5", shown["director.conf.5"], squeeze(k.Note))
	}
	expectOn(t, "director.conf.5", shown["director.conf.5"], squeeze(string(example)))

	if *manualDir == "" {
		return
	}
	for name, text := range files {
		path := filepath.Join(*manualDir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func expectOn(t *testing.T, where, text, want string) {
	t.Helper()
	if !strings.Contains(strings.ToLower(text), strings.ToLower(want)) {
		t.Errorf("%s does not have %q", where, want)
	}
}

// squeeze leaves one space where there are several, or a line's end.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// TestCompletion: bash completes commands, flags, the words that a flag takes, and files.
func TestCompletion(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("SKIP: bash is not here")
	}
	script := filepath.Join(t.TempDir(), "director")
	if err := os.WriteFile(script, []byte(manual.Completion("bash", model(t, &commands{}))), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		typed []string
		want  string // one of the words that are offered
		only  bool
	}{
		{[]string{"hand"}, "handover", true},
		{[]string{"run", "--log-f"}, "--log-format", true},
		{[]string{"run", "--log-format", "js"}, "json", true},
		{[]string{"run", "--log-format", "=", "js"}, "json", true},
		{[]string{"check", "man"}, "manual_test.go", true},
		{[]string{"run", "-f", "main"}, "main.go", true},
		{[]string{"status", "--"}, "--json", false},
	} {
		line := append([]string{"director"}, c.typed...)
		quoted := "'" + strings.Join(line, "' '") + "'"
		out, err := exec.Command(bash, "--norc", "-c", fmt.Sprintf(
			". %s; COMP_WORDS=(%s); COMP_CWORD=%d; _director; printf '%%s\\n' \"${COMPREPLY[@]}\"",
			script, quoted, len(line)-1)).CombinedOutput()
		offered := strings.Fields(string(out))
		found := false
		for _, w := range offered {
			found = found || w == c.want
		}
		if err != nil || !found || c.only && len(offered) != 1 {
			t.Errorf("%q: bash offers %q (%v), want %q", line, offered, err, c.want)
		}
	}
}
