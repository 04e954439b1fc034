package lvs

import (
	"log/slog"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
)

// checkLoad is what the checks of a configuration need.
type checkLoad struct {
	checks    int
	encrypted float64 // of them, in one second
}

func loadOf(cfg *conf.Config) (l checkLoad) {
	for _, vs := range cfg.VirtualServers {
		for _, rs := range vs.RealServers {
			for i := range rs.Checkers {
				l.checks++
				if c := &rs.Checkers[i]; c.Kind == conf.SSLGet {
					l.encrypted += 1 / max(c.Interval.Seconds(), 0.001)
				}
			}
		}
	}
	return l
}

// manyEncrypted is how many encrypted checks a second are more than one processor should make
// beside everything else: each takes about a millisecond.
const manyEncrypted = 100

// processors is how many processors a worker should use, of those that it may. The checks of
// one loop need no second one: to wake it takes more time than they do.
func (l checkLoad) processors(most int) int {
	if l.encrypted > manyEncrypted {
		return most
	}
	return 1
}

const (
	// gcPercent makes garbage collections more frequent than Go's default: what a worker keeps is
	// the same for hours, and checks leave little behind.
	gcPercent = 12
	// gcRoom is how many bytes of garbage there may be at least. Without it the collections of a
	// worker with some hundred checks took as long as the checks.
	gcRoom = 4 << 20
	// gcWhileLoading makes them rarer until a configuration is in the table: nearly all that is
	// allocated then is kept. With gcPercent they took a third of the processor time of filling a
	// table.
	gcWhileLoading = 300
	// gcWhileStarting is that of a worker with its first configuration, whose heap is small: what
	// 10,000 real servers take has room. It is not for a reload, where it would be many times a
	// large heap.
	gcWhileStarting = 1600
)

// loadingTime is how long after a configuration came this process is fitted to what it does for
// hours: then the table and the schedule have the configuration.
const loadingTime = 5 * time.Second

// fitter fits this process to its work.
type fitter struct {
	log     *slog.Logger
	procs   int         // that it may use
	rest    *time.Timer // runs after a configuration
	started bool        // it had one
}

func newFitter(log *slog.Logger) *fitter {
	debug.SetGCPercent(gcWhileStarting)
	return &fitter{log: log, procs: runtime.GOMAXPROCS(0), rest: time.AfterFunc(loadingTime, rest)}
}

func (f *fitter) stop() { f.rest.Stop() }

// rest fits this process to what it does while its configuration stays, and gives back the memory
// that taking it took.
func rest() {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	debug.SetGCPercent(percentFor(m.HeapAlloc))
}

// percentFor is the percentage for a heap of so many bytes.
func percentFor(heap uint64) int {
	return int(min(max(100*gcRoom/max(heap, 1), gcPercent), gcWhileLoading))
}

// fit fits this process to the work of a new configuration, and to what its checks need.
func (f *fitter) fit(cfg *conf.Config) {
	if f.started {
		debug.SetGCPercent(gcWhileLoading)
	}
	f.started = true
	f.rest.Reset(loadingTime)
	l := loadOf(cfg)
	if n := l.processors(f.procs); n != runtime.GOMAXPROCS(0) {
		runtime.GOMAXPROCS(n)
	}
	if err := probe.RoomFor(l.checks); err != nil {
		f.log.Warn("checks of real servers may run out of open files", "checks", l.checks, "reason", err)
	}
}
