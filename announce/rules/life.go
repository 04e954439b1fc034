package rules

import (
	"strings"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/retry"
)

// State is whether the addresses of a block are announced.
type State uint8

// The states.
const (
	Withdrawn State = iota
	Announced
	// Expired: nobody refreshed them, and the kernel has removed them.
	Expired
)

var stateTexts = [...]string{Withdrawn: "withdrawn", Announced: "announced", Expired: "expired"}

// String is the state in words.
func (s State) String() string { return stateTexts[s%3] }

// Life is what becomes of a block. The zero value has not been announced.
type Life struct {
	State  State
	Since  time.Time
	Why    string // it is so
	Causes event.Numbers
	// Refreshed is when the addresses were refreshed last, OnGrace that it was without the lvs worker, and
	// NotRefreshed why they are not; empty when they are.
	Refreshed    time.Time
	OnGrace      bool
	NotRefreshed string
	// Open is what is not known while nothing changes; empty when all is.
	Open string

	again retry.Retry // after an expiry
}

// Adopt takes over addresses that are announced already: by this director before it was restarted, or by another
// block of the configuration before.
func (l *Life) Adopt(now, since time.Time, why string) {
	if since.IsZero() {
		since = now
	}
	*l = Life{State: Announced, Since: since, Why: why, Refreshed: now}
}

// Step takes in how it is now. Before it asks for addresses to be there, the kernel has to be looked at.
// It says whether the state has changed.
func (l *Life) Step(b *Block, v Verdict, e Evidence, w Worker, now time.Time) (changed bool) {
	was := l.State
	l.Open = ""
	if v.Ready == NotKnown {
		l.Open = texts(v.Reasons)
	}
	yes, onGrace, why := true, false, ""
	if b.Lifetime > 0 {
		yes, onGrace, why = e.Refresh(b, w, now)
	}
	switch {
	case l.State == Announced && v.Ready == NotReady:
		l.move(Withdrawn, texts(v.Reasons), causes(v.Reasons), now)
	case l.State == Announced && yes:
		l.OnGrace, l.NotRefreshed = onGrace, ""
		if onGrace {
			l.NotRefreshed = why
		}
	case l.State == Announced:
		l.OnGrace, l.NotRefreshed = false, why
		if now.Sub(l.Refreshed) >= b.Lifetime {
			l.again.Failed(now)
			l.move(Expired, why, "", now)
		}
	case v.Ready == NotReady:
		l.State, l.Why, l.Causes = Withdrawn, texts(v.Reasons), causes(v.Reasons)
	case v.Ready == NotKnown: // Open says it
	case !yes || onGrace: // nothing begins on grace
		l.Open = why
	case !l.again.Ready(now):
		l.Open = "it has expired before: waiting until that has lasted"
	default:
		l.move(Announced, "this host is ready", "", now)
	}
	return l.State != was
}

// Gone notes that the kernel has none of the addresses any more while they are not refreshed: they have expired.
func (l *Life) Gone(now time.Time) (changed bool) {
	if l.State != Announced || l.Present() {
		return false
	}
	l.again.Failed(now)
	l.move(Expired, l.NotRefreshed, "", now)
	return true
}

// Refresh says whether the kernel is to be told the addresses of the block again now.
func (l *Life) Refresh(b *Block, now time.Time) bool {
	if l.State != Announced || b.Lifetime == 0 || l.NotRefreshed != "" && !l.OnGrace {
		return false
	}
	return now.Sub(l.Refreshed) >= Pace(b.Lifetime)
}

// Present says whether the addresses of the block have to be in the kernel, and may be put there.
func (l *Life) Present() bool { return l.State == Announced && (l.NotRefreshed == "" || l.OnGrace) }

func (l *Life) move(to State, why string, because event.Numbers, now time.Time) {
	l.State, l.Since, l.Why, l.Causes = to, now, why, because
	l.OnGrace, l.NotRefreshed, l.Refreshed = false, "", now
}

func texts(list []Reason) string {
	var words []string
	for _, r := range list {
		words = append(words, r.Text)
	}
	return strings.Join(words, "; ")
}

func causes(list []Reason) event.Numbers {
	var numbers []event.Number
	for _, r := range list {
		numbers = append(numbers, r.Cause)
	}
	return event.NumbersOf(numbers...)
}
