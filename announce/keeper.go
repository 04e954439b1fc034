package announce

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lvs-director/director/announce/link"
	"github.com/lvs-director/director/announce/rules"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/retry"
)

// keeper is the state of a Loop. It belongs to the goroutine of Run.
type keeper struct {
	o      Options
	state  *atomic.Pointer[Snapshot]
	kernel link.Kernel // nil until there is a block
	opened retry.Retry // of attempts to open it
	failed string      // why it cannot be opened

	config     Config
	begun      bool // a configuration was told
	adopted    bool // what an earlier director has left was taken over, or removed
	blocks     map[string]*block
	generation uint64 // that the table was loaded for last
	required   map[conf.ServiceKey]bool
	facts      rules.Facts
	handed     map[string]event.Number
	evidence   rules.Evidence // but the kernel's part, which is each block's own
	grace      rules.Grace
	services   map[conf.ServiceKey]bool // the kernel's, at evidence.Read
	reading    bool                     // somebody reads them
	readAt     time.Time                // when that was begun last
	links      bool                     // they have to be read again
	linksAt    time.Time

	devices  map[string]*device
	routes   map[netip.Addr]*route
	routesAt time.Time // when they were compared with the kernel last, and settingsAt the settings
	settings map[setting]*changed

	settingsAt time.Time
	repaired   uint64
}

// block is a block of the configuration.
type block struct {
	rules.Block
	rules.Life
	table  rules.Table
	event  event.Number
	errors map[netip.Addr]error // of addresses that could not be put
	had    map[netip.Addr]bool  // those that were there since it is announced
}

func newKeeper(o Options, state *atomic.Pointer[Snapshot]) *keeper {
	return &keeper{
		o: o, state: state, blocks: make(map[string]*block), required: make(map[conf.ServiceKey]bool),
		facts:   rules.Facts{Trackers: make(map[rules.Key]event.TrackerState), Servers: make(map[string]rules.Server)},
		devices: make(map[string]*device), routes: make(map[netip.Addr]*route), settings: make(map[setting]*changed),
		links: true,
	}
}

func (k *keeper) close() {
	if k.kernel != nil {
		_ = k.kernel.Close()
	}
}

// idle says that there is nothing to look after.
func (k *keeper) idle() bool {
	return len(k.blocks) == 0 && len(k.devices) == 0 && len(k.routes) == 0 && len(k.settings) == 0 &&
		(k.adopted || len(k.config.Blocks) == 0 && !k.leftBehind())
}

// leftBehind says whether the journal has something.
func (k *keeper) leftBehind() bool { return len(k.o.Journal.Held()) > 0 }

// open opens the kernel when it is needed. It says whether it is there.
func (k *keeper) open() bool {
	now := time.Now()
	if k.kernel != nil || !k.begun || k.idle() || !k.opened.Ready(now) {
		return k.kernel != nil
	}
	kernel, err := k.o.Open()
	if err != nil {
		k.opened.Failed(now)
		k.say("failed to open rtnetlink: nothing is announced", err)
		k.publish()
		return false
	}
	k.kernel, k.failed = kernel, ""
	return true
}

// say logs an error once.
func (k *keeper) say(what string, err error) {
	if text := err.Error(); text != k.failed {
		k.failed = text
		k.o.Log.Error(what, "error", err)
	}
}

// take takes in what the loop was told.
func (k *keeper) take(t requests, now time.Time) {
	maps.Copy(k.facts.Trackers, t.trackers)
	maps.Copy(k.facts.Servers, t.servers)
	if t.handed != nil {
		k.handed = *t.handed
	}
	if t.config != nil {
		k.apply(*t.config, now)
	}
	if t.table != nil {
		k.tableTold(*t.table, now)
	}
	if !t.supervisor.IsZero() {
		k.evidence.Supervisor = t.supervisor
	}
	if !t.missing.IsZero() && !t.heard.After(t.missing) {
		k.heard(t.heard)
		k.grace.Missing(t.missing)
		k.evidence.Heartbeat = time.Time{}
	} else {
		if !t.missing.IsZero() {
			k.grace.Missing(t.missing)
		}
		k.heard(t.heard)
	}
	k.facts.Stopping = k.facts.Stopping || t.stop
}

