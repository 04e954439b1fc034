package syntax_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/syntax"
)

func TestIncludes(t *testing.T) {
	files := syntax.Memory{
		"/etc/d/a.conf":          "a",
		"/etc/d/b.conf":          "b 1\nb 2",
		"/etc/d/.hidden.conf":    "hidden",
		"/etc/d/sub/c.conf":      "c\ninclude d.conf\ne",
		"/etc/d/sub/d.conf":      "d",
		"/etc/d/sub/braces":      "x {\n y\n}",
		"/etc/d/open":            "x {",
		"/etc/d/close":           "}",
		"/etc/d/with \"quotes\"": "q",
		"/etc/d/with blank":      "w",
		"/etc/d/loop1":           "l1\ninclude loop2",
		"/etc/d/loop2":           "l2\ninclude loop1\nl3",
		"/etc/d/junk":            "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00",
	}
	with := func(rules []rule) []rule {
		for i := range rules {
			rules[i].files = files
		}
		return rules
	}
	testRules(t, with([]rule{
		{name: "relative to the including file", text: "include sub/c.conf\nf", want: "c; d; e; f"},
		{name: "absolute", text: "include /etc/d/a.conf", want: "a"},
		{name: "in a block", text: "v {\ninclude b.conf\n}\nw", want: "v { b 1; b 2 }; w"},
		{name: "behind a brace", text: "v { include b.conf\n}", want: "v { b 1; b 2 }"},
		{name: "a block over several files", text: "include open\ny\ninclude close", want: "x { y }"},
		{name: "wildcard, sorted, without hidden files", text: "include [ab]*\ninclude sub/*.conf\ninclude .*.conf",
			want: "a; b 1; b 2; c; d; e; d; hidden"},
		{name: "character class", text: "include [a-b].conf\ninclude [\\!a].conf", want: "a; b 1; b 2; b 1; b 2"},
		{name: "question mark and directories", text: "include */?.conf", want: "c; d; e; d"},
		{name: "alternatives in their order", text: "include {b,sub/{d,braces},a}.conf\ninclude sub/{d.conf,braces}",
			want: "b 1; b 2; d; a; d; x { y }"},
		{name: "quotes are part of the name", text: "include \"a.conf\"\ninclude with \"quotes\"", want: "q",
			says: []string{"warning missing-include@1"}},
		{name: "blanks are part of the name", text: "include with blank", want: "w"},
		{name: "a comment is not", text: "include a.conf # a", want: "a"},
		{name: "by a definition", text: "$X=a.conf\n$M=include b.conf\ninclude $X\n$M", want: "a; b 1; b 2"},
		{name: "twice", text: "include a.conf\ninclude a.conf", want: "a; a"},
		{name: "missing", text: "include none\na", want: "a", says: []string{"warning missing-include@1"}},
		{name: "wildcard without a match", text: "include *.none\ninclude {x,y}\ninclude {a,y}.conf", want: "a",
			says: []string{"note missing-include@1"}},
		{name: "checked for matches", text: "includem none\nincludew *.none\nincludeb {a,y}.conf\nincludea *.none", want: "a",
			says: []string{"warning missing-include@1", "warning missing-include@2", "warning missing-include@3",
				"warning missing-include@4"}},
		{name: "checks set for all",
			text: "include_check wildcard_match\ninclude *.none\ninclude_check -wildcard_match\ninclude *.none\n" +
				"include_check\ninclude {y,a}.conf",
			want: "include_check wildcard_match; include_check -wildcard_match; include_check; a",
			says: []string{"warning missing-include@2", "note missing-include@4", "warning missing-include@6"}},
		{name: "a directory", text: "include sub\na", want: "a", says: []string{"warning unreadable@1"}},
		{name: "no name", text: "include\na", want: "a", says: []string{"warning missing-word@1"}},
		{name: "not a name of the include family", text: "included x\nincludes", want: "included x; includes"},
		{name: "a loop", text: "include loop1\nx", want: "l1; l2; l3; x", says: []string{"error include-loop@2"}},
		{name: "itself", text: "a\ninclude main.conf\nb", want: "a; b", says: []string{"error include-loop@2"}},
		{name: "itself by a wildcard", text: "include m*.conf\nb", want: "b", says: []string{"error include-loop@1"}},
		{name: "binary data", text: "include junk\nb", want: "b", says: []string{"error not-text@1"}},
		{name: "bad pattern", text: "include [a\nb", want: "b", says: []string{"warning bad-pattern@1"}},
	}))
}

