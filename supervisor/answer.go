package supervisor

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/fronts"
	"github.com/lvs-director/director/supervisor/reload"
	"github.com/lvs-director/director/supervisor/rollout"
	"github.com/lvs-director/director/supervisor/shared"
	"github.com/lvs-director/director/supervisor/status"
	"github.com/lvs-director/director/vrrp/track"
	"github.com/lvs-director/director/worker"
)

// callers are those who wait for an answer of a machine. Each gets one.
type callers struct {
	last     uint64 // the last ID
	reloads  map[uint64]func(reload.Outcome)
	confirms map[uint64]func(waited bool)
	upgrades map[uint64]*upgradeCall
	// handovers are those who wait for the outcome of one.
	handovers map[*handoverCall]bool
}

func newCallers() callers {
	return callers{
		reloads: make(map[uint64]func(reload.Outcome)), confirms: make(map[uint64]func(bool)),
		upgrades: make(map[uint64]*upgradeCall), handovers: make(map[*handoverCall]bool),
	}
}

// id names a caller.
func (c *callers) id() uint64 {
	c.last++
	return c.last
}

// ask enters the loop and waits for an answer of it. tell is called in the
// loop with the function that takes the answer, which may be called in the loop
// only.
func ask[A any](ctx context.Context, s *supervisor, tell func(answer func(A))) (A, error) {
	answers := make(chan A, 1)
	var none A
	if err := s.do(ctx, func() { tell(func(a A) { answers <- a }) }); err != nil {
		return none, err
	}
	select {
	case a := <-answers:
		return a, nil
	case <-ctx.Done():
		return none, ctx.Err()
	case <-s.done:
	}
	select {
	case a := <-answers: // it was the last thing that the loop did
		return a, nil
	default:
		return none, errStopping
	}
}

// What the control socket can ask for. These methods run in the goroutines of
// their connections and enter the supervisor's by do.

// Status is an answer within a second, whoever hangs: what is not known in time is shown as it was known last,
// and named.
func (s *supervisor) Status(ctx context.Context, _ struct{}) (control.Status, error) {
	s.refresh(ctx)
	m, err := s.looking.reports.Get(ctx)
	r := m.status
	if err != nil {
		return r, fmt.Errorf("status: %w", err)
	}
	late := s.compareFiles(ctx, &r)
	if late != "" {
		r.Parts = append(slices.Clip(r.Parts), control.Part{Name: "configuration file", Late: late})
	}
	return r, nil
}

// StatusText is the JSON of Status, which all who ask at about the same time share.
func (s *supervisor) StatusText(ctx context.Context) ([]byte, error) { return s.looking.texts.Get(ctx) }

// Changed says that an operator has changed something, or the supervisor has done what it keeps as an event: whoever
// asks from now on sees it.
func (s *supervisor) Changed() {
	s.looking.reports.Renew()
	s.looking.texts.Renew()
}

// loopPatience is how long a status waits for the supervisor's loop. One that is busy for longer (a reload of tens
// of thousands of real servers) is not waited for when there are facts of a moment before.
const loopPatience = 200 * time.Millisecond

// enterPatience is how long it waits to ask the workers.
const enterPatience = 100 * time.Millisecond

// lookAge is for how long at most those who look are given what others have been given.
const lookAge = 250 * time.Millisecond

// looking is what those who look at the status have in common.
type looking struct {
	under chan struct{} // closed when the questions to the workers that are open are over; nil: there are none
	ended time.Time     // when the last ones were over
	last  time.Time     // when somebody looked last
	told  time.Time     // when the lvs worker was told so
	// counted is closed when the lvs worker has counted all for the first time, nil when nobody waits.
	counted chan struct{}
	files   files

	facts   atomic.Pointer[status.Facts] // the last that the loop has told
	links   *shared.Maker[map[string]track.Interface]
	reports *shared.Maker[made]
	texts   *shared.Maker[[]byte]
	reader  control.Texts[control.Status, *control.Status]
	front   control.Texts[fronts.Snapshot, *fronts.Snapshot]
}

