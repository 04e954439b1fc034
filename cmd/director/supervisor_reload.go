package main

import (
	"context"
	"fmt"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/worker"
)

// A reload reads the file beside the supervisor's loop (a large one takes half
// a second), and applies it only when it has no errors: the table first, then,
// when the table is loaded, the addresses.

// reload is called by the control socket.
func (s *supervisor) reload(ctx context.Context) (reloadReport, error) {
	result := make(chan reloadReport, 1)
	if err := s.do(ctx, func() { s.startReload(result) }); err != nil {
		return reloadReport{}, fmt.Errorf("reload: %w", err)
	}
	select {
	case r := <-result:
		return r, nil
	case <-ctx.Done():
		return reloadReport{}, ctx.Err()
	case <-s.done:
		return reloadReport{}, fmt.Errorf("reload: director is stopping")
	}
}

// startReload begins to read the file; one that is being read already may be
// older than the request, so it is read once more after that.
func (s *supervisor) startReload(result chan reloadReport) {
	if result != nil {
		s.waiting = append(s.waiting, result)
	}
	if s.loading {
		s.again = true
		return
	}
	s.loading = true
	s.ready(reloadingNow())
	go func() {
		cfg, findings := s.load()
		select {
		case s.loaded <- loaded{cfg, findings}:
		case <-s.done:
		}
	}()
}

func (s *supervisor) finishLoading(l loaded) {
	s.loading = false
	if s.again {
		s.again = false
		s.startReload(nil)
		return
	}
	logFindings(s.log, l.findings)
	if conf.HasErrors(l.findings) {
		s.log.Error("reload refused: the configuration has errors, the old one stays in force",
			"config", s.opts.File, "generation", s.generation)
		s.ready("READY=1")
		for _, w := range s.waiting {
			w <- reloadReport{File: s.opts.File, Generation: s.generation, Findings: jsonFindings(l.findings)}
		}
		s.waiting = nil
		return
	}
	s.cfg, s.findings = l.cfg, l.findings
	s.generation++
	s.known.forget(s.cfg)
	s.log.Info("reloading", "config", s.cfg.Path, "generation", s.generation)
	s.notify.Apply(s.cfg)
	if s.workers[lvsWorker] != nil {
		s.configureRunning(lvsWorker)
		s.tableWait.Reset(tablePatience)
	} else {
		s.configureRunning(vrrpWorker)
	}
	s.giveUpWaiting(s.generation)
}

// configureRunning sends a running worker the configuration of a reload. One
// that does not run gets it when it starts.
func (s *supervisor) configureRunning(name string) {
	w := s.workers[name]
	if w == nil || w.pid == 0 {
		return
	}
	w.keeper.Send("configure", worker.Message{Configure: &worker.Configure{
		Generation: s.generation, Config: s.cfg, Proceed: s.proceeded,
		KeepAddresses: s.opts.KeepAddresses, KeepServices: s.opts.KeepServices,
	}})
}

// giveUpWaiting answers those who wait for generation when the workers take too long.
func (s *supervisor) giveUpWaiting(generation uint64) {
	time.AfterFunc(applyPatience, func() {
		_ = s.do(context.Background(), func() {
			if s.generation == generation {
				s.answerReloads(true)
			}
		})
	})
}

// answerReloads tells those who asked for a reload that it is in force, once it is.
func (s *supervisor) answerReloads(overdue bool) {
	if s.loading || s.generation == 1 {
		return
	}
	r := reloadReport{File: s.cfg.Path, Applied: true, Generation: s.generation, Findings: jsonFindings(s.findings)}
	for name, w := range s.workers {
		switch {
		case w.applied.Generation == s.generation && w.applied.Error != "":
			r.Problems = append(r.Problems, w.applied.Error)
		case w.applied.Generation == s.generation:
		case overdue:
			r.Problems = append(r.Problems, fmt.Sprintf("the %s worker has not applied it after %v", name, applyPatience))
		default:
			return
		}
	}
	if s.reported == s.generation {
		return
	}
	s.reported = s.generation
	if e := s.known.table.Error; e != "" && s.known.table.Generation == s.generation {
		r.Problems = append(r.Problems, e)
	}
	s.log.Info("reloaded", "config", s.cfg.Path, "generation", s.generation)
	s.ready("READY=1")
	for _, w := range s.waiting {
		w <- r
	}
	s.waiting = nil
}
