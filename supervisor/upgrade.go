package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/reload"
	"github.com/lvs-director/director/supervisor/rollout"
	"github.com/lvs-director/director/supervisor/signalhold"
	"github.com/lvs-director/director/worker"
)

// An upgrade puts another program in the place of this one by exec: process,
// sockets and children stay. The workers lose nothing of their connections and
// notice nothing. Whatever fails before the exec, or in it, leaves everything
// as it was.

const (
	// scriptPause is how long an upgrade waits for notify scripts that run.
	scriptPause = 10 * time.Second
	// mailPause is how long it waits for a mail that is being sent, which is sent again then.
	mailPause = 3 * time.Second
	// trackerPause is how long it waits for tracking scripts and programs of checks, which it
	// ends.
	trackerPause = 5 * time.Second
	// requestPause is how long it waits for other requests to be answered.
	requestPause = 2 * countPatience
	// frontPatience is how long it waits for the front to end, which the next program starts again.
	frontPatience = time.Second
)

// upgrade is the one that is under way, or that brought this program here.
type upgrade struct {
	count int         // those that brought this program here
	path  string      // the file of the other program
	tried os.FileInfo // that file, when it said that it can take over
	// releases: it releases the signals that are held for it.
	releases bool
}

// upgradeCall is somebody who has asked for one.
type upgradeCall struct {
	path   string
	answer func(upgradeAnswer)
}

type upgradeAnswer struct {
	report  control.UpgradeReport
	refused string
}

// Upgrade is called by the control socket. Its answer says that it has begun.
func (s *supervisor) Upgrade(ctx context.Context, q control.UpgradeRequest) (control.UpgradeReport, error) {
	path := q.Binary
	var err error
	if path == "" {
		path, err = ownFile()
	}
	var a upgradeAnswer
	if err == nil {
		a, err = ask(ctx, s, func(answer func(upgradeAnswer)) {
			id := s.callers.id()
			s.callers.upgrades[id] = &upgradeCall{path: path, answer: answer}
			s.command(ctx, "director", "upgrade")
			s.tellRollout(rollout.UpgradeAsked{ID: id, Busy: s.busy()})
		})
	}
	if err == nil && a.refused != "" {
		err = errors.New(a.refused)
	}
	if err != nil {
		return a.report, fmt.Errorf("upgrade refused, nothing has changed: %w", err)
	}
	return a.report, nil
}

// Upgraded is called by the control socket.
func (s *supervisor) Upgraded(ctx context.Context, _ struct{}) (r control.UpgradeReport, err error) {
	err = s.do(ctx, func() { r = s.upgradeReport() })
	return r, err
}

func (s *supervisor) upgradeReport() control.UpgradeReport {
	r := control.UpgradeReport{
		Version: s.opts.Version, Pid: os.Getpid(), Upgrades: s.upgrade.count, Error: s.rollout.UpgradeProblem(),
		Busy: s.rollout.Upgrading() || s.rollout.Replacing(),
	}
	for _, w := range s.rollout.Replaced() {
		r.Replaced = append(r.Replaced, string(w))
	}
	return r
}

// carryOutUpgrade does what the machine has decided about an upgrade. It is
// false when the effect is about something else.
func (s *supervisor) carryOutUpgrade(e rollout.Effect) bool {
	switch e := e.(type) {
	case rollout.TryProgram:
		s.tryProgram(s.callers.upgrades[e.ID].path)
	case rollout.AnswerUpgrade:
		call := s.callers.upgrades[e.ID]
		delete(s.callers.upgrades, e.ID)
		call.answer(upgradeAnswer{s.upgradeReport(), e.Refused})
	case rollout.Prepare:
		s.log.Info("upgrading", "binary", s.upgrade.path)
		s.tellReload(reload.Hold{})
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), scriptPause)
			defer cancel()
			held := make(chan struct{})
			go func() {
				defer close(held)
				sent, cut := context.WithTimeout(ctx, mailPause)
				defer cut()
				s.mail.Hold(sent)
			}()
			running := s.notify.Hold(ctx)
			<-held
			s.post(func() {
				if len(running) > 0 && !s.rollout.Stopping() {
					s.log.Info("scripts are still running: the next program waits for them", "scripts", running)
				}
				s.tellRollout(rollout.Prepared{})
			})
		}()
	case rollout.Exec:
		if s.hooks.releasing > 0 {
			s.tellRollout(rollout.ExecFailed{Err: errors.New("notify_release runs: addresses are about to be given up")})
			break
		}
		err := s.become(s.upgrade.path, s.upgrade.tried)
		s.tellRollout(rollout.ExecFailed{Err: err})
	case rollout.UpgradeFailed:
		if s.rollout.Stopping() {
			s.log.Info("upgrade cancelled: director is stopping")
		} else {
			s.log.Error("upgrade failed: this program keeps running", "error", e.Why)
		}
		s.notify.Release()
		s.mail.Release()
		s.fifos.Release()
		s.tellReload(reload.Release{})
		s.dump(0)
	default:
		return false
	}
	return true
}

