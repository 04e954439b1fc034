package syntax_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/syntax"
)

// checkPositions fails when a position is outside its file.
func checkPositions(t *testing.T, tree *syntax.Tree, findings []conf.Finding) {
	t.Helper()
	check := func(what string, p conf.Pos) {
		t.Helper()
		if p.Line == 0 && p.Col == 0 {
			return
		}
		for _, f := range tree.Files {
			if f.Name != p.File {
				continue
			}
			if line := f.Line(int(p.Line)); p.Line < 1 || p.Col < 1 || int(p.Col) > len(line)+1 {
				t.Errorf("%s: %v is outside the file: the line is %q", what, p, line)
			}
			return
		}
		t.Errorf("%s: %v is in no file", what, p)
	}
	var walk func([]*syntax.Node)
	walk = func(nodes []*syntax.Node) {
		for _, n := range nodes {
			check("keyword", n.Keyword.Pos)
			for _, a := range n.Args {
				check("word", a.Pos)
			}
			if n.Raw != "" {
				check("raw", n.RawPos())
			}
			for _, s := range n.Origin.Steps() {
				check("origin", s.Pos)
			}
			if n.Block != nil {
				check("open", n.Block.Open)
				check("end", n.Block.End)
				walk(n.Block.Nodes)
			}
		}
	}
	walk(tree.Nodes)
	for _, c := range tree.Comments {
		check("comment", c.Pos)
	}
	for _, f := range findings {
		check("finding "+f.Code, f.Pos)
		for _, s := range f.Chain {
			check("chain", s.Pos)
		}
	}
}

// A word stands where its first byte is in the file; what was substituted
// stands where the reference is.
func TestPositions(t *testing.T) {
	tests := map[string]struct {
		text string
		want string
	}{
		"plain":                {"\ta  bb \"c\" d", "a@1:2 bb@1:5 c@1:8 d@1:12"},
		"behind a brace":       {"a { b c\n } d", "a@1:1 b@1:5 c@1:7 d@2:4"},
		"behind a condition":   {"@me a b", "a@1:5 b@1:7"},
		"behind an escape":     {`a\#b c\!d e`, "a#b@1:1 c!d@1:6 e@1:11"},
		"reference":            {"$X=11 22 33\na $X b", "a@2:1 11@2:3 22@2:3 33@2:3 b@2:6"},
		"reference in a word":  {"$X=11 22\na b${X}c d", "a@2:1 b11@2:3 22c@2:4 d@2:10"},
		"references in one":    {"$X=1${Y}3\n$Y=2222\na $X ${Y} b", "a@3:1 122223@3:3 2222@3:6 b@3:11"},
		"shrinking":            {"$LONG=\na ${LONG}b c", "a@2:1 b@2:10 c@2:12"},
		"a comment brought in": {"$X=y\\#z\na $X b", "a@2:1 y@2:3"},
		"body":                 {"$B= \\\n  a b \\\n  c\n $B", "a@2:3 b@2:5 c@3:3"},
		"loop":                 {"~LST(i,7,8) a ${i} b", "a@1:13 7@1:15 b@1:20 a@1:13 8@1:15 b@1:20"},
		"braces brought in":    {"$B=v { w\n$B x }", "v@2:1 w@2:1 x@2:4"},
		"escape and reference": {"$X=11\n" + `a\#b $X c\#d e`, "a#b@2:1 11@2:6 c#d@2:9 e@2:14"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tree, findings := syntax.ParseText("f", tt.text, syntax.Options{ConfigID: "me"})
			var got []string
			var walk func([]*syntax.Node)
			walk = func(nodes []*syntax.Node) {
				for _, n := range nodes {
					for _, w := range append([]syntax.Token{n.Keyword}, n.Args...) {
						got = append(got, fmt.Sprintf("%s@%d:%d", w.Text, w.Pos.Line, w.Pos.Col))
					}
					walk(n.Children())
				}
			}
			walk(tree.Nodes)
			if got := strings.Join(got, " "); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			checkPositions(t, tree, findings)
		})
	}
}

// A carriage return belongs to the line end, not to the line.
func TestPositionsWithCarriageReturns(t *testing.T) {
	tree, findings := syntax.ParseText("f", "a {\r\n b \"c\r\n d {\r", syntax.Options{})
	checkPositions(t, tree, findings)
	if end := tree.Nodes[0].Block.End.String(); end != "f:3:5" {
		t.Errorf("the open block ends at %s, want f:3:5", end)
	}
}

