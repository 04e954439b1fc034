package value

import (
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/syntax"
)

// Reader reads values, and collects what is wrong with them.
type Reader struct {
	Tree       *syntax.Tree
	Findings   []conf.Finding
	scratch    conf.Finding
	Dropped    int
	Complaints int // findings that are no notes

	Word     string // the keyword being read
	Fallback string // what is used when its value is bad, for people
	Taken    bool   // the value counts in spite of a complaint
	Hush     bool   // what stands behind the keyword is a secret

	Sources    Sources
	blocks     []blockSource // pieces to cut from
	saids      []conf.Source
	Names      func(kind, name string) (uint32, bool)
	Preference int // of the next rule without one
}

// NewReader reads what a tree says; findings are those of the text itself. It
// makes room to remember so many blocks.
func NewReader(tree *syntax.Tree, findings []conf.Finding, blocks int) Reader {
	return Reader{Tree: tree, Findings: findings, Preference: firstPreference, Sources: make(Sources, blocks)}
}
