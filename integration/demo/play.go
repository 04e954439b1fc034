//go:build linux

package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
	"github.com/lvs-director/director/integration/traffic"
)

// player runs the events on one pair and records what each costs the client.
type player struct {
	*pair.Running
	kind pair.Kind
	rows []row
}

const (
	moveLimit = 20 * time.Second // for anything to happen, under emulation
	// aftermath is how long the client is watched once an event is over.
	aftermath = time.Second
)

// play runs all events with a pair of one kind. With keep it then leaves the
// lab to the user.
func play(kind pair.Kind, keep bool) (rows []row, ok bool) {
	ok = stage.Play("demo-"+kind.Name(), func(t lab.Reporter) {
		fmt.Printf("\n== A pair of %s: NAT, VRRPv3, one advertisement a second\n", kind.Name())
		site := pair.New(t, pair.NAT, 3)
		p := &player{Running: site.Run(t, [2]pair.Kind{kind, kind}, nil), kind: kind}
		watch := startView(p.Running)
		defer watch.stop()

		p.realServerDies()
		p.digestGoesWrong()
		p.masterKilled()
		p.masterHostLost()
		p.workerKilled()
		if kind.Name() == stage.Director().Name() {
			p.handedOver()
		}
		rows = p.rows

		if watch.stop(); keep {
			printTable(os.Stdout, p.rows)
			prompt(p.Running)
		}
	})
	return rows, ok
}

func (p *player) realServerDies() {
	p.event(event{
		name: "rs1: the host is lost", allowed: traffic.Patience, mayFail: true,
		breakIt: func() { p.Servers[0].Crash() },
		over:    func() bool { return !p.InTable(0, 0, 80) && !p.InTable(1, 0, 80) },
		reason:  func() (int, string) { return 0, p.ServerAddress(0) },
	})
	p.event(event{
		name: "rs1 returns", allowed: 500 * time.Millisecond,
		breakIt: func() { p.Servers[0].Boot(); p.Serve(0) },
		over:    func() bool { return p.InTable(0, 0, 80) && p.InTable(1, 0, 80) },
		reason:  func() (int, string) { return 0, p.ServerAddress(0) },
	})
}

func (p *player) digestGoesWrong() {
	p.event(event{
		name: "rs2: its page goes wrong", allowed: 500 * time.Millisecond,
		breakIt: func() { p.Webs[1].SetPage("/health", "internal error\n") },
		over:    func() bool { return !p.InTable(0, 1, 80) && !p.InTable(1, 1, 80) },
		reason:  func() (int, string) { return 0, p.ServerAddress(1) },
	})
	p.event(event{
		name: "rs2: its page is right again", allowed: 500 * time.Millisecond,
		breakIt: func() { p.Webs[1].SetPage("/health", pair.HealthyPage) },
		over:    func() bool { return p.InTable(0, 1, 80) && p.InTable(1, 1, 80) },
		reason:  func() (int, string) { return 0, p.ServerAddress(1) },
	})
}

func (p *player) masterKilled() {
	var broken time.Time
	answers := func() bool { return p.Web.AnsweredSince(broken, 10) }
	p.event(event{
		name: "dir1, the master: SIGKILL to all its processes", allowed: p.Configs[1].MasterDownInterval(), mayFail: true,
		breakIt: func() { broken = p.Daemons[0].KillAll() },
		over:    func() bool { return p.Holds(1) && answers() },
		reason:  func() (int, string) { return 1, "MASTER" },
	})
	p.returns(func() { p.Daemons[0].WaitEnd(moveLimit) })
}

// masterHostLost loses the whole host. The kernel of a host whose daemon was
// killed still forwards until the addresses move; that of a lost host does not.
func (p *player) masterHostLost() {
	var broken time.Time
	p.event(event{
		name: "dir1, the master: the host is lost", allowed: p.Configs[1].MasterDownInterval(), mayFail: true,
		breakIt: func() { broken = time.Now(); p.Dirs[0].Crash() },
		over:    func() bool { return p.Holds(1) && p.Web.AnsweredSince(broken, 10) },
		reason:  func() (int, string) { return 1, "MASTER" },
	})
	p.returns(p.Dirs[0].Boot)
}

