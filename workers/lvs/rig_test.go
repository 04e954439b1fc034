package lvs

import (
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/nft"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/ipvs/ipvstest"
	"github.com/lvs-director/director/virtualserver/marks"
	"github.com/lvs-director/director/virtualserver/table"
	"github.com/lvs-director/director/worker"
	"github.com/lvs-director/director/worker/journal"
	"github.com/lvs-director/director/workers"
)

// prober finds real servers as the test says.
type prober struct {
	mu   sync.Mutex
	down map[netip.Addr]bool // by ConnectIP
	took time.Duration       // of each check
	// other makes the checks that the supervisor takes part in.
	other func(t probe.Target, done func(probe.Result)) (cancel func())
}

func (p *prober) Start(t probe.Target, done func(probe.Result)) (cancel func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.other != nil && (t.Checker.Misc != nil || t.Checker.File != nil || t.Checker.BFD != "") {
		return p.other(t, done)
	}
	r := probe.Result{OK: !p.down[t.Checker.ConnectIP], Reason: "connected"}
	if !r.OK {
		r.Reason = "connection refused"
	}
	took := p.took
	go func() {
		time.Sleep(took)
		done(r)
	}()
	return func() {}
}

func (p *prober) set(address string, up bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down[netip.MustParseAddr(address)] = !up
}

// netfilter takes any rules.
type netfilter struct{ repairs chan nft.Repair }

func (n netfilter) Put(marks.Rules) error { return nil }

func (n netfilter) Repairs() <-chan nft.Repair { return n.repairs }

func (n netfilter) Close() {}

// rig is a worker's loop with everything made up but the loop.
type rig struct {
	t      *testing.T
	in     chan worker.Message
	term   chan os.Signal
	ended  chan error
	kernel *ipvstest.Fake
	probes *prober
	host   host
	log    strings.Builder

	mu   sync.Mutex
	said []worker.Message
	// look is called with what the worker says, when it says it.
	look func(worker.Message)
	// addresses are those of this host.
	addresses func() ([]netip.Addr, error)
}

// bubble runs a test in made-up time.
func bubble(t *testing.T, test func(*rig)) { bubbleWith(t, nil, test) }

// bubbleWith has the rules of nftables put somewhere; nil takes any.
func bubbleWith(t *testing.T, rules marks.Kernel, test func(*rig)) { bubbleOver(t, rules, nil, test) }

// bubbleOver has the messages written as write says, which is called in the bubble; nil keeps them for
// the test.
func bubbleOver(t *testing.T, rules marks.Kernel, write func() func([]worker.Message) error, test func(*rig)) {
	path := filepath.Join(t.TempDir(), "journal-lvs")
	synctest.Test(t, func(t *testing.T) {
		j, err := journal.Open(path, "epoch")
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		r := &rig{
			t: t, in: make(chan worker.Message), term: make(chan os.Signal, 1), ended: make(chan error, 1),
			kernel: ipvstest.NewFake(), probes: &prober{down: make(map[netip.Addr]bool)},
			look: func(worker.Message) {},
		}
		p := &workers.Process{
			Log: slog.New(slog.NewTextHandler(&r.log, nil)), Journal: j, Term: r.term, In: r.in,
		}
		if write != nil {
			p.Out = worker.NewOutboxOf(write(), worker.AtOnce)
		} else {
			p.Out = worker.NewOutbox(r.hear)
		}
		if rules == nil {
			rules = netfilter{make(chan nft.Repair)}
		}
		h := host{
			table: func() (ipvs.Driver, error) { return r.kernel, nil }, marks: rules,
			foreign: func() (uint64, error) { return 0, nil }, prober: r.probes,
			programs: newPrograms(p.Out.Put), files: newFiles(), sessions: newSessions(),
			addresses: func() ([]netip.Addr, error) {
				if r.addresses == nil {
					return nil, errors.New("not known in this test")
				}
				return r.addresses()
			}, paths: new(atomic.Pointer[map[uint32]bool]),
		}
		r.host = h
		go func() { r.ended <- run(p, h) }()
		test(r)
		select {
		case <-r.ended:
		default:
			close(r.in)
			<-r.ended
		}
		_ = p.Out.Close()
	})
}

// hear takes what the worker says.
func (r *rig) hear(m worker.Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.look(m)
	r.said = append(r.said, m)
	return nil
}

// configuration has one virtual server with a TCP check of each real server.
func configuration(servers ...string) *conf.Config {
	vs := &conf.VirtualServer{
		Key:       conf.ServiceKey{Protocol: conf.TCP, Address: netip.MustParseAddr(vip), Port: 80},
		Scheduler: "rr", Quorum: 1,
	}
	for _, s := range servers {
		address := netip.MustParseAddr(s)
		vs.RealServers = append(vs.RealServers, &conf.RealServer{
			Key: conf.ServerKey{Address: address, Port: 80}, Weight: 1,
			Checkers: []conf.Checker{{
				Kind: conf.TCPCheck, ConnectIP: address, ConnectPort: 80, Timeout: time.Second, Interval: time.Second,
			}},
		})
	}
	return &conf.Config{VirtualServers: []*conf.VirtualServer{vs}}
}

func (r *rig) configure(generation uint64, cfg *conf.Config, more func(*worker.Configure)) {
	r.t.Helper()
	c := &worker.Configure{Generation: generation, Config: cfg}
	if more != nil {
		more(c)
	}
	r.in <- worker.Message{Configure: c}
	time.Sleep(5 * time.Second)
	synctest.Wait()
}

// has fails unless the table has the virtual server with these real servers, and
// nothing else.
func (r *rig) has(servers ...string) {
	r.t.Helper()
	got := r.kernel.Table()
	if len(got) != 1 {
		r.t.Fatalf("the table has %d services, want 1", len(got))
	}
	for _, e := range got {
		if len(e.Destinations) != len(servers) {
			r.t.Fatalf("the virtual server has %d real servers, want %v", len(e.Destinations), servers)
		}
		for _, s := range servers {
			if !alive(e, s) {
				r.t.Errorf("real server %s is not in the table", s)
			}
		}
	}
}

// alive says whether an entry sends clients to a real server.
func alive(e table.Entry, address string) bool {
	for _, d := range e.Destinations {
		if d.Key.Address == netip.MustParseAddr(address) {
			return d.Weight > 0
		}
	}
	return false
}

// last is the last message that is of a kind.
func last[M any](r *rig, of func(worker.Message) *M) *M {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n := len(r.said) - 1; n >= 0; n-- {
		if m := of(r.said[n]); m != nil {
			return m
		}
	}
	return nil
}

func tableOf(m worker.Message) *event.TableLoaded { return m.Table }

func appliedOf(m worker.Message) *worker.Applied { return m.Applied }

func serverOf(m worker.Message) *event.RealServerState { return m.RealServer }

func checkOf(m worker.Message) *event.CheckResult { return m.Check }

func virtualOf(m worker.Message) *event.VirtualServerState { return m.VirtualServer }

func (r *rig) count(is func(worker.Message) bool) (count int) { return len(r.all(is)) }

func (r *rig) all(is func(worker.Message) bool) (list []worker.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.said {
		if is(m) {
			list = append(list, m)
		}
	}
	return list
}
