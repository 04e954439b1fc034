package syntax

import (
	"io/fs"

	"github.com/lvs-director/director/conf"
)

// An Origin is one step of the way on which a line was reached: the include
// line, the reference to a definition, or the loop. Lines share their origins;
// the number of steps is bounded by Limits.Depth.
type Origin struct {
	Kind   conf.OriginKind
	Name   string   // the file included, "$NAME", or "i=3" of a loop
	Pos    conf.Pos // of the include line, the reference, or the loop
	Parent *Origin

	depth    int
	includes int
	info     fs.FileInfo // of the file included, when it is a file of the host
}

// Steps gives the way to a line, the nearest step first; nil for a line of the
// main file.
func (o *Origin) Steps() []conf.Step {
	if o == nil {
		return nil
	}
	steps := make([]conf.Step, 0, o.depth)
	for ; o != nil; o = o.Parent {
		steps = append(steps, conf.Step{Kind: o.Kind, Name: o.Name, Pos: o.Pos})
	}
	return steps
}
