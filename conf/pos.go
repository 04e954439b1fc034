package conf

import "strconv"

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