// share begins with what is shared by those who look.
func (l *looking) share(s *supervisor, links func() (map[string]track.Interface, error)) {
	l.links = shared.New(lookAge, lookAge, func(context.Context) (map[string]track.Interface, error) { return links() })
	l.reports = shared.New(0, lookAge, s.report)
	l.texts = shared.New(0, lookAge, func(ctx context.Context) ([]byte, error) {
		r, err := s.Status(ctx, struct{}{})
		if err != nil {
			return nil, err
		}
		return l.reader.Of(r)
	})
}

const (
	// askInterval is the least time between two questions to the workers, however many look; with many
	// checks it is longer, by askShare for each.
	askInterval = 500 * time.Millisecond
	askShare    = 200 * time.Microsecond
	// lookPause is when a look is the first one again: the lvs worker counts for a minute after the last.
	lookPause = time.Minute
)

// refresh has what the workers tell when they are asked brought up to date: their answers, which all who look
// wait for together, come within checksPatience, or not.
func (s *supervisor) refresh(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, checksPatience)
	defer cancel()
	wait := make(chan chan struct{}, 1)
	enter, late := context.WithTimeout(ctx, enterPatience)
	defer late()
	if s.do(enter, func() { wait <- s.look() }) != nil {
		return // the loop is busy
	}
	if over := <-wait; over != nil {
		select {
		case <-over:
		case <-ctx.Done():
		}
	}
}

// look says that somebody looks, and asks the workers unless they were asked a moment ago. The channel is closed
// when the answers are here; nil is that there is nothing to wait for.
func (s *supervisor) look() chan struct{} {
	l, now := &s.looking, time.Now()
	first := s.watch(now)
	if l.under != nil {
		return l.under
	}
	if now.Sub(l.ended) < askInterval+time.Duration(s.current().checks())*askShare {
		return nil
	}
	over := make(chan struct{})
	l.under = over
	var waits []<-chan struct{}
	counters := s.askCounters(false)
	if counters != nil {
		waits = append(waits, counters)
	}
	id, checks := s.askChecks(worker.AskChecks{Latest: true})
	if checks != nil {
		waits = append(waits, checks.done)
	}
	if first && checks != nil && len(s.current().cfg.VirtualServers) > 0 {
		l.counted = make(chan struct{})
		waits = append(waits, l.counted)
	}
	go func() {
		enough := time.NewTimer(checksPatience)
		defer enough.Stop()
		for _, w := range waits {
			select {
			case <-w:
				continue
			case <-enough.C:
			case <-s.done:
			}
			break
		}
		s.post(func() { s.looked(now, id, checks) })
	}()
	return over
}

// watch tells the lvs worker that somebody looks at what the kernel counts, and says whether that is new.
func (s *supervisor) watch(now time.Time) (first bool) {
	l := &s.looking
	first = now.Sub(l.last) >= lookPause
	if first {
		s.known.Asked.WatchedFrom = now
	}
	l.last = now
	if s.runs(rollout.LVS) && (first || now.Sub(l.told) > lookPause/10) {
		l.told = now
		s.keepers[rollout.LVS].Send("look", worker.Message{Look: &worker.Look{}})
	}
	return first
}

// looked takes in what was answered to the questions of a time.
func (s *supervisor) looked(asked time.Time, id uint64, checks *asked) {
	l, a := &s.looking, &s.known.Asked
	if checks != nil {
		delete(s.asking.open, id)
		if checks.whole {
			for _, h := range checks.list {
				for _, r := range h.Results {
					s.known.Check(r)
				}
			}
			a.Checks = time.Now()
		}
	}
	a.At, a.VRRPHas, a.LVSHas = asked, s.runs(rollout.VRRP), checks != nil
	close(l.under)
	l.under, l.counted, l.ended = nil, nil, time.Now()
}

// kernelCounted notes that the lvs worker has counted all.
func (s *supervisor) kernelCounted(c event.Counted) {
	s.known.Asked.Kernel = c
	if s.looking.counted != nil {
		close(s.looking.counted)
		s.looking.counted = nil
	}
}