// Where a line of an included file comes from is told by its origin.
func TestIncludeChain(t *testing.T) {
	fsys := syntax.Memory{
		"/m":   "x\n  include /i1",
		"/i1":  "include /i2",
		"/i2":  "$B= \\\n\"open \\\n$X\n$X=1\n~SEQ(n,7,8) $B",
		"/etc": "",
	}
	_, findings := syntax.Parse("/m", syntax.Options{FS: fsys})
	if len(findings) != 1 { // it is the same in both rounds
		t.Fatal(findings)
	}
	f := findings[0]
	if got, want := f.String(), "/i2:2:1: warning: the quote is not closed; the line ends before it"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	var chain []string
	for _, s := range f.Chain {
		chain = append(chain, s.String())
	}
	want := []string{"expanded from $B at /i2:5:13", "with n=7 at /i2:5:1", "included at /i1:1:9", "included at /m:2:11"}
	if diff := cmp.Diff(want, chain); diff != "" {
		t.Error(diff)
	}
	if want := "\"open \\\n^"; f.Caret() != want {
		t.Errorf("caret:\n%s\nwant:\n%s", f.Caret(), want)
	}
}

// Files of the host that are no configuration give one error that says what is wrong.
func TestMainFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	big := write("big.conf", "", 0o644)
	if err := os.Truncate(big, 50<<20); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		path, code, message string
	}{
		"missing":   {filepath.Join(dir, "none.conf"), "unreadable", "cannot read: no such file or directory"},
		"directory": {dir, "unreadable", "is a directory"},
		"too large": {big, "file-too-large", "file of 52428800 bytes; the limit is 33554432"},
		"binary":    {write("junk.conf", "a\x00\x01\x02\x03", 0o644), "not-text", "is not a configuration but binary data"},
		"UTF-16": {write("wide.conf", "\xff\xfea\x00\n\x00", 0o644), "not-text",
			"is not a configuration but UTF-16 text; save it as UTF-8"},
		"no match": {filepath.Join(dir, "*.none"), "unreadable", "cannot read the configuration: no file matches"},
	}
	if os.Getuid() != 0 {
		tests["unreadable"] = struct{ path, code, message string }{write("secret.conf", "a", 0), "unreadable",
			"cannot read: permission denied"}
	} else {
		t.Log("an unreadable file is not tried: root reads everything")
	}
	if runtime.GOOS == "linux" {
		fifo := filepath.Join(dir, "fifo")
		if err := syscall.Mkfifo(fifo, 0o644); err != nil {
			t.Fatal(err)
		}
		tests["a pipe that nobody writes to"] = struct{ path, code, message string }{fifo, "unreadable",
			"is not a regular file"}
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tree, findings := syntax.Parse(tt.path, syntax.Options{})
			if len(findings) != 1 || len(tree.Nodes) != 0 {
				t.Fatalf("%d lines, findings %v", len(tree.Nodes), findings)
			}
			f := findings[0]
			if f.Severity != conf.Error || f.Code != tt.code || !strings.Contains(f.Message, tt.message) ||
				f.Pos.File != tt.path {
				t.Errorf("got %v [%s], want %q [%s]", f, f.Code, tt.message, tt.code)
			}
		})
	}
	t.Run("executable", func(t *testing.T) {
		tree, findings := syntax.Parse(write("exec.conf", "a", 0o755), syntax.Options{})
		if got := codes(findings); dump(tree.Nodes) != "a" || !cmp.Equal(got, []string{"warning executable-file@0"}) {
			t.Errorf("%s %v", dump(tree.Nodes), got)
		}
	})
	t.Run("executable include", func(t *testing.T) {
		write("inc.conf", "b", 0o755)
		tree, findings := syntax.Parse(write("main.conf", "a\ninclude inc.conf", 0o644), syntax.Options{})
		if got := codes(findings); dump(tree.Nodes) != "a; b" || !cmp.Equal(got, []string{"warning executable-file@2"}) {
			t.Errorf("%s %v", dump(tree.Nodes), got)
		}
	})
	t.Run("include loop through a link", func(t *testing.T) {
		if err := os.Symlink("main2.conf", filepath.Join(dir, "link.conf")); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
		tree, findings := syntax.Parse(write("main2.conf", "a\ninclude link.conf", 0o644), syntax.Options{})
		if got := codes(findings); dump(tree.Nodes) != "a" || !cmp.Equal(got, []string{"error include-loop@2"}) {
			t.Errorf("%s %v", dump(tree.Nodes), got)
		}
	})
	t.Run("several main files", func(t *testing.T) {
		write("part1.cf", "a {\n}", 0o644)
		write("part2.cf", "b", 0o644)
		tree, findings := syntax.Parse(filepath.Join(dir, "part*.cf"), syntax.Options{})
		if dump(tree.Nodes) != "a {  }; b" || len(findings) != 0 || len(tree.Files) != 2 {
			t.Errorf("%s %v", dump(tree.Nodes), findings)
		}
	})
}

