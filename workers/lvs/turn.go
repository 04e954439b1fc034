package lvs

import (
	"time"

	"github.com/lvs-director/director/checkers"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver"
	"github.com/lvs-director/director/virtualserver/marks"
	"github.com/lvs-director/director/worker"
	"github.com/lvs-director/director/workers"
)

const (
	// marksPatience is how long the table waits for the rules of nftables, which may hang. It is
	// less than the supervisor waits for the table.
	marksPatience = 5 * time.Second
	// tablePatience is how long the first checks wait for the table, which the kernel may not take.
	tablePatience = 5 * time.Second
)

// turn takes configurations, and what is about them, in the order in which they came. A
// configuration waits until nftables has its rules. The checkers of the first one wait until it
// is in the table: to make tens of thousands of them would take the time that the table needs.
type turn struct {
	host
	process  *workers.Process
	loop     *virtualserver.Loop
	marking  *marks.Keeper
	schedule *checkers.Schedule
	inKernel *loaded
	asked    func(*conf.Config) // is told each configuration before its rules are made

	waiting  *worker.Configure // for its rules; nil is none
	loading  *worker.Configure // its checkers wait for the table; nil is none
	held     []worker.Message  // what came after it
	patience *time.Timer       // runs while something waits
	hung     bool              // nftables: nothing waits for it again before it answers
	keep     bool              // the table stays at a stop
	applied  bool              // a configuration was
	here     here
}

// take takes a message, now or when its turn comes.
func (t *turn) take(m worker.Message) {
	switch {
	case m.Presence != nil: // an address waits for the answer
		t.loop.Present(*m.Presence)
		return
	case m.Configure != nil:
		t.loop.Present(m.Configure.Presence...)
	}
	t.held = append(t.held, m)
	t.goOn()
}

// goOn takes what is held, up to a configuration that has to wait.
func (t *turn) goOn() {
	for t.waiting == nil && t.loading == nil && len(t.held) > 0 {
		m := t.held[0]
		t.held[0] = worker.Message{} // what a configuration came with has megabytes
		t.held = t.held[1:]
		switch {
		case m.Overrides != nil:
			t.loop.Override(m.Overrides.List, m.Overrides.Reset, m.Overrides.Causes.List()...)
		case m.Followed != nil:
			t.loop.Follow(m.Followed.State)
		case m.Tracker != nil:
			if t.files.is(*m.Tracker) {
				t.schedule.FileChanged(m.Tracker.Name)
			}
			if t.sessions.is(*m.Tracker) {
				t.schedule.SessionChanged(m.Tracker.Name)
			}
		case m.Configure != nil:
			t.configure(m.Configure)
		}
	}
}

func (t *turn) configure(c *worker.Configure) {
	if t.fit != nil {
		t.fit(c.Config)
	}
	t.asked(c.Config)
	servers := c.Config.VirtualServers
	t.marking.Apply(servers, c.Generation)
	t.waiting = c
	if t.hung || !marks.Needed(servers) || t.inKernel.hasMarks(c.Generation) {
		t.apply()
		return
	}
	t.patience.Reset(marksPatience)
}

// marksChanged goes on when the rules are there that something waits for.
func (t *turn) marksChanged() {
	t.hung = false
	if t.waiting != nil && t.inKernel.hasMarks(t.waiting.Generation) {
		t.apply()
		t.goOn()
	}
}

// tableChanged goes on when the table is there that checkers wait for.
func (t *turn) tableChanged() {
	if t.loading != nil && t.inKernel.hasTable(t.loading.Generation) {
		t.check()
		t.goOn()
	}
}

// late goes on without the rules, or without the table.
func (t *turn) late() {
	switch {
	case t.loading != nil:
		t.check()
		t.goOn()
		return
	case t.waiting == nil:
		return
	}
	t.process.Log.Warn("nftables does not answer: virtual servers are set without waiting for the rules of match lists "+
		"and full NAT", "waited", marksPatience)
	t.hung = true
	t.apply()
	t.goOn()
}

// apply gives the configuration that waits to everybody: to the table before the checkers,
// whose verdicts are about real servers that the table knows.
func (t *turn) apply() {
	c := t.waiting
	t.waiting = nil
	if c.Followed != nil {
		t.loop.Follow(c.Followed.State)
	}
	t.loop.Override(c.Overrides, nil)
	t.here.config = c.Config
	t.look()
	t.loop.Apply(c.Config, virtualserver.Known{
		RealServers: c.Known.RealServers, VirtualServers: c.Known.VirtualServers,
		Fresh: !t.applied && c.Known.Died == 0, Causes: c.Causes,
	}, c.Generation)
	t.keep, t.loading = c.KeepServices, c
	if t.applied {
		t.check()
		return
	}
	t.applied = true
	t.patience.Reset(tablePatience)
}

// check gives the configuration that the table has been given to the checkers.
func (t *turn) check() {
	c := t.loading
	t.loading = nil
	files, sessions := t.files.configure(c.Config, c.Trackers), t.sessions.configure(c.Config, c.Trackers)
	t.schedule.Apply(c.Config, checkers.SnapshotOf(c.Known.RealServers), c.Causes.List()...)
	if len(c.Known.Checks) > 0 {
		t.schedule.Remember(c.Known.Checks)
	}
	t.files.drop()
	t.sessions.drop()
	for _, name := range files {
		t.schedule.FileChanged(name)
	}
	for _, name := range sessions {
		t.schedule.SessionChanged(name)
	}
	t.process.Out.Put("applied", workers.Applied(c, nil))
}
