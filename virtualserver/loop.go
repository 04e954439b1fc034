package virtualserver

import (
	"context"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/mailbox"
	"github.com/lvs-director/director/virtualserver/table"
)

// Loop keeps the kernel's IPVS table as it should be. Run owns all its state;
// the other methods may be called from anywhere, at any time, and only Stop waits.
type Loop struct {
	opt   Options
	inbox *mailbox.Mailbox[told]
	done  chan struct{}
}

// New makes a loop that does nothing until Run.
func New(opt Options) *Loop {
	opt.defaults()
	return &Loop{opt: opt, inbox: mailbox.New[told](), done: make(chan struct{})}
}

// Apply makes the virtual servers of cfg the wanted ones. The generation is
// told back in event.TableLoaded.
//
// verdicts is what is known of real servers from elsewhere: after a restart,
// what the supervisor remembers, so that a server that was down stays out. A
// verdict that the loop was told directly (Verdict) is newer and wins. Real
// servers without any verdict are up, or down with alpha.
//
// The configuration must not be changed afterwards.
func (l *Loop) Apply(cfg *conf.Config, verdicts []event.RealServerState, generation uint64) {
	a := &application{servers: cfg.VirtualServers, verdicts: verdicts, generation: generation}
	l.inbox.Put(func(t *told) { t.application = a })
}

// Verdict says what the checkers think of a real server. The latest one wins;
// one about a server that is not in the configuration is dropped, so Apply
// comes before the verdicts about the servers that it adds.
func (l *Loop) Verdict(v event.RealServerState) {
	id, err := conf.ParseRealServer(v.VirtualServer, v.RealServer)
	if err != nil {
		return // such a server is in no configuration
	}
	l.inbox.Put(func(t *told) {
		if t.verdicts == nil {
			t.verdicts = make(table.Verdicts)
		}
		t.verdicts[id] = v
	})
}

// Stop ends Run and waits for it. What the loop made is removed from the
// kernel, or left (and left in the journal, to be adopted by the next) with
// keep. Run must have been called.
func (l *Loop) Stop(keep bool) {
	l.inbox.Put(func(t *told) { t.stop = &stopRequest{keep: keep} })
	<-l.done
}

// Run owns the table until Stop is called, or until ctx ends, which leaves the
// table as it is. It touches the kernel only after the first Apply. It is
// called once.
func (l *Loop) Run(ctx context.Context) error {
	defer close(l.done)
	k := newKeeper(l.opt)
	defer k.close()
	timer := time.NewTimer(reconcileInterval)
	defer timer.Stop()
	for armed := true; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-l.inbox.Signal():
			t := l.inbox.Take(told{})
			if t.stop != nil {
				if !t.stop.keep {
					k.removeAll()
				}
				return nil
			}
			k.take(t.application, t.verdicts)
		case <-timer.C:
			armed = false
			k.reconcile()
		}
		// From the end of the work, so that a slow kernel has a pause, and not
		// at all while there is nothing to keep.
		if !armed && !k.idle() {
			timer.Reset(reconcileInterval)
			armed = true
		}
	}
}
