package supervisor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/worker"
)

// An upgrade puts another program in the place of this one by exec: process,
// sockets and children stay. The workers lose nothing of their connections and
// notice nothing. Whatever fails before the exec, or in it, leaves everything
// as it was.

const (
	// scriptPause is how long an upgrade waits for notify scripts that run.
	scriptPause = 10 * time.Second
	// trackerPause is how long it waits for tracking scripts, which it ends.
	trackerPause = 5 * time.Second
	// requestPause is how long it waits for other requests to be answered.
	requestPause = 2 * countPatience
)

// Upgrade is called by the control socket. Its answer says that it has begun.
func (s *supervisor) Upgrade(ctx context.Context, q control.UpgradeRequest) (control.UpgradeReport, error) {
	var r control.UpgradeReport
	fail := func(err error) (control.UpgradeReport, error) {
		return r, fmt.Errorf("upgrade refused, nothing has changed: %w", err)
	}
	path := q.Binary
	if path == "" {
		var err error
		if path, err = ownFile(); err != nil {
			return fail(err)
		}
	}
	var problem error
	question := handDownQuestion{Strict: s.opts.Strict, OnlyVRRP: s.opts.OnlyVRRP, OnlyCheckers: s.opts.OnlyCheckers}
	err := s.do(ctx, func() { problem, question.Text = s.upgradable(), s.current.text })
	if err = errors.Join(err, problem); err != nil {
		return fail(err)
	}
	tried, err := os.Stat(path)
	if err != nil {
		return fail(err)
	}
	if err := question.try(ctx, path); err != nil {
		return fail(err)
	}
	err = s.do(ctx, func() {
		if problem = s.upgradable(); problem == nil {
			s.upgrading, s.upgradeError = true, ""
			r = s.upgradeState()
		}
	})
	if err = errors.Join(err, problem); err != nil {
		return fail(err)
	}
	s.log.Info("upgrading", "binary", path)
	go s.replaceProgram(path, tried)
	return r, nil
}

// Upgraded is called by the control socket.
func (s *supervisor) Upgraded(ctx context.Context, _ struct{}) (r control.UpgradeReport, err error) {
	err = s.do(ctx, func() { r = s.upgradeState() })
	return r, err
}

func (s *supervisor) upgradeState() control.UpgradeReport {
	r := control.UpgradeReport{
		Version: s.opts.Version, Pid: os.Getpid(), Upgrades: s.upgrades, Error: s.upgradeError,
		Busy: s.upgrading || s.renewal.busy(),
	}
	if s.renewal != nil {
		r.Replaced = s.renewal.done
	}
	return r
}

// upgradable says why there can be no upgrade now: what is in motion cannot be
// handed down.
func (s *supervisor) upgradable() error {
	switch {
	case s.upgrading || s.renewal.busy():
		return errors.New("another upgrade is under way")
	case !s.announced:
		return errors.New("director is not in service yet")
	}
	return s.atRest()
}

func (s *supervisor) atRest() error {
	if s.loading || s.tableAwaited || len(s.applying) > 0 {
		return errors.New("a configuration is being put in force: ask again when it is")
	}
	for name, w := range s.workers {
		switch {
		case w.pid == 0:
			return fmt.Errorf("the %s worker does not run", name)
		case w.given != s.generation || w.applied.Generation != s.generation:
			return fmt.Errorf("the %s worker does not have the configuration in force yet", name)
		}
	}
	return nil
}

// replaceProgram does not return when all goes well.
func (s *supervisor) replaceProgram(path string, tried os.FileInfo) {
	ctx, cancel := context.WithTimeout(context.Background(), scriptPause)
	defer cancel()
	err := s.notify.Hold(ctx)
	if err != nil {
		err = fmt.Errorf("%w: it would cut them off: ask again when they have ended", err)
	}
	_ = s.do(context.Background(), func() { // else it stops, and there is nothing to upgrade
		if err == nil {
			err = s.become(path, tried)
		}
		s.upgrading, s.upgradeError = false, "nothing has changed: "+err.Error()
		s.log.Error("upgrade failed: everything goes on as before", "error", err)
		s.notify.Release()
		if s.hupMissed {
			s.hupMissed = false
			s.startReload(order{signal: true})
		}
	})
}

