package table

import "slices"

// Sent are the weights that we sent to the kernel for one real server, as the
// journal knows them: the last one that the kernel has acknowledged, and one more
// while an answer is awaited. None is: nothing is known.
type Sent []int

// Hand says whether a weight in the kernel was set by hand: it is none of those that
// we sent. What is not known is ours, so a table left by somebody else is taken over
// with our weights.
func (s Sent) Hand(weight int) bool { return len(s) > 0 && !slices.Contains(s, weight) }
