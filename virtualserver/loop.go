package virtualserver

import (
	"context"
	"net/netip"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/mailbox"
)

// Loop keeps the kernel's IPVS table as wanted. Run owns all its state; the other
// methods may be called from any goroutine at any time, and only Stop waits.
type Loop struct {
	opt   Options
	inbox *mailbox.Mailbox[requests]
	done  chan struct{}
}

// New returns a loop that does nothing until Run is called.
func New(opt Options) *Loop {
	opt.defaults()
	return &Loop{opt: opt, inbox: mailbox.New[requests](), done: make(chan struct{})}
}

// Apply makes the virtual servers of cfg the wanted ones. generation is returned
// in event.TableLoaded. The configuration must not be changed afterwards.
func (l *Loop) Apply(cfg *conf.Config, known Known, generation uint64) {
	a := &application{config: cfg, known: known, generation: generation}
	l.inbox.Put(func(t *requests) { t.application = a })
}

// Override replaces the overrides. reset names weights set by hand in the kernel that
// end (VirtualServer and RealServer of each are looked at). causes are the events that changed them.
func (l *Loop) Override(list, reset []event.Override, causes ...event.Number) {
	l.inbox.Put(func(t *requests) {
		if t.overrides != nil {
			reset = append(t.overrides.reset, reset...)
			causes = append(t.overrides.causes, causes...)
		}
		t.overrides = &overriding{list, reset, causes}
	})
}

// Follow tells the state of the VRRP instance that the sync daemons follow.
func (l *Loop) Follow(state event.VRRPState) {
	l.inbox.Put(func(t *requests) { t.followed = &state })
}

// Present tells the states of VRRP instances: whether this host holds their addresses.
// The latest one of each counts, whether the configuration has the instance yet, or still, or
// not, until it is told that the instance has stopped.
func (l *Loop) Present(list ...event.InstanceState) {
	if len(list) == 0 {
		return
	}
	l.inbox.Put(func(t *requests) {
		if t.presence == nil {
			t.presence = make(map[string]event.InstanceState, len(list))
		}
		for _, s := range list {
			t.presence[s.ID] = s
		}
	})
}

// Own tells the addresses of this host, by which it knows that it is a real server.
func (l *Loop) Own(addresses []netip.Addr) {
	l.inbox.Put(func(t *requests) { t.own = &addresses })
}

// Look tells that somebody looks at what the kernel has counted. For a minute from then on it is read and
// told, a round every ten seconds: see Options.Counted.
func (l *Loop) Look() {
	l.inbox.Put(func(t *requests) { t.looked = true })
}

// Verdict is Verdicts of one.
func (l *Loop) Verdict(v event.RealServerState) { l.Verdicts([]event.RealServerState{v}) }

// Verdicts passes the checkers' verdicts on real servers. The latest one on each wins.
// One about a server that is not in the configuration is dropped, so Apply must come
// before the verdicts on the servers that it adds.
func (l *Loop) Verdicts(list []event.RealServerState) {
	ids := make([]conf.RealServerID, len(list))
	for i, v := range list {
		// One that cannot be read is in no configuration.
		ids[i], _ = conf.ParseRealServer(v.VirtualServer, v.RealServer)
	}
	l.inbox.Put(func(t *requests) {
		if t.verdicts == nil {
			t.verdicts = make(map[conf.RealServerID]event.RealServerState, len(list))
		}
		for i, v := range list {
			t.verdicts[ids[i]] = v
		}
	})
}

// Stop ends Run and waits for it. The loop's services are removed from the kernel;
// with keep they stay there and in the journal, for the next loop to adopt. Run
// must have been called.
func (l *Loop) Stop(keep bool) {
	l.inbox.Put(func(t *requests) { t.stop = &stopRequest{keep: keep} })
	<-l.done
}

// Run owns the table until Stop is called, or until ctx is done, which leaves the
// table as it is. It touches the kernel only after the first Apply. It is called once.
func (l *Loop) Run(ctx context.Context) {
	defer close(l.done)
	r := newReconciler(l.opt)
	r.awaited = func() bool { return len(l.inbox.Signal()) > 0 }
	defer r.close()
	timer := time.NewTimer(reconcileInterval)
	defer timer.Stop()
	beat := time.NewTicker(beatInterval)
	defer beat.Stop()
	round := time.Now().Add(reconcileInterval)
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			r.beat()
			continue
		case <-l.inbox.Signal():
			t := l.inbox.Take(requests{})
			if t.stop != nil {
				if !t.stop.keep {
					r.removeAll()
				}
				return
			}
			r.take(t)
		case <-timer.C:
			if time.Now().Before(round) {
				r.look()
				break
			}
			r.wake = time.Time{}
			r.reconcile()
			// Counted from the end of the work, so that a slow kernel gets a pause.
			round = time.Now().Add(reconcileInterval)
		}
		// Without a service to keep there is nothing to compare.
		if r.idle() {
			timer.Stop()
			continue
		}
		next := time.Until(round)
		if !r.wake.IsZero() {
			next = min(next, time.Until(r.wake))
		}
		timer.Reset(max(next, 0))
	}
}
