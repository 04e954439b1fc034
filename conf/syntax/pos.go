package syntax

import (
	"io/fs"
	"strconv"
)

// Pos is a place in a file. The zero Pos is no place at all.
type Pos struct {
	File string // as it was named: relative to where the main file's name was
	Line int32  // 1-based; 0 for the file as a whole
	Col  int32  // 1-based, in bytes; 0 when unknown
}

// IsValid tells whether p names a place.
func (p Pos) IsValid() bool { return p.File != "" || p.Line > 0 }

// String gives "file:line:col", without the parts that are unknown.
func (p Pos) String() string {
	s := p.File
	if s == "" {
		s = "-"
	}
	if p.Line > 0 {
		s += ":" + strconv.Itoa(int(p.Line))
		if p.Col > 0 {
			s += ":" + strconv.Itoa(int(p.Col))
		}
	}
	return s
}

// OriginKind says how a line came to be read.
type OriginKind uint8

// The ways a line can come from elsewhere than the file it stands in.
const (
	FromInclude    OriginKind = iota + 1 // an include line
	FromDefinition                       // a reference to a multi-line definition
	FromLoop                             // one round of ~SEQ or ~LST
)

// An Origin is one step of the way on which a line was reached: the include
// line, the reference to a definition, or the loop. Lines share their origins;
// the number of steps is bounded by Limits.Depth.
type Origin struct {
	Kind   OriginKind
	Name   string // the file included, "$NAME", or "i=3" of a loop
	Pos    Pos    // of the include line, the reference, or the loop
	Parent *Origin

	depth    int
	includes int
	info     fs.FileInfo // of the file included, when it is a file of the host
}

// Step is one step of a finding's chain.
type Step struct {
	Kind OriginKind
	Name string
	Pos  Pos
}

// String says the step in words, such as "included at a.conf:3:1".
func (s Step) String() string {
	switch s.Kind {
	case FromInclude:
		return "included at " + s.Pos.String()
	case FromDefinition:
		return "expanded from " + s.Name + " at " + s.Pos.String()
	case FromLoop:
		return "with " + s.Name + " at " + s.Pos.String()
	}
	return "at " + s.Pos.String()
}

// Steps gives the way to a line, the nearest step first; nil for a line of the
// main file.
func (o *Origin) Steps() []Step {
	if o == nil {
		return nil
	}
	steps := make([]Step, 0, o.depth)
	for ; o != nil; o = o.Parent {
		steps = append(steps, Step{o.Kind, o.Name, o.Pos})
	}
	return steps
}
