package virtualserver_test

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/ipvs/ipvstest"
	"github.com/lvs-director/director/virtualserver/table"
)

// journal is a journal in memory that can fail.
type journal struct {
	mu   sync.Mutex
	keys map[string]bool
	err  error
}

func newJournal(keys ...string) *journal {
	j := &journal{keys: map[string]bool{}}
	for _, k := range keys {
		j.keys[k] = true
	}
	return j
}

func (j *journal) Claim(keys ...string) error   { return j.set(true, keys) }
func (j *journal) Release(keys ...string) error { return j.set(false, keys) }

func (j *journal) set(held bool, keys []string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return j.err
	}
	for _, k := range keys {
		if held {
			j.keys[k] = true
		} else {
			delete(j.keys, k)
		}
	}
	return nil
}

func (j *journal) fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.err = err
}

func (j *journal) Held() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Sorted(maps.Keys(j.keys))
}

// services are the services in the journal.
func (j *journal) services() []string {
	return slices.DeleteFunc(j.Held(), func(key string) bool { return !strings.HasPrefix(key, "service ") })
}

// rig is a loop with everything around it, inside a synctest bubble.
type rig struct {
	t       *testing.T
	loop    *virtualserver.Loop
	kernel  *ipvstest.Fake
	journal *journal
	files   map[string]string
	global  conf.Global // of the configurations that are applied

	mu     sync.Mutex
	log    bytes.Buffer
	states map[string]event.VirtualServerState
	told   int // states that were told
	loaded []event.TableLoaded
	opened int
	noIPVS error

	verdicts map[string]event.RealServerState
	tables   map[string]event.ServersInTable
	hands    []event.Override
	awaits   []conf.InstanceID
	answers  []event.HeldInTable
	counted  []event.Counted
}

// awaited are the instances that were told last, and answered all answers.
func (r *rig) awaited() []conf.InstanceID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.awaits
}

func (r *rig) answered() []event.HeldInTable {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.answers)
}

func (r *rig) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(p)
}

// start runs a loop over a kernel and a journal, which may be those of an
// earlier one.
func start(t *testing.T, kernel *ipvstest.Fake, j *journal) *rig {
	r := &rig{t: t, kernel: kernel, journal: j, states: map[string]event.VirtualServerState{}, files: map[string]string{},
		verdicts: map[string]event.RealServerState{}, tables: map[string]event.ServersInTable{}}
	r.loop = virtualserver.New(virtualserver.Options{
		Open: func() (ipvs.Driver, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.opened++
			return r.kernel, r.noIPVS
		},
		Journal: j,
		Log: slog.New(slog.NewTextHandler(r, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}})),
		State: func(s event.VirtualServerState) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.states[s.VirtualServer] = s
			r.told++
		},
		Loaded: func(l event.TableLoaded) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.loaded = append(r.loaded, l)
		},
		Verdict: func(v event.RealServerState) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.verdicts[v.VirtualServer+v.RealServer] = v
		},
		Await: func(ids []conf.InstanceID) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.awaits = ids
		},
		Held: func(h event.HeldInTable) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.answers = append(r.answers, h)
		},
		InTable: func(s event.ServersInTable) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.tables[s.VirtualServer] = s
		},
		Counted: func(c event.Counted) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.counted = append(r.counted, c)
		},
		Hands: func(list []event.Override) { r.hands = list },
		WriteFile: func(name, value string) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.files[name] = value
			return nil
		},
		ReadFile: func(name string) ([]byte, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			if text, ok := r.files[name]; ok {
				return []byte(text), nil
			}
			return nil, fs.ErrNotExist
		},
	})
	go r.loop.Run(t.Context())
	return r
}

// withoutIPVS makes the kernel unreachable, or reachable again with nil.
func (r *rig) withoutIPVS(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.noIPVS = err
}

// verdict is what was told of a real server.
func (r *rig) verdict(vs *conf.VirtualServer, server int) event.RealServerState {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.verdicts[vs.String()+vs.RealServers[server].String()]
}

// inTable is what was told of a real server in the kernel.
func (r *rig) inTable(vs *conf.VirtualServer, server string) event.ServerInTable {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.tables[vs.String()].Servers {
		if key, err := conf.ParseServerKey(s.RealServer); err == nil && key == serverKey(server) {
			return s
		}
	}
	return event.ServerInTable{}
}

