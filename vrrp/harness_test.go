package vrrp_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp"
	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/packet"
	"github.com/lvs-director/director/vrrp/vrrptest"
)

// node is an engine on a host of its own.
type node struct {
	t       *testing.T
	host    *vrrptest.Host
	engine  *vrrp.Engine
	journal *journal
	clock   vrrptest.Clock
	log     *logBuffer
	late    atomic.Int64 // how late its timer fires, in nanoseconds
	cancel  context.CancelFunc
	ended   chan error

	mu     sync.Mutex
	events []event.InstanceState
	groups []event.GroupState
	lower  []event.LowerHeard

	told *conf.Config // the last one applied
	// network, when set, stands between the engine and the host.
	network link.Network
	// suspended is for how long the host has been so, in nanoseconds.
	suspended atomic.Int64
	// alone: nobody else of our kind is in the network namespace.
	alone     bool
	companion vrrp.Companion
	// heartbeat is told of heartbeats; nil in most tests, so that nothing wakes
	// an engine but what they are about.
	heartbeat  func(vrrp.Heartbeat)
	heartbeats []vrrp.Heartbeat
	problems   []event.Problem
}

// sinceBoot is how long a host has run when an engine on it begins.
const sinceBoot = 30 * time.Second

// beats are the heartbeats told so far.
func (n *node) beats() []vrrp.Heartbeat {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.heartbeats)
}

// trouble is what was last told not to be right in the kernel.
func (n *node) trouble() []event.Problem {
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.problems)
}

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

// newNode makes a host with an interface eth0 and starts an engine on it.
// The engine is stopped, and checked to have left nothing, when the test ends.
func newNode(t *testing.T, w *vrrptest.Wire, address string) *node {
	t.Helper()
	n := &node{t: t, host: &vrrptest.Host{}, journal: &journal{held: map[string]bool{}}}
	n.clock.Late = func() time.Duration { return time.Duration(n.late.Load()) }
	n.host.Plug(2, "eth0", w, address)
	n.run()
	return n
}

// run starts an engine on the host; a former one has to have ended.
func (n *node) run() {
	ctx, cancel := context.WithCancel(context.Background())
	n.log = &logBuffer{}
	ended := make(chan error, 1)
	started := time.Now()
	n.cancel, n.ended = cancel, ended
	n.engine = vrrp.New(vrrp.Options{
		Log:     slog.New(slog.NewTextHandler(n.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Journal: n.journal,
		Network: cmp.Or[link.Network](n.network, n.host),
		Clock:   n.clock,

		SinceBoot: func() time.Duration { return sinceBoot + time.Since(started) + time.Duration(n.suspended.Load()) },
		Heartbeat: n.heartbeat,
		Companion: n.companion,
		Alone:     func() bool { return n.alone },
		Host: func(s event.HostState) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.problems = s.Problems
		},
		Number: event.NewNumbering("boot", time.Duration(started.UnixNano()), event.PartVRRP).Next,
		Events: func(s event.InstanceState) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.events = append(n.events, s)
		},
		GroupEvents: func(s event.GroupState) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.groups = append(n.groups, s)
		},
		LowerHeard: func(h event.LowerHeard) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.lower = append(n.lower, h)
		},
	})
	engine := n.engine
	go func() { ended <- engine.Run(ctx) }()
	n.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			n.t.Errorf("Run: %v", err)
		}
		ended <- nil
		if s := n.host.Sockets(); s != 0 {
			n.t.Errorf("%d sockets are left open", s)
		}
	})
}

// crash ends the engine without anybody noticing: no packet of it is
// delivered, and the addresses and the journal stay as they were.
func (n *node) crash(w *vrrptest.Wire) {
	n.t.Helper()
	w.Cut(n.host, true)
	n.engine.Stop(false)
}

// apply gives the node a configuration and waits until all is done about it.
func (n *node) apply(instances ...*conf.Instance) { n.applyResuming(nil, instances...) }

func (n *node) applyResuming(resume map[string]vrrp.Resume, instances ...*conf.Instance) {
	n.t.Helper()
	n.applyConfig(&conf.Config{Instances: instances}, resume)
}

func (n *node) applyConfig(cfg *conf.Config, resume map[string]vrrp.Resume) {
	n.t.Helper()
	n.told = cfg
	if err := n.engine.Apply(context.Background(), cfg, byID(cfg, resume)); err != nil {
		n.t.Fatalf("Apply: %v", err)
	}
	synctest.Wait()
}

