package supervisor

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/diff"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/events"
	"github.com/lvs-director/director/supervisor/hostcheck"
	"github.com/lvs-director/director/supervisor/rollout"
	"github.com/lvs-director/director/supervisor/status"
	"github.com/lvs-director/director/worker"
)

// chronicle is what the supervisor has of events.
type chronicle struct {
	log    *events.Log
	number func() event.Number
	// asked are the commands that ask for a reload, by their IDs, until they are answered; 0 is the last
	// signal. answered are the IDs that go when all that follows from the answer is kept.
	asked    map[uint64]event.Number
	answered []uint64
	brought  event.Number             // the event that brought the configuration in force
	noted    chan struct{}            // closed when the changes of all reloads so far are kept; nil is of none
	deaths   map[rollout.Worker]death // of workers that run again, or will
	// handed are the events that began or ended the handover of an instance last.
	handed map[conf.InstanceID]event.Number
	killed event.Number // of a worker whose end has not been seen yet
	// failed are virtual servers without a real server while it is found out whether this host is
	// cut off; nil while nobody asks.
	failed []event.VirtualServerState
}

// death is that of a worker, and the event that had brought the configuration that it had.
type death struct{ event, brought event.Number }

// died notes the death of a worker.
func (c *chronicle) died(w rollout.Worker, number event.Number) {
	c.deaths[w], c.killed = death{number, c.brought}, ""
}

// behind are the events behind a configuration that a worker is given: the death of the one before it,
// if it has just started in the place of one that died, and what brought the configuration.
func (c *chronicle) behind(w rollout.Worker, fresh bool) event.Numbers {
	d := c.deaths[w]
	switch {
	case !fresh || d.event == "":
		return event.NumbersOf(c.brought)
	case d.brought != c.brought:
		return event.NumbersOf(d.event, c.brought) // it changed in between
	}
	return event.NumbersOf(d.event)
}

// eventPatience is how long an upgrade and a stop wait for the disk that events are written to.
const eventPatience = time.Second

func (o *Options) chronicle() chronicle {
	number := worker.NewNumbering(event.PartSupervisor).Next
	return chronicle{
		log: events.New(events.Options{
			Dir: events.Dir(o.StateDir, o.File), Log: o.Log, Number: number,
			Notes: worker.NewNumbering(event.PartScripts).Next,
		}),
		number: number,
		deaths: make(map[rollout.Worker]death), asked: make(map[uint64]event.Number),
		handed: make(map[conf.InstanceID]event.Number),
	}
}

// forgetAnswered forgets what has been answered, when all that followed from it is kept.
func (c *chronicle) forgetAnswered() {
	for _, id := range c.answered {
		delete(c.asked, id)
	}
	c.answered = c.answered[:0]
}

// askedBy are the commands and signals with these IDs.
func (c *chronicle) askedBy(ids []uint64) (list []event.Number) {
	for _, id := range ids {
		list = append(list, c.asked[id])
	}
	return list
}

// noteChanges keeps what a reload changes. To compare 40,000 real servers takes longer than the loop may.
func (c *chronicle) noteChanges(before, after *conf.Config) {
	log, brought, earlier, noted := c.log, c.brought, c.noted, make(chan struct{})
	c.noted = noted
	go func() {
		defer close(noted)
		if text := events.Changes(diff.Diff(before, after)); text != "" {
			log.Note(event.Record{
				Kind: event.RecordReload, Object: "configuration " + after.Path, To: "changed", Text: text,
				Causes: []event.Number{brought},
			})
		}
		if earlier != nil {
			<-earlier
		}
	}()
}

// settle waits until what reloads have changed is kept, or ctx ends.
func (c *chronicle) settle(ctx context.Context) {
	if c.noted == nil {
		return
	}
	select {
	case <-c.noted:
	case <-ctx.Done():
	}
}

// happened keeps records of what a worker has told, leftOut changes before which were not.
func (s *supervisor) happened(leftOut int, list ...event.Record) {
	for n := range list {
		if n == 0 {
			list[n].LeftOut += leftOut
		}
		s.chronicle.log.Add(list[n])
	}
}

// record keeps one event of the supervisor's own, and gives its number.
func (s *supervisor) record(kind event.RecordKind, object, from, to, text string, causes ...event.Number) event.Number {
	s.Changed()
	return s.chronicle.log.Add(event.Record{
		Kind: kind, Object: object, From: from, To: to, Text: text, Causes: event.NumbersOf(causes...).List(),
	})
}