// Nothing that a file says makes the work grow beyond the limits.
func TestLimits(t *testing.T) {
	tests := map[string]struct {
		text   string
		limits syntax.Limits
		code   string
	}{
		"rounds of nested loops": {"~SEQ(a,1,1000) ~SEQ(b,1,1000) @none x", syntax.Limits{Lines: 10_000}, "too-many-lines"},
		"definitions that double": {"$A=${B}${B}\n$B=${C}${C}\n$C=${D}${D}\n$D=" + strings.Repeat("x", 50) + "\na $A",
			syntax.Limits{Line: 100}, "expansion-too-long"},
		"substitution in all": {"$A=xxxxxxxx\n~SEQ(i,1,100000) a $A", syntax.Limits{Work: 10_000}, "too-much-expansion"},
		"words":               {"a b c d\ne f g h", syntax.Limits{Words: 5}, "too-many-words"},
		"repeated text": {"~SEQ(i,1,1000) @none " + strings.Repeat("x", 100), syntax.Limits{Work: 10_000},
			"too-much-expansion"},
		"nested blocks": {strings.Repeat("a {\n", 70), syntax.Limits{}, "too-deep"},
		"includes":      {"include i1", syntax.Limits{Includes: 3}, "too-deep"},
		"files":         {"~SEQ(i,1,100) include i4", syntax.Limits{Files: 10}, "too-many-files"},
		"bytes":         {"~SEQ(i,1,100) include i4", syntax.Limits{Total: 200}, "too-many-files"},
		"a line":        {strings.Repeat("x", 70_000), syntax.Limits{}, "line-too-long"},
		"alternatives":  {"include " + strings.Repeat("{a,b}", 20), syntax.Limits{}, "bad-pattern"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			fsys := syntax.Memory{"m": tt.text, "i1": "include i2", "i2": "include i3", "i3": "include i4", "i4": "some text"}
			tree, findings := syntax.Parse("m", syntax.Options{FS: fsys, Limits: tt.limits})
			if len(findings) != 1 || findings[0].Code != tt.code {
				t.Errorf("got %v %v, want %s alone", findings, codes(findings), tt.code)
			}
			checkPositions(t, tree, findings)
		})
	}
	t.Run("findings", func(t *testing.T) {
		_, findings := syntax.ParseText("m", strings.Repeat("}\n", 5000), syntax.Options{})
		if n := len(findings); n != 1001 || findings[1000].Message != "4000 more findings are left out" {
			t.Errorf("%d findings, the last is %v", n, findings[n-1])
		}
	})
}
