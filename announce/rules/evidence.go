package rules

import (
	"fmt"
	"time"
)

// Evidence is who was seen alive, and when. A zero time is never.
type Evidence struct {
	Supervisor time.Time // its loop went round
	Heartbeat  time.Time // the loop of the lvs worker that owns the table said that it goes round
	Read       time.Time // the kernel's services were read, and those of the block are there
	// Missing says, of the last reading, which service is not there, and ReadError why there was no later one.
	Missing, ReadError string
}

// Window is within which time everybody has to have been seen for a refresh: a third of the lifetime.
// Heartbeats come each half second, so that less than a second would be missed by chance.
func Window(lifetime time.Duration) time.Duration { return max(lifetime/3, time.Second) }

// Pace is how often what is announced is refreshed: half of Window, so that after a crash more than three
// quarters of the lifetime are left for the next director.
func Pace(lifetime time.Duration) time.Duration { return Window(lifetime) / 2 }

// Worker is how it is with the lvs worker.
type Worker struct {
	// Restarting since that time: none runs, or the one that was started has not said yet that it goes on.
	Restarting bool
	Since      time.Time
}

// Refresh says whether the addresses of a block may be refreshed now. On grace it is so although the lvs worker is
// missing. why says what is missing.
func (e Evidence) Refresh(b *Block, w Worker, now time.Time) (yes, onGrace bool, why string) {
	window := Window(b.Lifetime)
	stale := func(t time.Time) bool { return t.IsZero() || now.Sub(t) > window }
	switch {
	case stale(e.Supervisor):
		return false, false, "the supervisor's loop does not go round" + ago(e.Supervisor, now)
	case len(b.Services) > 0 && e.Missing != "":
		return false, false, e.Missing
	case len(b.Services) > 0 && stale(e.Read):
		why = "the kernel's IPVS services were not read" + ago(e.Read, now)
		if e.ReadError != "" {
			why += ": " + e.ReadError
		}
		return false, false, why
	case !stale(e.Heartbeat) && !w.Restarting:
		return true, false, ""
	case w.Restarting && now.Sub(w.Since) < b.Grace:
		return true, true, "the lvs worker is being restarted"
	case w.Restarting:
		return false, false, fmt.Sprintf("the lvs worker has been missing for longer than restart_grace, %v", b.Grace)
	}
	return false, false, "the lvs worker's table loop does not go round" + ago(e.Heartbeat, now)
}

func ago(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	return fmt.Sprintf(": seen %v ago", now.Sub(t).Round(100*time.Millisecond))
}

// Settled is how long the lvs worker has to go on for its next death to begin a grace of its own: one that dies
// again and again has one for all of them.
const Settled = 30 * time.Second

// Grace keeps account of the lvs worker's deaths.
type Grace struct {
	worker Worker
	back   time.Time // when it was heard again; zero before
}

// Missing notes that no worker runs, or that nobody knows of one yet.
func (g *Grace) Missing(now time.Time) {
	if !g.worker.Restarting && (g.worker.Since.IsZero() || now.Sub(g.back) >= Settled) {
		g.worker.Since = now
	}
	g.worker.Restarting = true
}

// Heard notes that its table loop goes round.
func (g *Grace) Heard(now time.Time) {
	if g.worker.Restarting {
		g.worker.Restarting, g.back = false, now
	}
}

// Worker is how it is.
func (g *Grace) Worker() Worker { return g.worker }
