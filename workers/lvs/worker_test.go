package lvs

import (
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
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
}

func (p *prober) Start(t probe.Target, done func(probe.Result)) (cancel func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := probe.Result{OK: !p.down[t.Checker.ConnectIP], Reason: "connected"}
	if !r.OK {
		r.Reason = "connection refused"
	}
	go done(r)
	return func() {}
}

func (p *prober) set(address string, up bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down[netip.MustParseAddr(address)] = !up
}

// netfilter takes any rules.
type netfilter struct{ repairs chan nft.Repair }

func (n netfilter) Put(marks.Rules) error      { return nil }
func (n netfilter) Repairs() <-chan nft.Repair { return n.repairs }
func (n netfilter) Close()                     {}

// rig is a worker's loop with everything made up but the loop.
type rig struct {
	t      *testing.T
	in     chan worker.Message
	term   chan os.Signal
	ended  chan error
	kernel *ipvstest.Fake
	probes *prober
	log    strings.Builder

	mu   sync.Mutex
	said []worker.Message
	// look is called with what the worker says, when it says it.
	look func(worker.Message)
}

// bubble runs a test in made-up time.
func bubble(t *testing.T, test func(*rig)) {
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
			Out: worker.NewOutbox(func(m worker.Message) error {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.look(m)
				r.said = append(r.said, m)
				return nil
			}),
		}
		h := host{
			table: func() (ipvs.Driver, error) { return r.kernel, nil }, marks: netfilter{make(chan nft.Repair)},
			foreign: func() (uint64, error) { return 0, nil }, prober: r.probes,
		}
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

const (
	vip    = "192.0.2.10"
	first  = "10.0.0.3"
	second = "10.0.0.4"
)

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

func tableOf(m worker.Message) *event.TableLoaded             { return m.Table }
func appliedOf(m worker.Message) *worker.Applied              { return m.Applied }
func serverOf(m worker.Message) *event.RealServerState        { return m.RealServer }
func checkOf(m worker.Message) *event.CheckResult             { return m.Check }
func virtualOf(m worker.Message) *event.VirtualServerState    { return m.VirtualServer }
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

// TestNothingIsTouchedBeforeAConfiguration: what an earlier run left serves on until
// this worker knows what is wanted.
func TestNothingIsTouchedBeforeAConfiguration(t *testing.T) {
	bubble(t, func(r *rig) {
		time.Sleep(time.Minute)
		synctest.Wait()
		if done := r.kernel.Done(); len(done) > 0 {
			t.Errorf("it did %v", done)
		}
	})
}

// TestAConfigurationIsLoadedAndTold.
func TestAConfigurationIsLoadedAndTold(t *testing.T) {
	bubble(t, func(r *rig) {
		r.configure(7, configuration(first, second), nil)
		r.has(first, second)
		if got := last(r, tableOf); got == nil || got.Generation != 7 || got.Error != "" || got.VirtualServers != 1 {
			t.Errorf("the table was told as %+v", got)
		}
		if got := last(r, appliedOf); got == nil || got.Generation != 7 || got.Error != "" {
			t.Errorf("it was told as applied: %+v", got)
		}
		if got := last(r, virtualOf); got == nil || !got.Quorum || got.Alive != 2 || got.Total != 2 {
			t.Errorf("the virtual server was told as %+v", got)
		}
		if got := last(r, checkOf); got == nil || !got.OK {
			t.Errorf("no check was told: %+v", got)
		}
		r.configure(8, configuration(second), nil)
		r.has(second)
		if got := last(r, tableOf); got.Generation != 8 {
			t.Errorf("the table was told as %+v", got)
		}
	})
}

// TestAVerdictReachesTableAndSupervisor, down and up again.
func TestAVerdictReachesTableAndSupervisor(t *testing.T) {
	bubble(t, func(r *rig) {
		r.configure(1, configuration(first, second), nil)
		r.probes.set(first, false)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		r.has(second)
		if got := last(r, serverOf); got == nil || got.Up || !strings.Contains(got.RealServer, first) ||
			!strings.Contains(got.Reason, "connection refused") {
			t.Errorf("the verdict was told as %+v", got)
		}
		if got := last(r, virtualOf); !got.Quorum || got.Alive != 1 {
			t.Errorf("the virtual server was told as %+v", got)
		}
		r.probes.set(second, false)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		r.has()
		if got := last(r, virtualOf); got.Quorum || got.Alive != 0 {
			t.Errorf("the virtual server was told as %+v", got)
		}
		r.probes.set(first, true)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		r.has(first)
		if got := last(r, serverOf); got == nil || !got.Up {
			t.Errorf("the verdict was told as %+v", got)
		}
	})
}

// TestTheTableHasAVerdictBeforeItIsTold: whoever hears that a real server is down can
// rely on it that no client gets there any more.
func TestTheTableHasAVerdictBeforeItIsTold(t *testing.T) {
	bubble(t, func(r *rig) {
		r.configure(1, configuration(first, second), nil)
		r.mu.Lock()
		r.look = func(m worker.Message) {
			if m.RealServer == nil {
				return
			}
			for _, e := range r.kernel.Table() {
				if alive(e, first) != m.RealServer.Up {
					t.Errorf("it is told to be up %v, and the table says otherwise", m.RealServer.Up)
				}
			}
		}
		r.mu.Unlock()
		for range 10 {
			r.probes.set(first, false)
			time.Sleep(10 * time.Second)
			r.probes.set(first, true)
			time.Sleep(10 * time.Second)
		}
		synctest.Wait()
		if n := r.count(func(m worker.Message) bool { return m.RealServer != nil }); n < 20 {
			t.Errorf("%d verdicts were told", n)
		}
	})
}

