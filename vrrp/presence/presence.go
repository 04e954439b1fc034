package presence

// Others tells who else of our kind runs in this network namespace. What
// carries the mark and is in no configuration of ours may be theirs.
type Others struct {
	// Directors and Keepaliveds are process ids. Of a director it is the worker's
	// that has the virtual routers.
	Directors   []int
	Keepaliveds []int
}

// None says that nobody else is here: what carries the mark was left behind.
func (o Others) None() bool { return len(o.Directors) == 0 && len(o.Keepaliveds) == 0 }
