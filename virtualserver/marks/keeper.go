package marks

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/mailbox"
	"github.com/lvs-director/director/nft"
	"github.com/lvs-director/director/retry"
)

// Kernel is where the rules are put. One goroutine uses it.
type Kernel interface {
	// Put makes the rules those and no others; without any there is no table.
	Put(Rules) error
	// Repairs tells what somebody else had changed.
	Repairs() <-chan nft.Repair
	// Close leaves the tables as they are.
	Close()
}

// Options is what a Keeper needs. Its functions are called by the keeper's goroutine and
// must not block.
type Options struct {
	Log    *slog.Logger
	Kernel Kernel
	// Done is called when the rules of a configuration are in the kernel, or cannot be
	// put there, and again whenever what is wrong changes.
	Done func(generation uint64, problem string)
	// Foreign counts packets of match lists that arrived with somebody else's mark.
	Foreign func() (uint64, error)
	// Absent says what the rules of a configuration need and this host does not have; "" is
	// nothing. It is asked with each configuration and every minute; nil is nothing.
	Absent func() string
}

// Keeper keeps nftables as virtual servers need it. Run owns its state; the other methods
// may be called from any goroutine.
type Keeper struct {
	opt   Options
	inbox *mailbox.Mailbox[request]
	ended chan struct{}
}

type request struct {
	servers    []*conf.VirtualServer
	generation uint64
	apply      bool
	loaded     uint64 // the generation that the IPVS table has; 0 is no news
	stop, keep bool
}

// New makes a keeper that does nothing until Run is called.
func New(opt Options) *Keeper {
	return &Keeper{opt: opt, inbox: mailbox.New[request](), ended: make(chan struct{})}
}

// Apply makes the rules those of the virtual servers, which must not be changed
// afterwards. Of several that wait only the last counts. What the configuration before
// needs stays until Loaded is called with the generation: rules come before the virtual
// servers that need them, and go after them.
func (k *Keeper) Apply(servers []*conf.VirtualServer, generation uint64) {
	k.inbox.Put(func(r *request) { r.servers, r.generation, r.apply = servers, generation, true })
}

// Loaded tells that the IPVS table has the virtual servers of a generation.
func (k *Keeper) Loaded(generation uint64) {
	k.inbox.Put(func(r *request) { r.loaded = generation })
}

// Stop ends Run and waits for it. The tables are removed; with keep they stay.
func (k *Keeper) Stop(keep bool) {
	k.inbox.Put(func(r *request) { r.stop, r.keep = true, keep })
	<-k.ended
}

// foreignInterval is how often the counter of foreign marks is looked at, and
// foreignPause how long nothing more is said of it.
const (
	foreignInterval = time.Minute
	foreignPause    = time.Hour
	// repairPause is how long nothing more is said of repairs.
	repairPause = time.Minute
)

// Run works until Stop is called, or until ctx is done, which leaves the tables as they are.
func (k *Keeper) Run(ctx context.Context) {
	defer close(k.ended)
	defer k.opt.Kernel.Close()
	r := rounds{Options: k.opt}
	again := time.NewTimer(0)
	defer again.Stop()
	foreign := time.NewTicker(foreignInterval)
	defer foreign.Stop()
	for {
		if !r.failed {
			again.Stop()
		} else {
			again.Reset(time.Until(r.retry.Next()))
		}
		select {
		case <-ctx.Done():
			return
		case <-again.C:
			if r.failed {
				r.put(time.Now())
			}
		case repair, open := <-k.opt.Kernel.Repairs():
			if !open {
				return
			}
			r.repaired(repair, time.Now())
		case <-foreign.C:
			r.countForeign(time.Now())
			if r.lookForAbsent() {
				r.tell()
			}
		case <-k.inbox.Signal():
			got := k.inbox.Take(request{})
			if got.stop {
				if !got.keep {
					r.remove()
				}
				return
			}
			if got.apply {
				r.apply(got.servers, got.generation, time.Now())
			}
			if got.loaded != 0 {
				r.loaded(got.loaded, time.Now())
			}
		}
	}
}

// rounds is the state of Run.
type rounds struct {
	Options
	generation uint64
	rules      Rules // to be in the kernel now
	final      Rules // of the configuration alone
	both       bool  // rules has those of the configuration before too
	failed     bool  // the rules are not in the kernel
	retry      retry.Retry
	// unmade is why the rules of the generation could not be made, unkept why the kernel
	// does not have those that were, and absent what they need.
	unmade, unkept, absent string

	lastRepair time.Time
	lastCount  uint64
	saidCount  time.Time
}