// TestWhatIsKnownCounts: a worker that takes the place of one that died loads the
// table with the verdicts of that one, not with its own first guess.
func TestWhatIsKnownCounts(t *testing.T) {
	bubble(t, func(r *rig) {
		r.probes.set(first, false)
		r.kernel.Forget()
		cfg := configuration(first, second)
		vs := cfg.VirtualServers[0]
		r.configure(3, cfg, func(c *worker.Configure) {
			c.Known.Died = time.Second
			c.Known.RealServers = []event.RealServerState{{
				VirtualServer: vs.String(), RealServer: vs.RealServers[0].String(), Since: time.Now(), Reason: "refused",
			}}
		})
		r.has(second)
		for _, op := range r.kernel.Done() {
			if strings.Contains(op.String(), first) {
				t.Errorf("a real server that is known to be down: %v", op)
			}
		}
	})
}

// TestTheSupervisorIsGone: the table stays as it is, connections go on.
func TestTheSupervisorIsGone(t *testing.T) {
	bubble(t, func(r *rig) {
		r.configure(1, configuration(first, second), nil)
		r.kernel.Forget()
		close(r.in)
		err := <-r.ended
		r.ended <- err
		if err != nil {
			t.Errorf("it ends with %v", err)
		}
		r.has(first, second)
		if done := r.kernel.Done(); len(done) > 0 {
			t.Errorf("it did %v", done)
		}
		if !strings.Contains(r.log.String(), "the supervisor has ended: leaving the IPVS table in place") {
			t.Error("it does not say why it ends")
		}
	})
}

// TestFinish removes what is ours, unless it is to be kept.
func TestFinish(t *testing.T) {
	for _, keep := range []bool{false, true} {
		bubble(t, func(r *rig) {
			r.configure(1, configuration(first), func(c *worker.Configure) { c.KeepServices = keep })
			r.in <- worker.Message{Finish: &worker.Finish{}}
			err := <-r.ended
			r.ended <- err
			if err != nil {
				t.Errorf("it ends with %v", err)
			}
			if got := len(r.kernel.Table()); (got == 1) != keep {
				t.Errorf("keep %v: the table has %d services", keep, got)
			}
		})
	}
}

// TestFinishLeavesWhatIsNotOurs: a service that somebody else made stays.
func TestFinishLeavesWhatIsNotOurs(t *testing.T) {
	bubble(t, func(r *rig) {
		foreign := table.Service{
			Key:       conf.ServiceKey{Protocol: conf.TCP, Address: netip.MustParseAddr("192.0.2.99"), Port: 80},
			Scheduler: "rr", MaskBits: 32,
		}
		want := table.Table{foreign.Key: ipvs.Entry(foreign, nil)}
		if err := r.kernel.Do(table.Diff(want, table.Table{}, nil)...); err != nil {
			t.Fatal(err)
		}
		r.configure(1, configuration(first), nil)
		if got := len(r.kernel.Table()); got != 2 {
			t.Errorf("the table has %d services", got)
		}
		r.in <- worker.Message{Finish: &worker.Finish{}}
		r.ended <- <-r.ended
		got := r.kernel.Table()
		if _, ok := got[foreign.Key]; !ok || len(got) != 1 {
			t.Errorf("the table is %v", got)
		}
	})
}

// TestASIGTERMChangesNothing: the supervisor got it too, and says when. Addresses go
// before services.
func TestASIGTERMChangesNothing(t *testing.T) {
	bubble(t, func(r *rig) {
		r.configure(1, configuration(first), nil)
		r.term <- syscall.SIGTERM
		time.Sleep(10 * time.Second)
		synctest.Wait()
		r.has(first)
		select {
		case err := <-r.ended:
			r.ended <- err
			t.Errorf("it ends with %v", err)
		default:
		}
	})
}

// TestHeartbeat: it says that it lives, with a configuration and without.
func TestHeartbeat(t *testing.T) {
	bubble(t, func(r *rig) {
		beats := func() int { return r.count(func(m worker.Message) bool { return m.Heartbeat != nil }) }
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := beats(); n < 19 || n > 21 {
			t.Errorf("%d heartbeats in 10 s, want one in %v", n, event.HeartbeatInterval)
		}
		r.configure(1, configuration(first), nil)
		before := beats()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := beats() - before; n < 19 || n > 21 {
			t.Errorf("%d heartbeats in 10 s with a configuration", n)
		}
	})
}

// TestAKernelWithoutIPVS: it is told, nobody waits for it, and the table is loaded as
// soon as it can be.
func TestAKernelWithoutIPVS(t *testing.T) {
	bubble(t, func(r *rig) {
		r.kernel.Break(errors.New("no such module"))
		r.configure(1, configuration(first), nil)
		if got := last(r, tableOf); got == nil || got.Error == "" {
			t.Errorf("the table was told as %+v", got)
		}
		if got := last(r, appliedOf); got == nil {
			t.Error("the supervisor waits for ever")
		}
		r.kernel.Break(nil)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		r.has(first)
		if got := last(r, tableOf); got.Error != "" {
			t.Errorf("the table was told as %+v", got)
		}
	})
}

// TestQuiet: where nothing changes, nothing is done and nothing told but that it lives
// and what was checked.
func TestQuiet(t *testing.T) {
	bubble(t, func(r *rig) {
		r.configure(1, configuration(first, second), nil)
		r.kernel.Forget()
		told := func() int {
			return r.count(func(m worker.Message) bool { return m.Heartbeat == nil && m.Check == nil })
		}
		before := told()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := told() - before; n > 0 {
			t.Errorf("%d things were told", n)
		}
		if done := r.kernel.Done(); len(done) > 0 {
			t.Errorf("it did %v", done)
		}
	})
}
