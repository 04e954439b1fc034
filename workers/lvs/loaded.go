package lvs

import (
	"strings"
	"sync"

	"github.com/lvs-director/director/event"
)

// loaded tells that a configuration is in the kernel: when its virtual servers are in the
// IPVS table, and the packets of its match lists get their marks. Whoever waits for the
// table would send clients to virtual servers that nothing finds yet.
type loaded struct {
	tell func(event.TableLoaded)
	// changed has an entry when marks may have changed, and tables when the table may have.
	changed, tables chan struct{}

	mu      sync.Mutex // between the owners of the table and of the marks
	table   *event.TableLoaded
	marks   uint64 // the generation whose marks are set, or cannot be
	problem string // with the marks
}

func newLoaded(tell func(event.TableLoaded)) *loaded {
	return &loaded{tell: tell, changed: make(chan struct{}, 1), tables: make(chan struct{}, 1)}
}

func (l *loaded) tableIs(t event.TableLoaded) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.table = &t
	l.report()
	hint(l.tables)
}

// hint makes an entry in a channel that has room for one.
func hint(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is told already
	}
}

func (l *loaded) marksAre(generation uint64, problem string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if generation == l.marks && problem == l.problem {
		return
	}
	l.marks, l.problem = generation, problem
	l.report()
	hint(l.changed)
}

// hasMarks says whether the marks of a generation are set, or cannot be.
func (l *loaded) hasMarks(generation uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.marks >= generation
}

// hasTable says whether a generation is in the table, or cannot be.
func (l *loaded) hasTable(generation uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.table != nil && l.table.Generation >= generation
}

// report tells the table's state with what is wrong with the marks. All else works, so
// nobody has to wait for them.
func (l *loaded) report() {
	if l.table == nil || l.marks < l.table.Generation {
		return
	}
	t := *l.table
	if l.problem != "" {
		t.Refused = strings.TrimPrefix(t.Refused+"; "+l.problem, "; ")
	}
	l.tell(t)
}