func (r *rounds) apply(servers []*conf.VirtualServer, generation uint64, now time.Time) {
	r.generation = generation
	rules, err := Wanted(servers)
	if err != nil {
		r.Log.Error("failed to make the nftables rules of virtual servers: keeping the previous rules", "error", err)
		r.unmade = err.Error()
		r.tell()
		return
	}
	both, more, err := rules.With(r.rules)
	if err != nil {
		both = rules // too much to have both
	}
	r.rules, r.final, r.both, r.unmade = both, rules, more, ""
	r.retry = retry.Retry{}
	r.put(now)
	r.lookForAbsent()
	r.tell() // whether it has changed or not: it is another generation's
}

// loaded ends what only the configuration before needed.
func (r *rounds) loaded(generation uint64, now time.Time) {
	if generation != r.generation || r.unmade != "" {
		return
	}
	if r.both {
		r.rules, r.both, r.retry = r.final, false, retry.Retry{}
		r.put(now)
	}
}

// tell tells what is wrong at present.
func (r *rounds) tell() {
	problem := r.unmade
	if problem == "" {
		problem = r.unkept
	}
	if problem == "" {
		problem = r.absent
	}
	r.Done(r.generation, problem)
}

// lookForAbsent says whether what is absent has changed.
func (r *rounds) lookForAbsent() bool {
	if r.Absent == nil {
		return false
	}
	before := r.absent
	if r.absent = r.Absent(); r.absent == before {
		return false
	}
	if r.absent != "" {
		r.Log.Warn("full NAT lacks what it needs on this host", "reason", r.absent)
	} else {
		r.Log.Info("full NAT has what it needs on this host again")
	}
	return true
}

// put brings the rules into the kernel.
func (r *rounds) put(now time.Time) {
	before := r.unkept
	err := r.Kernel.Put(r.rules)
	if r.failed = err != nil; r.failed {
		r.unkept = err.Error()
		r.retry.Failed(now)
		if r.unkept != before {
			r.Log.Error("failed to set nftables rules of virtual servers: packets are not marked, or keep their source",
				"error", err)
		}
	} else if r.unkept = ""; before != "" {
		r.Log.Info("the nftables rules of virtual servers are set now")
	}
	if r.unkept != before {
		r.tell()
	}
}

// remove removes everything at a stop.
func (r *rounds) remove() {
	if err := r.Kernel.Put(Rules{}); err != nil {
		r.Log.Error("failed to remove the nftables rules of virtual servers, still present", "error", err)
	}
}

func (r *rounds) repaired(repair nft.Repair, now time.Time) {
	attrs := []any{"table", repair.Table, "missing", strings.Join(repair.Missing, ", "), "times", repair.Count}
	problem := ""
	switch {
	case repair.Err != nil:
		problem = repair.Err.Error()
		attrs = append(attrs, "error", repair.Err)
	case repair.Contested > 0:
		problem = "something else keeps changing nftables table inet " + repair.Table + ": put back again and again"
	}
	if now.Sub(r.lastRepair) >= repairPause || problem != r.unkept {
		r.lastRepair = now
		switch {
		case repair.Err != nil:
			r.Log.Error("something else changed the nftables rules of virtual servers: failed to put them back", attrs...)
		case len(repair.Missing) > 0:
			r.Log.Warn("something else changed the nftables rules of virtual servers: put back", attrs...)
		default:
			r.Log.Info("the nftables rules of virtual servers are complete again", "table", repair.Table)
		}
	}
	if problem != r.unkept && !r.failed {
		r.unkept = problem
		r.tell()
	}
}

// countForeign says that packets arrive with a mark of somebody else's.
func (r *rounds) countForeign(now time.Time) {
	if len(r.rules.Marks) == 0 || r.Foreign == nil {
		return
	}
	count, err := r.Foreign()
	if err != nil || count <= r.lastCount {
		r.lastCount = count // the table was made anew, or it is not there
		return
	}
	if r.saidCount.IsZero() || now.Sub(r.saidCount) >= foreignPause {
		r.saidCount = now
		r.Log.Warn("packets of match lists arrive with a firewall mark that something else has set: they keep it, and are "+
			"not balanced by the list", "packets", count)
	}
	r.lastCount = count
}
