package presence

import (
	"fmt"
	"strings"
)

// Others tells who else of our kind runs in this network namespace. What
// carries the mark and is in no configuration of ours may be theirs.
type Others struct {
	// Directors and Keepaliveds are process ids. Of a director it is the worker's
	// that has the virtual routers.
	Directors   []int
	Keepaliveds []int
	// Unknown: there may be some that cannot be seen.
	Unknown bool
}

// None says that nobody else is here: what carries the mark was left behind.
func (o Others) None() bool { return len(o.Directors) == 0 && len(o.Keepaliveds) == 0 && !o.Unknown }

// String lists them, for people.
func (o Others) String() string {
	var list []string
	for _, pid := range o.Directors {
		list = append(list, fmt.Sprintf("another director (pid %d)", pid))
	}
	for _, pid := range o.Keepaliveds {
		list = append(list, fmt.Sprintf("keepalived (pid %d)", pid))
	}
	if len(list) == 0 {
		return "a director or keepalived that cannot be seen from here"
	}
	return strings.Join(list, " or ")
}
