package syntax_test

import (
	"testing"

	"github.com/lvs-director/director/conf/syntax"
)

// FuzzParse: whatever a file says, Parse ends, within its limits, with every
// position inside the file and every finding on one line.
func FuzzParse(f *testing.F) {
	for _, rules := range fuzzSeeds {
		f.Add(rules)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fsys := syntax.Memory{"d/main.conf": text, "d/a.conf": text, "d/b": "b {"}
		opts := syntax.Options{
			ConfigID: "main", FS: fsys, Dir: "/etc", KeepComments: true,
			Env:    func(string) (string, bool) { return "a b{#\n", true },
			Random: func(lo, hi int) int { return lo },
			Limits: syntax.Limits{Lines: 2000, Work: 1 << 20, Line: 4096, Files: 20},
		}
		tree, findings := syntax.Parse("d/main.conf", opts)
		checkPositions(t, tree, findings)
		for _, f := range findings {
			if f.Message == "" || f.Code == "" {
				t.Errorf("empty finding %+v", f)
			}
			f.Caret()
			for _, b := range []byte(f.Message) {
				if b < ' ' {
					t.Errorf("%q: a control character", f.Message)
				}
			}
		}
		var walk func(nodes []*syntax.Node, depth int)
		walk = func(nodes []*syntax.Node, depth int) {
			if depth > 65 {
				t.Fatal("blocks are too deep")
			}
			for _, n := range nodes {
				if words, err := syntax.ShellWords(n.Raw, n.RawPos()); err == nil && len(words) > 0 {
					syntax.CommandArgv(words[0].Text)
				}
				walk(n.Children(), depth+1)
			}
		}
		walk(tree.Nodes, 0)
		again, _ := syntax.Parse("d/main.conf", opts)
		if a, b := dump(tree.Nodes), dump(again.Nodes); a != b {
			t.Errorf("read twice:\n%s\n%s", a, b)
		}
	})
}

var fuzzSeeds = []string{
	"",
	"global_defs {\n router_id x\n}\nvrrp_instance A { interface e0\n virtual_ipaddress { 10.0.0.1 dev e0 } }",
	"$I= \\\na ${N} { \\\n@main b \\\n~SEQ(x,1,3) c $x \\\n}\n$N=1\n$I\n~SEQ(N,1,4) ~LST({p,q},{1,2},{3}) $I",
	"$A=$B\n$B=$A\na $A\n$C= \\\n$C \\\n$C\n$C",
	"include {a,b}*\ninclude ?.conf # x\nincludea \"none\"",
	"a\\#b $X \"${Y} # z\n'${_HASH}' ${_RANDOM 1 2} ${_ENV A} ${_PWD}",
	"~SEQx(a,0x10,-3,1) $a ${a}\n~SEQ(b,1,100000) b",
	"}}{{a{b}c}\"{\n\ufeff\xff\x00\r\n@^main x\n@main",
	"$M=x \\\ny $M z\na { $M } b",
}