// command keeps what an operator has asked for, and gives its number.
func (s *supervisor) command(ctx context.Context, object, what string) event.Number {
	return s.chronicle.log.Add(event.Record{
		Kind: event.RecordCommand, Object: object, To: what, By: control.OperatorOf(ctx),
	})
}

// flushEvents has what is waiting written, before another program goes on. It says whether the
// disk answers: an exec waits for a thread that waits for a disk.
func (s *supervisor) flushEvents() bool {
	ctx, cancel := context.WithTimeout(context.Background(), eventPatience)
	defer cancel()
	s.chronicle.settle(ctx)
	s.chronicle.log.Flush(ctx)
	return s.chronicle.log.Idle()
}

// mostFailed is how many virtual servers wait for the answer.
const mostFailed = 100

// whoIsCutOff finds out, when a virtual server has lost all of its real servers, whether this host
// may be what is cut off.
func (s *supervisor) whoIsCutOff(v event.VirtualServerState) {
	c := &s.chronicle
	asking := c.failed != nil
	if len(c.failed) < mostFailed {
		c.failed = append(c.failed, v)
	}
	if asking {
		return
	}
	go func() {
		silent := hostcheck.SilentGateways(context.Background())
		s.post(func() {
			failed := make(map[string]bool, len(c.failed))
			for _, v := range c.failed {
				failed[v.VirtualServer] = true
			}
			c.failed = nil
			for _, vs := range s.current().cfg.VirtualServers {
				if name := vs.String(); failed[name] {
					s.allFailed(name, vs, silent)
				}
			}
		})
	}()
}

// allFailed says what the real servers of a virtual server have in common, and whether this host
// may be the cause.
func (s *supervisor) allFailed(name string, vs *conf.VirtualServer, silent []netip.Addr) {
	var states []event.RealServerState
	var causes []event.Number
	for _, rs := range vs.RealServers {
		is := s.known.RealServers[status.ServerName{VirtualServer: name, RealServer: rs.String()}]
		states, causes = append(states, is), append(causes, is.Event)
	}
	text := event.FailedTogether(states)
	if text == "" {
		return // they did not, or are back
	}
	var lost []string
	for _, p := range s.peers.Halves() {
		if !p.Reachable {
			lost = append(lost, p.Name)
		}
	}
	if why := event.CutOff(silent, lost); why != "" {
		text += "; this host may be what is cut off: " + why
		s.log.Warn("this host may be what is cut off: all real servers have failed together, and others cannot be reached",
			"virtual_server", name, "why", why)
	}
	s.record(event.RecordProblem, "virtual server "+name, "", "all real servers failed", text, causes...)
}

// Events is called by the control socket. The files are read in its goroutine.
func (s *supervisor) Events(ctx context.Context, q control.EventsRequest) (control.EventsReport, error) {
	r := control.EventsReport{Events: []event.Record{}, Problem: s.chronicle.log.Problem()}
	if err := q.Check(); err != nil {
		return r, fmt.Errorf("events: %w", err)
	}
	waits, cancel := context.WithTimeout(ctx, eventPatience)
	defer cancel()
	s.chronicle.log.Await(waits)
	return events.Answer(events.Dir(s.opts.StateDir, s.opts.File), q, r)
}

// Why is called by the control socket.
func (s *supervisor) Why(ctx context.Context, q control.WhyRequest) (control.WhyReport, error) {
	if q.Object == "" {
		return control.WhyReport{}, errors.New("why: name an instance, a virtual server, a real server or a tracker")
	}
	steps, err := s.whyHere(ctx, q.Object)
	if err != nil {
		return control.WhyReport{}, err
	}
	return control.WhyReport{Steps: s.peers.Complete(ctx, steps)}, nil
}

// whyHere is what this half knows of an object. The files are read in the caller's goroutine.
func (s *supervisor) whyHere(ctx context.Context, object string) ([]control.WhyStep, error) {
	waits, cancel := context.WithTimeout(ctx, eventPatience)
	defer cancel()
	s.chronicle.log.Await(waits)
	steps, err := events.Why(events.Dir(s.opts.StateDir, s.opts.File), object)
	if err != nil {
		return nil, fmt.Errorf("why: %w", err)
	}
	return steps, nil
}