// become puts the program at path in the place of this one. When it returns,
// everything goes on as before.
func (s *supervisor) become(path string, tried os.FileInfo) error {
	now, err := os.Stat(path)
	if err == nil && (!os.SameFile(now, tried) || now.Size() != tried.Size() || !now.ModTime().Equal(tried.ModTime())) {
		err = fmt.Errorf("%s was changed meanwhile", path)
	}
	if err == nil {
		err = s.atRest()
	}
	if err != nil {
		return err
	}
	s.gate.Shut()
	defer s.gate.Unshut()
	s.finishRequests()

	trackers := s.tracking.Export()
	ctx, cancel := context.WithTimeout(context.Background(), trackerPause)
	defer cancel()
	s.tracking.Stop(ctx)
	defer func() { s.tracking.Resume(s.current.cfg, trackers) }()

	handed, err := s.detachWorkers()
	defer func() {
		for _, w := range handed {
			s.adopt(w)
		}
	}()
	if err != nil {
		return err
	}
	select {
	case sig := <-s.stopSignals:
		s.stopSignals <- sig // there is room again
		return errors.New("director is to stop")
	case <-s.hup:
		s.hupMissed = true
	default:
	}
	socket, err := s.gate.File()
	if err != nil {
		return fmt.Errorf("handing down the control socket: %w", err)
	}
	defer socket.Close()
	h := s.handDown()
	h.Workers, h.Trackers = handed, trackers
	h.Lock, h.Listener = descriptor(s.lock), descriptor(socket)
	s.flush()
	// The next program has no handler in its first moment. A reload that is asked
	// for then is lost; it must not end everything.
	signal.Ignore(syscall.SIGHUP)
	defer signal.Notify(s.hup, syscall.SIGHUP)
	return h.execute(path)
}

// finishRequests answers those who have asked already. One who waits for
// something that takes long is cut off.
func (s *supervisor) finishRequests() {
	overdue := time.NewTimer(requestPause)
	defer overdue.Stop()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for !s.gate.Idle() {
		select {
		case do := <-s.requests:
			do()
		case e := <-s.events:
			s.workerEvent(e) // a status waits for the counters
		case <-look.C:
		case <-overdue.C:
			return
		}
	}
}

// detachWorkers takes all workers from their keepers. With an error those are
// returned that were taken.
func (s *supervisor) detachWorkers() (handed []handedWorker, err error) {
	type result struct {
		name string
		err  error
	}
	results := make(chan result, len(s.workers))
	for name, w := range s.workers {
		go func() { results <- result{name, w.keeper.Pause()} }()
	}
	var paused []string
	for left := len(s.workers); left > 0; {
		select {
		case e := <-s.events:
			s.workerEvent(e)
		case r := <-results:
			left--
			if r.err != nil {
				err = fmt.Errorf("the %s worker cannot be handed over: %w", r.name, r.err)
				continue
			}
			paused = append(paused, r.name)
		}
	}
	for _, name := range paused {
		w := s.workers[name]
		h := w.keeper.Detach()
		if h == nil {
			err = fmt.Errorf("the %s worker cannot be handed over", name)
			continue
		}
		hw := handedWorker{Name: name, Worker: h, Restarts: w.restarts, Since: w.since, GivenUp: w.givenUp, Applied: w.applied, Socket: -1}
		if w.died != nil {
			hw.Died = w.died.Error()
		}
		if h.Socket() != nil {
			hw.Socket = descriptor(h.Socket())
		}
		if hw.Socket < 0 {
			err = fmt.Errorf("the connection of the %s worker cannot be handed over", name)
		}
		handed = append(handed, hw)
	}
	return handed, err
}

// adopt keeps a worker that was started by another program, or by this one
// before an upgrade that failed.
func (s *supervisor) adopt(h handedWorker) {
	w := &workerState{
		keeper: worker.Adopt(s.newKeeper(h.Name), h.Worker), pid: h.Worker.Pid,
		restarts: h.Restarts, since: h.Since, givenUp: h.GivenUp, applied: h.Applied,
		given: s.generation, cfg: s.current.cfg,
	}
	if h.Died != "" {
		w.died = errors.New(h.Died)
	}
	if h.Name == worker.VRRP {
		w.keys = s.current.keys
	}
	s.workers[h.Name] = w
	go w.keeper.Run(s.workersCtx)
}

// handDown is what is known.
func (s *supervisor) handDown() *handDown {
	h := &handDown{
		Version: handDownVersion, From: s.opts.Version, File: s.opts.File,
		Current: s.current.handed(), Generation: s.generation, Entry: s.entry, Fallback: s.fallback,
		Started: s.started, Upgrades: s.upgrades + 1, Reload: s.hupMissed,
		Table: s.known.Table, Counters: s.known.Counters, Notify: s.notify.Export(),
		Instances:      slices.Collect(maps.Values(s.known.Instances)),
		VirtualServers: slices.Collect(maps.Values(s.known.VirtualServers)),
		RealServers:    slices.Collect(maps.Values(s.known.RealServers)),
	}
	for _, results := range s.known.Checks {
		h.Checks = append(h.Checks, slices.Collect(maps.Values(results))...)
	}
	h.Orders, h.LastOrder = s.handovers.Export()
	if p := s.pending; p != nil {
		h.Pending = &handedPending{Back: p.back.handed(), BackEntry: p.backEntry, Until: p.until}
	}
	return h
}