// lines are the lines of the log that contain a text.
func (r *rig) lines(text string) []string {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []string
	for line := range strings.Lines(r.log.String()) {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

func (r *rig) state(vs *conf.VirtualServer) event.VirtualServerState {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.states[vs.String()]
}

func (r *rig) lastLoaded() event.TableLoaded {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.loaded) == 0 {
		return event.TableLoaded{}
	}
	return r.loaded[len(r.loaded)-1]
}

// apply configures and waits until the loop rests.
func (r *rig) apply(generation uint64, verdicts []event.RealServerState, servers ...*conf.VirtualServer) {
	cfg := &conf.Config{Global: r.global, VirtualServers: servers}
	r.loop.Apply(cfg, virtualserver.Known{RealServers: verdicts}, generation)
	synctest.Wait()
}

// expect compares the kernel's table: for each virtual server "address:port",
// its real servers and their weights.
func (r *rig) expect(want map[string]map[string]int) {
	r.t.Helper()
	synctest.Wait()
	got := map[string]map[string]int{}
	for key, e := range r.kernel.Table() {
		weights := map[string]int{}
		for _, d := range e.Destinations {
			weights[netip.AddrPortFrom(d.Key.Address, d.Key.Port).String()] = d.Weight
		}
		got[netip.AddrPortFrom(key.Address, key.Port).String()] = weights
	}
	if diff := cmp.Diff(want, got); diff != "" {
		r.t.Errorf("table (-want +got):\n%s", diff)
	}
}

func (r *rig) expectDone(want ...string) {
	r.t.Helper()
	synctest.Wait()
	var got []string
	for _, op := range r.kernel.Done() {
		got = append(got, op.String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		r.t.Errorf("operations (-want +got):\n%s", diff)
	}
	r.kernel.Forget()
}

// bubble runs a test in a synctest bubble. The test's context ends with it and
// the loops with that: a goroutine that is left fails the test.
func bubble(t *testing.T, test func(*testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

func virtual(address string, servers ...string) *conf.VirtualServer {
	at := netip.MustParseAddrPort(address)
	vs := &conf.VirtualServer{
		Key:       conf.ServiceKey{Protocol: conf.TCP, Address: at.Addr(), Port: at.Port()},
		Scheduler: "wlc", Quorum: 1,
	}
	for _, s := range servers {
		vs.RealServers = append(vs.RealServers, &conf.RealServer{Key: serverKey(s), Protocol: conf.TCP, Weight: 1,
			Forward: conf.DR})
	}
	return vs
}

func serverKey(s string) conf.ServerKey {
	at := netip.MustParseAddrPort(s)
	return conf.ServerKey{Address: at.Addr(), Port: at.Port()}
}

func verdict(vs *conf.VirtualServer, server int, up bool) event.RealServerState {
	rs := vs.RealServers[server]
	return event.RealServerState{VirtualServer: vs.String(), RealServer: rs.String(), Up: up,
		Weight: rs.Weight, Since: time.Now(), Reason: "the test says so"}
}

// foreign are the operations of somebody with ipvsadm.
func foreign(kind table.OpKind, vs *conf.VirtualServer, server string, weight int) table.Op {
	op := table.Op{Kind: kind, Service: table.Service{Key: vs.Key, Scheduler: vs.Scheduler, MaskBits: 32}}
	if server != "" {
		op.Destination = table.Destination{Key: serverKey(server), Forward: table.DirectRoute, Weight: weight}
	}
	return op
}

var errTest = errors.New("made to fail")

// errUnanswered is no refusal of the kernel's: what was asked for may have been done.
var errUnanswered = errors.New("no answer")

const (
	vip  = "10.0.0.1:80"
	vip2 = "10.0.0.2:80"
	a    = "10.1.0.1:80"
	b    = "10.1.0.2:80"
	c    = "10.1.0.3:80"
)

type weights = map[string]int
type tables = map[string]weights

func repeat(n int, f func(i int) string) []string {
	var list []string
	for i := range n {
		list = append(list, f(i))
	}
	return list
}
