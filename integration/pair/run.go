//go:build linux

package pair

import (
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/traffic"
)

// captureLag is how long a packet may take from the wire to the list of what was captured.
const captureLag = 500 * time.Millisecond

// Running is a site in operation: both daemons run, the first one is MASTER, and
// a client receives answers.
type Running struct {
	*Site
	Daemons [2]*Daemon
	Configs [2]Config
	Web     *traffic.Client // the client that asks the TCP service
	t       lab.Reporter
}

// How long a pair may take to come up, under emulation on a busy machine.
const startLimit = 30 * time.Second

// Run starts a pair of the given kinds on a site. adjust, which may be nil,
// changes the configuration of director i before it is written.
func (s *Site) Run(t lab.Reporter, kinds [2]Kind, adjust func(i int, c *Config)) *Running {
	t.Helper()
	r := &Running{Site: s, t: t}
	for i, kind := range kinds {
		r.Configs[i] = s.DefaultConfig(i)
		if adjust != nil {
			adjust(i, &r.Configs[i])
		}
		r.StartDaemon(i, kind)
		if i > 0 {
			break
		}
		// Wait until the first is MASTER, so that it is with nopreempt too.
		s.Lab.Until(startLimit, "dir1 is MASTER", func() bool { return s.Holds(0) })
	}
	s.Lab.Until(startLimit, "dir2 is BACKUP", func() bool {
		return r.Daemons[1].Printed(time.Time{}, kinds[1].backupLine())
	})
	if !r.Configs[0].Service {
		return r
	}
	for i := range s.Dirs {
		s.Lab.Until(startLimit, "the table of "+s.Dirs[i].Name+" is complete", func() bool { return r.tableComplete(i) })
	}
	r.Web = traffic.StartClient(s.Client, "tcp", Service)
	started := time.Now()
	s.Lab.Until(startLimit, "the client gets answers", func() bool { return r.Web.AnsweredSince(started, 20) })
	return r
}

// StartDaemon starts (or starts again) the daemon of director i.
func (r *Running) StartDaemon(i int, kind Kind) {
	r.t.Helper()
	r.Daemons[i] = Start(r.t, kind, r.Dirs[i], r.Configs[i].Text(r.Site))
}

func (r *Running) tableComplete(i int) bool {
	for _, n := range r.Configs[i].Servers {
		if !r.InTable(i, n, 80) {
			return false
		}
	}
	return true
}

// UntilMaster waits until director i alone holds the virtual addresses.
func (r *Running) UntilMaster(i int, limit time.Duration) {
	r.t.Helper()
	r.Lab.Until(limit, r.Dirs[i].Name+" alone holds the virtual addresses", func() bool {
		other := 1 - i
		return r.Holds(i) && (!r.Dirs[other].On() || !r.HoldsAny(other))
	})
}

// UntilLeft waits until the last advertisement of director i since a moment is of priority 0, which
// says that it leaves (RFC 9568 5.2.4). The lab reads what it captures a moment after it was sent.
func (r *Running) UntilLeft(i int, since time.Time) {
	r.t.Helper()
	r.Lab.Until(captureLag, r.Dirs[i].Name+"'s last advertisement is of priority 0", func() bool {
		sent := r.Advertised(i, since)
		return len(sent) > 0 && sent[len(sent)-1].Priority == 0
	})
}

// FirstSent waits for director i's first advertisement after a moment, and says when it was sent.
func (r *Running) FirstSent(i int, after time.Time) time.Time {
	r.t.Helper()
	var sent []Advertisement
	r.Lab.Until(captureLag, r.Dirs[i].Name+" has sent an advertisement", func() bool {
		sent = r.Advertised(i, after)
		return len(sent) > 0
	})
	return sent[0].Time
}

// UntilAnswered waits until the client has received answers to several requests
// made from now on.
func (r *Running) UntilAnswered(limit time.Duration) {
	r.t.Helper()
	now := time.Now()
	r.Lab.Until(limit, "the client gets answers again", func() bool { return r.Web.AnsweredSince(now, 10) })
}

// Lasting is how long a gap of the client lasted, without the time that the
// lab was starved while its last requests were under way.
func (r *Running) Lasting(seen traffic.Summary) time.Duration {
	return seen.LongestGap - r.Lab.Starved(seen.GapStart, seen.GapStart.Add(seen.LongestGap))
}

// Failures counts the failed requests. A request without an answer does not count
// if the lab was starved for a large part of traffic.Patience.
func (r *Running) Failures(seen traffic.Summary) int {
	failed := 0
	for _, request := range seen.Failures {
		if request.Outcome != traffic.NoAnswer || r.Lab.Starved(request.Start,
			request.Start.Add(request.Took)) < traffic.Patience/4 {
			failed++
		}
	}
	return failed
}

// MasterDownInterval is how long a backup of this configuration waits after
// the last advertisement (RFC 9568 6.1, RFC 3768 6.1).
func (c Config) MasterDownInterval() time.Duration { return 3*c.Interval + c.SkewTime() }

// SkewTime is how long it waits after an advertisement of priority zero.
func (c Config) SkewTime() time.Duration {
	unit := c.Interval
	if c.Version == 2 {
		unit = time.Second
	}
	return unit * time.Duration(256-c.Priority) / 256
}