// returns brings dir1 back as the better router.
func (p *player) returns(prepare func()) {
	p.event(event{
		name: "dir1 comes back and takes over", allowed: p.Configs[0].Interval, mayFail: true,
		breakIt: func() {
			prepare()
			p.StartDaemon(0, p.kind)
		},
		over:   func() bool { return p.Holds(0) && !p.HoldsAny(1) },
		reason: func() (int, string) { return 0, "MASTER" },
	})
}

func (p *player) workerKilled() {
	p.Lab.Until(moveLimit, "dir1's table is complete", func() bool {
		return p.InTable(0, 0, 80) && p.InTable(0, 1, 80) && p.InTable(0, 2, 80)
	})
	old := p.Daemons[0].Worker(pair.VRRP)
	var broken time.Time
	p.event(event{
		name: "dir1: SIGKILL to its VRRP process alone", allowed: p.Configs[0].Interval,
		breakIt: func() { broken = p.Daemons[0].KillWorker(pair.VRRP) },
		over: func() bool {
			return time.Since(broken) > 3*p.Configs[0].Interval && p.Daemons[0].Worker(pair.VRRP) != old &&
				p.Holds(0) != p.Holds(1)
		},
		reason: func() (int, string) { return 0, "vrrp" },
	})
}

// handedOver is maintenance: keepalived has no command for it.
func (p *player) handedOver() {
	p.event(event{
		name: "dir1: director handover all", allowed: p.Configs[1].SkewTime(), mayFail: true,
		breakIt: func() { p.order("handover", "all") },
		over:    func() bool { return p.Holds(1) && !p.HoldsAny(0) },
		reason:  func() (int, string) { return 1, "MASTER" },
	})
	p.event(event{
		name: "dir1: director resume all", allowed: p.Configs[0].Interval, mayFail: true,
		breakIt: func() { p.order("resume", "all") },
		over:    func() bool { return p.Holds(0) && !p.HoldsAny(1) },
		reason:  func() (int, string) { return 0, "MASTER" },
	})
}

// order runs a command of director on dir1 and prints its answer.
func (p *player) order(words ...string) {
	h := p.Dirs[0]
	out, err := h.Output(append(append([]string{stage.Director().Path}, words...), "--run-dir", pair.RunDir(h))...)
	if err != nil {
		out += err.Error()
	}
	const indent = "            "
	fmt.Printf(indent+"dir1# director %s\n"+indent+"%s\n", strings.Join(words, " "),
		strings.ReplaceAll(strings.TrimSpace(out), "\n", "\n"+indent))
}

// event breaks or repairs something.
type event struct {
	name    string
	breakIt func()
	over    func() bool
	allowed time.Duration        // the longest gap that it may cost
	mayFail bool                 // requests may fail
	reason  func() (int, string) // the director whose log explains the event, and a word in that line
}

// inFlight is how many requests may fail because the table changes under them.
const inFlight = 3

// event runs one event, waits until the pair has handled it and prints one line
// about it.
func (p *player) event(e event) {
	broken := time.Now()
	fmt.Printf("%s  >> %s\n", broken.Format("15:04:05"), e.name)
	e.breakIt()
	p.Lab.Until(moveLimit, e.name+" is dealt with", e.over)
	took := time.Since(broken)
	seen := p.Web.Between(broken, time.Now().Add(aftermath))
	director, word := e.reason()
	fmt.Printf("%s  << %s: handled after %.1f s; the client: %s; log of %s: %s\n", time.Now().Format("15:04:05"),
		e.name, took.Seconds(), seen, p.Dirs[director].Name, p.said(director, broken, word))
	p.rows = append(p.rows, row{kind: p.kind.Name(), event: e, seen: seen, lasted: p.Lasting(seen),
		failed: p.Failures(seen)})
}

// said is the first line with the word that a director's daemon has logged since
// a moment, without time and level.
func (p *player) said(director int, since time.Time, word string) string {
	for _, line := range p.Daemons[director].Log() {
		if !line.Time.Before(since) && strings.Contains(line.Text, word) {
			if _, message, ok := strings.Cut(line.Text, " msg="); ok {
				return message
			}
			// keepalived's lines begin with the date in a fixed width.
			if date := len(time.ANSIC); len(line.Text) > date && line.Text[date:date+1] == ":" {
				return strings.TrimSpace(line.Text[date+1:])
			}
			return line.Text
		}
	}
	return "nothing"
}