func (k *keeper) heard(at time.Time) {
	if !at.IsZero() {
		k.grace.Heard(at)
		k.evidence.Heartbeat = at
	}
}

// apply makes a configuration the one in force.
func (k *keeper) apply(c Config, now time.Time) {
	if !k.begun {
		k.begun = true
		k.grace.Missing(now) // nothing was heard of a worker yet
	}
	k.config = c
	before := k.blocks
	k.blocks = make(map[string]*block, len(c.Blocks))
	for _, b := range c.Blocks {
		n := before[b.Name]
		if n == nil {
			n = &block{errors: make(map[netip.Addr]error), had: make(map[netip.Addr]bool)}
			k.inherit(n, b, before, now)
		}
		n.Block = b
		k.blocks[b.Name] = n
	}
	k.settingsAt = time.Time{}
	k.leave(before, now)
	for name, old := range before {
		if k.blocks[name] == nil && old.State == rules.Announced {
			k.record(old, rules.Announced, rules.Withdrawn, "it is in the configuration no more", "")
		}
	}
	maps.DeleteFunc(k.facts.Servers, func(name string, _ rules.Server) bool {
		return !slices.ContainsFunc(c.Blocks, func(b rules.Block) bool { return slices.Contains(b.Servers, name) })
	})
}

// leave has the routes to addresses that no block has any more stay for the withdraw_delay of the one that had them.
func (k *keeper) leave(before map[string]*block, now time.Time) {
	for _, old := range before {
		for _, a := range old.Addresses {
			if r := k.routes[a]; r != nil {
				r.until, r.table = now.Add(old.Delay), k.config.Generation // a block that wants it has it stay
			}
		}
	}
}

// inherit has a new block go on with addresses that another one announces: it has another name only.
func (k *keeper) inherit(n *block, b rules.Block, before map[string]*block, now time.Time) {
	for _, old := range before {
		if old.State != rules.Announced || old.Device != b.Device {
			continue
		}
		if slices.ContainsFunc(b.Addresses, func(a netip.Addr) bool { return slices.Contains(old.Addresses, a) }) {
			n.Adopt(now, old.Since, "block "+old.Name+" had it")
			n.table, n.Refreshed = old.table, old.Refreshed
			return
		}
	}
}

// tableTold notes how far the table has come.
func (k *keeper) tableTold(t tableTold, now time.Time) {
	if t.err != "" || t.generation != k.config.Generation {
		for _, b := range k.blocks {
			if !b.table.Loaded {
				b.table.Why = t.err
			}
		}
		return
	}
	k.generation = t.generation
	clear(k.required)
	for _, b := range k.blocks {
		if !b.table.Loaded {
			b.table = rules.Table{Loaded: true, Since: now}
		}
		for _, s := range b.Services {
			k.required[s] = true
		}
	}
}

// wantsReading says whether the kernel's services are to be read now.
func (k *keeper) wantsReading(now time.Time) bool {
	pace := time.Duration(0)
	for _, b := range k.blocks {
		if len(b.Services) == 0 || b.Lifetime == 0 {
			continue
		}
		if p := rules.Pace(b.Lifetime); pace == 0 || p < pace {
			pace = p
		}
	}
	if k.reading || pace == 0 || now.Sub(k.readAt) < pace-round/2 || k.o.Services == nil {
		return false
	}
	k.reading, k.readAt = true, now
	return true
}

func (k *keeper) read(r reading) {
	k.reading = false
	if r.err != nil {
		k.evidence.ReadError = r.err.Error()
		return
	}
	k.evidence.ReadError = ""
	k.evidence.Read, k.services = r.at, r.services
}

// evidenceOf is what was seen, for a block.
func (k *keeper) evidenceOf(b *block) rules.Evidence {
	e := k.evidence
	if !e.Read.IsZero() {
		for _, s := range b.Services {
			if k.required[s] && !k.services[s] {
				e.Missing = fmt.Sprintf("the kernel does not have the service %s", s)
				break
			}
		}
	}
	return e
}

