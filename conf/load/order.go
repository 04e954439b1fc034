package load

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/syntax"
)

// ordered gives the findings in the order in which the text is read, with the
// blocks that each is in, and makes warnings errors for those who want that.
func (l *loader) ordered(strict bool) []conf.Finding {
	if l.Dropped > 0 {
		l.Findings = append(l.Findings, conf.Finding{
			Severity: conf.Warning, Pos: conf.Pos{File: l.Config.Path}, Code: "too-many-findings",
			Message: fmt.Sprintf("%d more findings are not shown", l.Dropped),
		})
	}
	files := make(map[string]int, len(l.Tree.Files))
	for i, f := range l.Tree.Files {
		files[f.Name] = i + 1
	}
	slices.SortStableFunc(l.Findings, func(a, b conf.Finding) int {
		return cmp.Or(slices.CompareFunc(wayTo(a), wayTo(b), func(p, q conf.Pos) int {
			return cmp.Or(cmp.Compare(files[p.File], files[q.File]), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Col, q.Col))
		}), cmp.Compare(b.Severity, a.Severity))
	})
	// A line that a loop repeats is read many times and has one thing wrong.
	l.Findings = slices.CompactFunc(l.Findings, func(a, b conf.Finding) bool {
		return a.Pos == b.Pos && a.Severity == b.Severity && a.Message == b.Message
	})
	l.place()
	if strict {
		for i := range l.Findings {
			if l.Findings[i].Severity == conf.Warning {
				l.Findings[i].Severity = conf.Error
			}
		}
	}
	return l.Findings
}

// wayTo is where a finding is: the include lines that lead there, the first one
// first, then its place.
func wayTo(f conf.Finding) []conf.Pos {
	way := make([]conf.Pos, 0, len(f.Chain)+1)
	for _, step := range slices.Backward(f.Chain) {
		if step.Kind == conf.FromInclude {
			way = append(way, step.Pos)
		}
	}
	return append(way, f.Pos)
}

// place tells each finding the blocks that its line stands in.
func (l *loader) place() {
	if len(l.Findings) == 0 {
		return
	}
	type line struct {
		file string
		line int32
	}
	wanted := make(map[line][]int, len(l.Findings))
	for i, f := range l.Findings {
		at := line{f.Pos.File, f.Pos.Line}
		wanted[at] = append(wanted[at], i)
	}
	var walk func(nodes []*syntax.Node, around []conf.Block)
	walk = func(nodes []*syntax.Node, around []conf.Block) {
		for _, n := range nodes {
			blocks := around
			if n.Block != nil && len(around) < maxBlocks {
				blocks = append(slices.Clip(around), conf.Block{Keyword: n.Keyword.Text, Words: blockWords(n), Pos: n.Pos()})
			}
			for _, i := range wanted[line{n.Pos().File, n.Pos().Line}] {
				// The last one on a line is the innermost: A { B { C.
				l.Findings[i].Blocks = blocks
			}
			if n.Block == nil {
				continue
			}
			for _, i := range wanted[line{n.Block.End.File, n.Block.End.Line}] {
				if l.Findings[i].Blocks == nil {
					l.Findings[i].Blocks = blocks
				}
			}
			walk(n.Children(), blocks)
		}
	}
	walk(l.Tree.Nodes, nil)
}

// maxBlocks bounds how deep a finding's blocks are told.
const maxBlocks = 8

// blockWords are the words behind a block's keyword, without a secret.
func blockWords(n *syntax.Node) string {
	words := make([]string, 0, len(n.Args))
	for _, a := range n.Args {
		words = append(words, a.Text)
	}
	return strings.Join(words, " ")
}
