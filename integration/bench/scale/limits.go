//go:build linux

package scale

import (
	"math"
	"slices"
	"strconv"

	"github.com/lvs-director/director/integration/bench/proc"
)

// slope is what one more of something takes of a process.
type slope struct {
	CPU    float64 // share of one processor; 0 is too little to be measured
	Memory float64 // bytes resident
}

// end is where a process ends, by size; 0 is not in sight.
type end struct {
	Processor int // one processor is busy all the time
	Memory    int // enough bytes are resident
}

// enough is how much memory one process may take before it counts as the end.
const enough = 1 << 30

// noise is what a process may use more by chance.
const (
	noiseCPU    = 3 * float64(proc.Tick) / float64(growthLength)
	noiseMemory = 2 << 20
)

// sizesOf are the rows of what one kind has of something, from the smallest size.
func sizesOf(rows []Growth, what, kind string) (found []Growth) {
	for _, r := range rows {
		if r.What == what && r.Kind == kind {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b Growth) int { return a.Size - b.Size })
	return found
}

// process finds a process by its name.
func (g Growth) process(name string) (Process, bool) {
	i := slices.IndexFunc(g.Processes, func(p Process) bool { return p.Name == name })
	if i < 0 {
		return Process{}, false
	}
	return g.Processes[i], true
}

// grows is how a process grows from the smallest to the largest size, and where that ends if it goes on so. The
// rows are of one kind, sorted by size.
func grows(rows []Growth, name string) (s slope, e end, ok bool) {
	if len(rows) < 2 {
		return s, e, false
	}
	few, many := rows[0], rows[len(rows)-1]
	less, ok1 := few.process(name)
	more, ok2 := many.process(name)
	if !ok1 || !ok2 || many.Size == few.Size {
		return s, e, false
	}
	step := float64(many.Size - few.Size)
	if d := more.CPU - less.CPU; d > noiseCPU {
		s.CPU = d / step
		e.Processor = at(float64(many.Size) + (1-more.CPU)/s.CPU)
	}
	if d := float64(more.RSS - less.RSS); d > noiseMemory {
		s.Memory = d / step
		e.Memory = at(float64(many.Size) + (enough-float64(more.RSS))/s.Memory)
	}
	return s, e, true
}

// at rounds a size to two digits: what is extrapolated is no more exact.
func at(size float64) int {
	if size < 1 {
		return 1
	}
	unit := math.Pow(10, max(math.Floor(math.Log10(size))-1, 0))
	return int(math.Round(size/unit) * unit)
}

// first is the smaller one of two ends that are in sight.
func (e end) first() int {
	switch {
	case e.Processor == 0:
		return e.Memory
	case e.Memory == 0:
		return e.Processor
	}
	return min(e.Processor, e.Memory)
}

// thousands writes a number with commas.
func thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