// step lets the rules decide and makes the kernel follow.
func (k *keeper) step(now time.Time) {
	k.readLinks(now)
	if !k.adopted {
		if k.adopt(now); !k.adopted {
			k.publish()
			return
		}
	}
	k.own(now)
	for _, b := range k.ordered() {
		f := k.facts
		f.Table = b.table
		if err := k.devices[b.Device].err; err != nil {
			f.Unable = err.Error()
		}
		f.Order, f.HandedOver = k.handed[b.Name]
		was := b.State
		if d := k.devices[b.Device]; d.err == nil && !d.hasOne(b.Addresses) && b.Gone(now) {
			b.event = k.record(b, was, b.State, b.Why, b.Causes)
			was = b.State
		}
		if b.Step(&b.Block, rules.Judge(&b.Block, &f, now), k.evidenceOf(b), k.grace.Worker(), now) {
			b.event = k.record(b, was, b.State, b.Why, b.Causes)
		}
	}
	k.follow(now)
	k.publish()
}

// ordered are the blocks in the order of the configuration.
func (k *keeper) ordered() (list []*block) {
	for _, c := range k.config.Blocks {
		list = append(list, k.blocks[c.Name])
	}
	return list
}

// record says that a block is announced, or is not any more.
func (k *keeper) record(b *block, from, to rules.State, why string, causes event.Numbers) event.Number {
	number := k.o.Number()
	k.o.Note(event.Record{
		Number: number, Kind: event.RecordState, Object: "announce " + b.Name, From: from.String(), To: to.String(),
		Text: why, Causes: causes.List(),
	})
	log := k.o.Log.Info
	if to == rules.Expired {
		log = k.o.Log.Error
	} else if to == rules.Withdrawn {
		log = k.o.Log.Warn
	}
	log("announced addresses: "+to.String(), "announce", b.Name, "addresses", words(b.Addresses), "reason", why)
	return number
}

func words(list []netip.Addr) string {
	var text []string
	for _, a := range list {
		text = append(text, a.String())
	}
	return strings.Join(text, " ")
}

// watch has the loop told of interfaces.
func (k *keeper) watch(ctx context.Context) <-chan struct{} {
	c, err := k.kernel.Watch(ctx)
	if err != nil {
		k.say("changes of interfaces are noticed late", err)
	}
	return c
}

// linksPause is how often interfaces are read at most, and linksAnyway how often without a notification.
const (
	linksPause  = 100 * time.Millisecond
	linksAnyway = 5 * time.Second
)

func (k *keeper) readLinks(now time.Time) {
	tracked := slices.ContainsFunc(k.config.Blocks, func(b rules.Block) bool { return len(b.Interfaces) > 0 })
	since := now.Sub(k.linksAt)
	if !tracked || since < linksPause && k.facts.Interfaces != nil || !k.links && since < linksAnyway {
		return
	}
	links, err := k.kernel.Links()
	if err != nil {
		k.say("failed to read the interfaces", err) // what is known stays
		return
	}
	k.facts.Interfaces, k.links, k.linksAt = links, false, now
}

// publish tells how it is.
func (k *keeper) publish() {
	s := &Snapshot{Repaired: k.repaired}
	for _, b := range k.ordered() {
		p := State{Block: b.Block, Life: b.Life, Event: b.event}
		for _, a := range b.Addresses {
			if err := b.errors[a]; err != nil && b.State == rules.Announced {
				p.Missing, p.Error = append(p.Missing, a), err.Error()
			}
		}
		if d := k.devices[b.Device]; d != nil && d.err != nil {
			p.Error = d.err.Error()
			if b.State == rules.Announced && !d.there {
				p.Missing = b.Addresses
			}
		}
		if k.kernel == nil && k.failed != "" {
			p.Error = k.failed
		}
		if b.State == rules.Announced && b.Lifetime > 0 {
			p.Expires = b.Refreshed.Add(b.Lifetime)
		}
		s.Blocks = append(s.Blocks, p)
	}
	s.Problems = k.problems()
	k.state.Store(s)
}
