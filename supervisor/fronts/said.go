package fronts

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/worker/front"
)

// sayPause is the least time between two lines about what a front cannot do, and between two about wrong tokens.
const sayPause = 10 * time.Second

// complaints is what a front cannot do. It belongs to the goroutine of live.
type complaints struct {
	now    []string
	unsaid []string // those of now that the log does not have yet
	said   time.Time
}

// reported takes in what it cannot do now, and says what is new, the first at once.
func (c *complaints) reported(k *Keeper, problems []string, now time.Time) {
	before := c.now
	c.now = problems
	c.unsaid = slices.DeleteFunc(c.unsaid, func(p string) bool { return !slices.Contains(problems, p) })
	for _, p := range problems {
		if !slices.Contains(before, p) {
			c.unsaid = append(c.unsaid, p)
		}
	}
	if len(c.unsaid) > 0 && now.Sub(c.said) >= sayPause {
		k.o.Log.Error("the front cannot do what is asked for: trying again; everything else runs",
			"worker", front.Name, "problem", strings.Join(c.unsaid, "; "))
		c.said, c.unsaid = now, nil
	}
	if len(before) > 0 && len(problems) == 0 {
		k.o.Log.Info("the front does all that is asked for", "worker", front.Name)
	}
	k.update(func(s *State) { s.Problems = problems })
}

// wrongTokens is who has shown wrong tokens. It belongs to the goroutine of live.
type wrongTokens struct {
	unsaid map[string]front.Refused // that the log does not have yet
	said   time.Time
}

// The bounds of those that are kept, and named.
const (
	mostHosts = 64
	mostNamed = 4 // as problems
)

// heard takes in who has shown some.
func (w *wrongTokens) heard(k *Keeper, list []front.Refused, now time.Time) {
	for _, r := range list {
		if r.Until = earlier(r.Until, now.Add(front.LockOut)); !r.Until.After(now) {
			r.Until = time.Time{}
		}
		if k.o.Refused != nil {
			k.o.Refused(r)
		}
		if w.unsaid == nil {
			w.unsaid = make(map[string]front.Refused)
		}
		if one, there := w.unsaid[r.From]; there || len(w.unsaid) < mostHosts {
			r.Times += one.Times
			w.unsaid[r.From] = r
		}
		if !r.Until.IsZero() {
			k.update(func(s *State) { s.lock(r, now) })
		}
	}
	w.say(k, now)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// say logs them, not too often.
func (w *wrongTokens) say(k *Keeper, now time.Time) {
	if len(w.unsaid) == 0 || now.Sub(w.said) < sayPause {
		return
	}
	var texts []string
	for _, r := range slices.SortedFunc(maps.Values(w.unsaid), byHost) {
		texts = append(texts, RefusedText(r))
	}
	k.o.Log.Warn("the page was shown wrong tokens", "worker", front.Name, "from", strings.Join(texts, "; "))
	w.said, w.unsaid = now, nil
}

func byHost(a, b front.Refused) int { return cmp.Compare(a.From, b.From) }

// lock notes somebody who is not listened to, and forgets those who are again.
func (s *State) lock(r front.Refused, now time.Time) {
	list := slices.DeleteFunc(slices.Clone(s.LockedOut), func(o front.Refused) bool {
		return o.From == r.From || !o.Until.After(now)
	})
	if len(list) < mostHosts {
		s.LockedOut = append(list, r)
	}
}

// lockedOut are the problems of those who are not listened to now.
func (s State) lockedOut(now time.Time) (problems []string) {
	list := slices.DeleteFunc(slices.Clone(s.LockedOut), func(r front.Refused) bool { return !r.Until.After(now) })
	for n, r := range list {
		if n == mostNamed {
			return append(problems, fmt.Sprintf("the page takes no token from %d more hosts", len(list)-n))
		}
		whose := r.From
		if whose == "" {
			whose = "anybody"
		}
		problems = append(problems, fmt.Sprintf("the page takes no token from %s until %s: too many were wrong "+
			"(director events --kind refused)", whose, r.Until.Local().Format(time.TimeOnly)))
	}
	return problems
}

// RefusedText says who has shown wrong tokens, for people.
func RefusedText(r front.Refused) string {
	text := "all hosts together"
	if r.From != "" {
		text = fmt.Sprintf("%s (%d wrong)", r.From, r.Times)
	}
	if !r.Until.IsZero() {
		text += ", not listened to until " + r.Until.Local().Format(time.TimeOnly)
	}
	return text
}

// RefusedRecord is the event of it.
func RefusedRecord(r front.Refused) event.Record {
	return event.Record{
		Kind: event.RecordRefused, Object: "web page", To: "wrong token", Text: RefusedText(r),
	}
}