// What keywords with shell-like words need is kept as it stood.
func TestRaw(t *testing.T) {
	text := "$U=root\nnotify_up  \"/x 'a  b'\"  $U grp # why\n misc_path '/x \"y z\"' { }\nx\ny \"a\" \"b"
	tree, _ := syntax.ParseText("f", text, syntax.Options{})
	type raw struct {
		Raw             string
		Pos             string
		Broken, Literal bool
		Block           bool
	}
	var got []raw
	for _, n := range tree.Nodes {
		got = append(got, raw{n.Raw, n.RawPos().String(), n.Broken, n.Literal, n.Block != nil})
	}
	want := []raw{
		{Raw: `"/x 'a  b'"  root grp`, Pos: "f:2:12"},
		{Raw: `'/x "y z"'`, Pos: "f:3:12", Literal: true, Block: true},
		{Raw: "", Pos: "f:4", Literal: true},
		{Raw: `"a" "b`, Pos: "f:5:3", Broken: true, Literal: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A relative name has an absolute ${_PWD}, for scripts run elsewhere.
func TestDirectoryOfRelativeName(t *testing.T) {
	fsys := syntax.Memory{"sub/f": "a ${_PWD}"}
	for dir, want := range map[string]func(string) bool{
		"/etc": func(s string) bool { return s == "/etc/sub" },
		"":     func(s string) bool { return filepath.IsAbs(s) && filepath.Base(s) == "sub" },
	} {
		tree, _ := syntax.Parse("sub/f", syntax.Options{FS: fsys, Dir: dir})
		if got := tree.Nodes[0].Arg(0); !want(got) || tree.Nodes[0].Arg(1) != "" {
			t.Errorf("from %q: ${_PWD} is %q", dir, got)
		}
	}
}

func TestBlockPositions(t *testing.T) {
	tree, _ := syntax.ParseText("f", "a\n  {\n b {\n c } }\nd {", syntax.Options{})
	a, d := tree.Nodes[0].Block, tree.Nodes[1].Block
	b := a.Nodes[0].Block
	got := fmt.Sprint(a.Open, a.End, a.Closed, b.Open, b.End, b.Closed, d.Open, d.End, d.Closed)
	if want := "f:2:3 f:4:6 true f:3:4 f:4:4 true f:5:3 f:5:4 false"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestComments(t *testing.T) {
	text := "# one\na \"#\" ! two \nb\\# # three\n$X=1 # four\n$Y= \\\n\nc # five"
	tree, _ := syntax.ParseText("f", text, syntax.Options{KeepComments: true})
	var got []string
	for _, c := range tree.Comments {
		got = append(got, c.Pos.String()+" "+c.Text)
	}
	want := []string{"f:1:1 # one", "f:2:7 ! two", "f:3:5 # three", "f:4:6 # four", "f:7:3 # five"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// The finding for a missing brace points at the brace that stands too far left.
func TestMisplacedBrace(t *testing.T) {
	text := "vrrp_instance A {\n    virtual_ipaddress {\n        10.0.0.1\n}\n\nvrrp_instance B {\n}\n"
	_, findings := syntax.ParseText("f", text, syntax.Options{})
	if len(findings) != 1 || findings[0].Code != "missing-brace" || !strings.Contains(findings[0].Hint, "f:4:1") {
		t.Errorf("got %v, hint %q", findings, findings[0].Hint)
	}
}

func TestFindingText(t *testing.T) {
	tree, findings := syntax.ParseText("f", "é\tx \"y", syntax.Options{})
	if len(findings) != 1 {
		t.Fatal(findings)
	}
	if want := "é\tx \"y\n \t  ^"; findings[0].Caret() != want {
		t.Errorf("caret %q, want %q", findings[0].Caret(), want)
	}
	f := tree.Finding(conf.Error, conf.Pos{File: "f", Line: 1, Col: 1}, nil, "x", "a\nb\x1b[1m%s", "é")
	if want := "f:1:1: error: a?b?[1mé"; f.String() != want {
		t.Errorf("got %q, want %q", f.String(), want)
	}
	if f.Line != "é\tx \"y" || tree.Line(conf.Pos{File: "g", Line: 1}) != "" ||
		tree.Line(conf.Pos{File: "f", Line: 2}) != "" {
		t.Errorf("source line %q", f.Line)
	}
}
