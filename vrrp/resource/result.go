package resource

import (
	"maps"
	"slices"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/retry"
)

// Result is what became of a wish. Each job that is not replaced brings two:
// when its addresses are done, and, with All, when everything is. One with many
// addresses brings a Part before that after each burst of system calls. Later
// attempts bring more, with All and the same Seq.
type Result struct {
	Owner Owner
	Seq   uint64
	All   bool
	Part  bool // more of the job's addresses are to come
	// Ready are addresses of the job that are in the kernel and were not in an
	// earlier Part of it, whether they were made now or there before.
	Ready []Key
	// Added were not there and are now; Restored are those of them that had been
	// there before and that something else has removed.
	Added, Restored []Key
	// Trouble is everything of the owner's that is not as it should be.
	Trouble []Trouble
}

// Leftovers is the Owner in the result of a sweep.
var Leftovers Owner = leftovers{}

type leftovers struct{}

// Trouble is a resource that is not as it should be although it was tried.
type Trouble struct {
	Kind  event.ProblemKind // Missing, Holding, Contested or Stray
	Key   Key
	Err   error // of the last attempt; nil for Contested that is there
	Times int
	Since time.Time
}

// Of are the troubles of a kind.
func (r Result) Of(kind event.ProblemKind) []Trouble {
	return slices.DeleteFunc(slices.Clone(r.Trouble), func(t Trouble) bool { return t.Kind != kind })
}

// trouble is what the reconciler remembers of one.
type trouble struct {
	retry.Retry
	kind   event.ProblemKind
	err    error
	owners []Owner // whose it was, of Holding; else the wish has them
	queued bool    // a task tries it again
}

// reported says whether it is a problem, or only remembered for the pause.
func (t *trouble) reported() bool { return t.kind != event.Contested || t.Times > retry.FreeRepairs }

// emit tells an owner what became of its wish.
func (r *Reconciler) emit(res Result) {
	for k, t := range r.troubles {
		if t.reported() && slices.Contains(r.ownersOf(k, t), res.Owner) {
			res.Trouble = append(res.Trouble, Trouble{Kind: t.kind, Key: k, Err: t.err, Times: t.Times, Since: t.Since})
		}
	}
	if res.Owner == Leftovers {
		res.Trouble = slices.AppendSeq(res.Trouble, maps.Values(r.strays))
	}
	slices.SortFunc(res.Trouble, func(a, b Trouble) int { return Compare(a.Key, b.Key) })
	r.results <- res
}

func (r *Reconciler) ownersOf(k Key, t *trouble) []Owner {
	if w := r.wanted[k]; w != nil {
		return w.owners
	}
	return t.owners
}

// emitAll tells all owners of a key, which was tried again.
func (r *Reconciler) emitAll(k Key, owners []Owner, added, restored bool) {
	for _, o := range owners {
		res := Result{Owner: o, All: true}
		if a := r.owners[o]; a != nil {
			res.Seq = a.seq
		}
		if added {
			res.Added = []Key{k}
		}
		if restored {
			res.Restored = []Key{k}
		}
		r.emit(res)
	}
}