// byID has the keys of what is resumed in the form of the engine: tests have names.
func byID(cfg *conf.Config, resume map[string]vrrp.Resume) map[conf.InstanceID]vrrp.Resume {
	if resume == nil {
		return nil
	}
	ids := make(map[conf.InstanceID]vrrp.Resume)
	for _, i := range cfg.Instances {
		if r, ok := resume[i.Name]; ok {
			ids[i.ID()] = r
		}
	}
	return ids
}

// state is the last state told of an instance.
func (n *node) state(name string) event.InstanceState {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range slices.Backward(n.events) {
		if e.Instance == name {
			return e
		}
	}
	return event.InstanceState{}
}

// states are the transitions told of an instance, without the quiet events.
func (n *node) states(name string) []event.VRRPState {
	n.mu.Lock()
	defer n.mu.Unlock()
	var list []event.VRRPState
	for _, e := range n.events {
		if e.Instance == name && !e.Quiet {
			list = append(list, e.State)
		}
	}
	return list
}

func (n *node) want(name string, state event.VRRPState) {
	n.t.Helper()
	synctest.Wait()
	if got := n.state(name); got.State != state {
		n.t.Errorf("%s is %v (%s), want %v\n%s", name, got.State, got.Reason, state, n.log)
	}
}

func (n *node) wantAddress(present bool, addresses ...string) {
	n.t.Helper()
	synctest.Wait()
	for _, a := range addresses {
		if got := n.host.Has("eth0", a); got != present {
			n.t.Errorf("address %s present: %v, want %v\n%s", a, got, present, n.log)
		}
	}
}

// after lets time pass and everything that is due happen.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// instance is version 3 at 1 s with virtual router 10 and the given addresses.
func instance(name string, priority uint8, addresses ...string) *conf.Instance {
	i := &conf.Instance{
		Name: name, Interface: "eth0", VRID: 10, Priority: priority, Version: 3,
		AdvertInterval: time.Second, Preempt: true, DownTimerAdverts: 3,
		GARP: conf.GARP{MasterRepeat: 5, MasterDelay: 5 * time.Second, RefreshRepeat: 1},
	}
	for _, a := range addresses {
		i.Addresses = append(i.Addresses, conf.Address{Prefix: netip.MustParsePrefix(a), Device: "eth0"})
	}
	return i
}

// with changes a copy of an instance.
func with(i *conf.Instance, change func(*conf.Instance)) *conf.Instance {
	c := *i
	c.Addresses = slices.Clone(i.Addresses)
	change(&c)
	return &c
}

// downInterval is RFC 9568's for version 3 with the default of three advertisements.
func downInterval(interval time.Duration, priority int) time.Duration {
	return 3*interval + time.Duration(256-priority)*interval/256
}

// journal is a Journal in memory.
type journal struct {
	mu   sync.Mutex
	held map[string]bool
	// block, when set, makes Claim wait until it is closed.
	block <-chan struct{}
}

func (j *journal) Claim(keys ...string) error {
	if j.block != nil {
		<-j.block
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, k := range keys {
		j.held[k] = true
	}
	return nil
}

func (j *journal) Release(keys ...string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, k := range keys {
		delete(j.held, k)
	}
	return nil
}

func (j *journal) Held() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var keys []string
	for k := range j.held {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// logBuffer collects log lines.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// count is how many lines contain all of the words.
func (l *logBuffer) count(words ...string) int {
	n := 0
	for line := range strings.Lines(l.String()) {
		all := true
		for _, w := range words {
			all = all && strings.Contains(line, w)
		}
		if all {
			n++
		}
	}
	return n
}

// advert is a packet as it was on the wire.
type advert struct {
	from      *vrrptest.Host
	at        time.Time
	vrid      uint8
	priority  uint8
	addresses int
}

// adverts are the advertisements that were on the wire; one that does not
// parse fails the test.
func adverts(t *testing.T, w *vrrptest.Wire) []advert {
	t.Helper()
	var list []advert
	for _, p := range w.Packets() {
		var a packet.Advertisement
		if reason := packet.Parse(p.Data, &a); reason != packet.Accepted {
			t.Errorf("a packet on the wire is bad: %v", reason)
		}
		list = append(list, advert{from: p.From, at: p.At, vrid: a.VRID, priority: a.Priority,
			addresses: len(a.Addresses)})
	}
	return list
}

func (a advert) String() string { return fmt.Sprintf("%v prio %d", a.at, a.priority) }