// checks is how many checks there are.
func (l *loaded) checks() (n int) {
	for _, vs := range l.cfg.VirtualServers {
		for _, rs := range vs.RealServers {
			n += len(rs.Checkers)
		}
	}
	return n
}

// files is what is known of the files on disk, which may be large or on a disk that does not answer: they are
// read beside everything else, once for all who look.
type files struct {
	mu      sync.Mutex
	under   chan struct{} // closed when they were read; nil: nobody reads them
	state   control.ConfigState
	program []control.Problem
	err     error
}

// filesPatience is how long a status waits for them.
const filesPatience = 100 * time.Millisecond

// compareFiles puts into a status how the files on disk stand to what runs, and says why that is old.
func (s *supervisor) compareFiles(ctx context.Context, r *control.Status) (late string) {
	f := &s.looking.files
	f.mu.Lock()
	under := f.under
	if under == nil {
		under = make(chan struct{})
		f.under = under
		state := r.ConfigState
		go func() {
			ctx, program := context.Background(), control.Status{}
			err := s.compareFile(ctx, &state)
			if err == nil {
				err = s.compareProgram(ctx, &program)
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			f.state, f.program, f.err, f.under = state, program.Problems, err, nil
			close(under)
		}()
	}
	f.mu.Unlock()
	enough := time.NewTimer(filesPatience)
	defer enough.Stop()
	select {
	case <-under:
	case <-ctx.Done():
	case <-enough.C:
		late = "it was not read in time"
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil && late == "" {
		late = f.err.Error()
	}
	if f.state.Generation == r.Generation {
		r.FileErrors, r.FileDiffers = f.state.FileErrors, f.state.FileDiffers
		r.ReloadRefused, r.ReloadRefusedAt = f.state.ReloadRefused, f.state.ReloadRefusedAt
	}
	r.Problems = append(r.Problems[:len(r.Problems):len(r.Problems)], f.program...)
	return late
}

func (s *supervisor) About(ctx context.Context, _ struct{}) (control.ConfigState, error) {
	var c control.ConfigState
	err := s.do(ctx, func() { c = s.state() })
	if err == nil {
		err = s.compareFile(ctx, &c)
	}
	if err != nil {
		return c, fmt.Errorf("asking what is in force: %w", err)
	}
	return c, nil
}

// The vrrp worker counts and is asked when somebody wants to know: while
// nobody does, its counters cost nothing.

// countPatience is how long director status waits for them. A worker that
// takes longer has something better to do.
const countPatience = 300 * time.Millisecond

// count has the counters brought up to date, if that is possible in time.
func (s *supervisor) count(ctx context.Context) error {
	var done chan struct{}
	if err := s.do(ctx, func() { done = s.askCounters(false) }); err != nil || done == nil {
		return err
	}
	return s.awaitCounters(ctx, done, countPatience)
}

// awaitCounters waits for the answer, for so long at most.
func (s *supervisor) awaitCounters(ctx context.Context, done chan struct{}, patience time.Duration) error {
	enough := time.NewTimer(patience)
	defer enough.Stop()
	select {
	case <-done:
	case <-enough.C:
	case <-s.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// askCounters asks; the channel is closed when the answer is there. It is nil
// when there is nobody to ask. With clear the counters begin at zero afterwards.
func (s *supervisor) askCounters(clear bool) chan struct{} {
	if !s.runs(rollout.VRRP) {
		return nil
	}
	if s.counting == nil {
		s.counting = make(chan struct{})
	}
	key := "count"
	if clear {
		key = "count and clear" // a question that only counts must not take its place
	}
	s.keepers[rollout.VRRP].Send(key, worker.Message{Count: &worker.Count{Clear: clear}})
	return s.counting
}

// counted takes the counters in.
func (s *supervisor) counted(c event.VRRPCounters) {
	s.known.Counters, s.known.Asked.VRRP = c, time.Now()
	if s.counting != nil {
		close(s.counting)
		s.counting = nil
	}
}