// tryProgram asks the program at path whether it can take over.
func (s *supervisor) tryProgram(path string) {
	question := handoffQuestion{
		Strict: s.opts.Strict, OnlyVRRP: s.opts.OnlyVRRP, OnlyCheckers: s.opts.OnlyCheckers, Text: s.current().text,
	}
	go func() {
		var answer handoffAnswer
		tried, err := os.Stat(path)
		if err == nil {
			answer, err = question.try(context.Background(), path)
		}
		s.post(func() {
			s.upgrade.path, s.upgrade.tried, s.upgrade.releases = path, tried, answer.ReleasesSignals
			s.tellRollout(rollout.ProgramTried{Err: err, Busy: s.busy()})
		})
	}()
}

// become puts the program at path in the place of this one. When it returns,
// this program keeps running.
func (s *supervisor) become(path string, tried os.FileInfo) error {
	now, err := os.Stat(path)
	if err == nil && (!os.SameFile(now, tried) || now.Size() != tried.Size() || !now.ModTime().Equal(tried.ModTime())) {
		err = fmt.Errorf("%s was changed meanwhile", path)
	}
	if err != nil {
		return err
	}
	s.gate.Shut()
	defer s.gate.Unshut()
	s.readers.Gate.Shut()
	defer s.readers.Gate.Unshut()
	s.finishRequests()
	if !s.finishSaving() || !s.flushEvents() { // an exec waits for a thread that waits for a disk
		return fmt.Errorf("the disk of %s does not answer", s.opts.StateDir)
	}
	if !s.finishDump() {
		return errors.New("the disk that a dump is written to does not answer")
	}

	s.announcing.Beat()
	trackers := s.tracking.Export()
	ctx, cancel := context.WithTimeout(context.Background(), trackerPause)
	defer cancel()
	s.tracking.Stop(ctx)
	defer func() { s.tracking.Resume(s.current().cfg, trackers) }()
	s.misc.Stop(ctx)
	defer func() { s.misc.Resume(s.misc.Outstanding(), s.programOf) }()

	s.announcing.Beat()
	handed, err := s.detachWorkers()
	defer func() {
		for _, w := range handed {
			s.adopt(w)
		}
	}()
	if err != nil {
		return err
	}
	s.front.Pause(frontPatience)
	defer s.front.Resume()
	s.announcing.Beat()
	socket, err := s.gate.File()
	if err != nil {
		return fmt.Errorf("handing off the control socket: %w", err)
	}
	defer socket.Close() // nil when there is none
	readers, err := s.readers.Gate.File()
	if err != nil {
		return fmt.Errorf("handing off the socket of status_socket: %w", err)
	}
	defer readers.Close() // nil when there is none
	h := s.handoff()
	h.Workers, h.Trackers, h.Programs = handed, trackers, s.misc.Outstanding()
	h.Lock, h.Listener = descriptor(s.files.lock), descriptor(socket)
	if readers != nil {
		h.Readers, h.ReadersGroup = descriptor(readers), s.readers.Group()
	}
	if s.upgrade.releases {
		if h.Signals, err = signalhold.Begin(os.Stderr); err != nil {
			s.log.Warn("a SIGHUP or a signal for a dump during the upgrade is lost, and a SIGTERM ends director without an "+
				"orderly stop", "error", err)
		} else {
			defer h.Signals.Release()
		}
	}
	s.flush()
	defer s.signals.listen(true) // to those that may be ignored by now
	return h.execute(path, func() error { return s.lastSignals(h) })
}

// finishRequests answers those who have asked already. One who waits for
// something that takes long is cut off.
func (s *supervisor) finishRequests() {
	overdue := time.NewTimer(requestPause)
	defer overdue.Stop()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for !s.gate.Idle() || !s.readers.Gate.Idle() {
		select {
		case do := <-s.requests:
			do()
		case e := <-s.saved:
			e.TakeIn()
		case p := <-s.archive.ended:
			s.historyPaid(p)
		case e := <-s.events:
			s.workerEvent(e) // a status waits for the counters
		case <-look.C:
			s.announcing.Beat() // what is announced outlives all this
		case <-overdue.C:
			return
		}
	}
}

// detachWorkers takes all workers from their keepers. With an error those are
// returned that were taken.
func (s *supervisor) detachWorkers() (handed []handedWorker, err error) {
	type result struct {
		name rollout.Worker
		err  error
	}
	results := make(chan result, len(s.keepers))
	for name, k := range s.keepers {
		go func() { results <- result{name, k.Pause()} }()
	}
	var paused []rollout.Worker
	for left := len(s.keepers); left > 0; {
		select {
		case e := <-s.events:
			s.workerEvent(e)
		case r := <-results:
			left--
			if r.err != nil {
				err = fmt.Errorf("the %s worker cannot be handed off: %w", r.name, r.err)
				continue
			}
			paused = append(paused, r.name)
		}
	}
	for _, name := range paused {
		h := s.keepers[name].Detach()
		if h == nil {
			err = fmt.Errorf("the %s worker cannot be handed off", name)
			continue
		}
		w, _ := s.rollout.Status(name)
		hw := newHandedWorker(w, h)
		if hw.Socket < 0 {
			err = fmt.Errorf("the connection of the %s worker cannot be handed off", name)
		}
		handed = append(handed, hw)
	}
	return handed, err
}

// adopt keeps a worker that was started by another program, or by this one
// before an upgrade that failed.
func (s *supervisor) adopt(h handedWorker) {
	name := rollout.Worker(h.Name)
	s.pids.Adopt(h.Name, h.Worker.Pid)
	s.keep(name, worker.Adopt(s.newKeeper(name), h.Worker))
}
