package syntax_test

import (
	"testing"

	"github.com/lvs-director/director/conf/syntax"
)

// checkPositions fails when a position is outside its file.
func checkPositions(t *testing.T, tree *syntax.Tree, findings []syntax.Finding) {
	t.Helper()
	check := func(what string, p syntax.Pos) {
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
