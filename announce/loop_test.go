package announce_test

import (
	"context"
	"errors"
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

	"github.com/lvs-director/director/announce"
	"github.com/lvs-director/director/announce/link"
	"github.com/lvs-director/director/announce/link/linktest"
	"github.com/lvs-director/director/announce/rules"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

const device = "announce0"

var (
	vip  = netip.MustParseAddr("203.0.113.100")
	vip6 = netip.MustParseAddr("2001:db8:5::100")
	key  = conf.ServiceKey{Protocol: conf.TCP, Address: vip, Port: 80}
)

// rig is a loop on a host in memory, in a bubble of time.
type rig struct {
	t      *testing.T
	loop   *announce.Loop
	kernel *linktest.Fake
	host   *host
	cancel context.CancelFunc
	// beats and heartbeats are sent each half second while they are on.
	beats, heartbeats atomic.Bool
	stop              chan struct{}
}

// host is what outlives a director.
type host struct {
	mu       sync.Mutex
	held     map[string]bool
	records  []event.Record
	services map[conf.ServiceKey]bool
	readErr  error
}

func (h *host) Held() (list []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for k := range h.held {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

func (h *host) Claim(keys ...string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, k := range keys {
		h.held[k] = true
	}
	return nil
}

func (h *host) Release(keys ...string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, k := range keys {
		delete(h.held, k)
	}
	return nil
}

// kernelHas has a reading of the services give this from now on.
func (h *host) kernelHas(services map[conf.ServiceKey]bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.services, h.readErr = services, err
}

func (h *host) note(r event.Record) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.records = append(h.records, r)
}

// told are the states that were told, in their order.
func (h *host) told() (list []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.records {
		if r.Kind == event.RecordState {
			list = append(list, r.Object+" "+r.To)
		}
	}
	return list
}

func bubble(t *testing.T, f func(r *rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, kernel: linktest.NewFake(), host: &host{
			held: make(map[string]bool), services: map[conf.ServiceKey]bool{key: true},
		}}
		r.start()
		f(r)
		r.kill()
	})
}

// start starts a director on the host.
func (r *rig) start() {
	number := 0
	r.loop = announce.New(announce.Options{
		Log: slog.New(slog.DiscardHandler), Open: func() (link.Kernel, error) { return r.kernel, nil }, Journal: r.host,
		Services: func() (map[conf.ServiceKey]bool, error) {
			r.host.mu.Lock()
			defer r.host.mu.Unlock()
			return r.host.services, r.host.readErr
		},
		Number: func() event.Number { number++; return event.Number(fmt.Sprint("a", number)) },
		Note:   r.host.note,
	})
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(context.Background())
	go r.loop.Run(ctx)
	r.beats.Store(true)
	r.heartbeats.Store(true)
	r.stop = make(chan struct{})
	go func(stop chan struct{}) {
		for {
			select {
			case <-stop:
				return
			case <-time.After(500 * time.Millisecond):
				if r.beats.Load() {
					r.loop.Beat()
				}
				if r.heartbeats.Load() {
					r.loop.Heartbeat()
				}
			}
		}
	}(r.stop)
}

// kill ends the director without an orderly stop.
func (r *rig) kill() {
	close(r.stop)
	r.cancel()
	synctest.Wait()
}

func (r *rig) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func vips(change ...func(*rules.Block)) rules.Block {
	b := rules.Block{
		Name: "vips", Device: device, Addresses: []netip.Addr{vip, vip6}, Services: []conf.ServiceKey{key},
		Lifetime: 3 * time.Second, Delay: 2 * time.Second, Grace: 30 * time.Second,
	}
	for _, c := range change {
		c(&b)
	}
	return b
}

// apply puts blocks in force, and has their table loaded.
func (r *rig) apply(generation uint64, blocks ...rules.Block) {
	r.loop.Apply(announce.Config{Blocks: blocks, Generation: generation})
	synctest.Wait()
	r.loop.Table(generation, "")
	synctest.Wait()
}

func (r *rig) want(announced bool) {
	r.t.Helper()
	for _, a := range []netip.Addr{vip, vip6} {
		if r.kernel.Has(device, a) != announced {
			r.t.Errorf("after %v: %s is announced: %v, want %v", time.Since(epoch), a, !announced, announced)
		}
	}
}

var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // of bubbles

func (r *rig) state() announce.State {
	r.t.Helper()
	s := r.loop.Snapshot()
	if len(s.Blocks) != 1 {
		r.t.Fatalf("%d blocks", len(s.Blocks))
	}
	return s.Blocks[0]
}

// TestOrder: the interface and the routes are there at once, the addresses when the table is loaded.
func TestOrder(t *testing.T) {
	bubble(t, func(r *rig) {
		r.loop.Apply(announce.Config{Blocks: []rules.Block{vips()}, Generation: 1})
		r.after(5 * time.Second)
		r.want(false)
		if !r.kernel.Feeds(vip) || !r.kernel.Feeds(vip6) {
			t.Error("no packets would come in")
		}
		if s := r.state(); s.Open != "waiting for the IPVS table" {
			t.Errorf("open: %q", s.Open)
		}
		r.loop.Table(1, "no IPVS")
		r.after(time.Second)
		r.want(false)
		r.loop.Table(1, "")
		r.after(time.Second)
		r.want(true)
		if got, want := r.kernel.Calls(), []string{
			"make announce0", "feed 203.0.113.100", "feed 2001:db8:5::100", "announce 203.0.113.100", "announce 2001:db8:5::100",
		}; !slices.Equal(sorted(got[1:3]), sorted(want[1:3])) || !slices.Equal(got[3:], want[3:]) || got[0] != want[0] {
			t.Errorf("%v, want %v", got, want)
		}
	})
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

// TestRefreshed: an address lives while all goes round, and expires when one does not.
func TestRefreshed(t *testing.T) {
	for _, tt := range []struct {
		name    string
		break_  func(*rig)
		expires bool
	}{
		{"nothing", func(*rig) {}, false},
		{"the supervisor hangs", func(r *rig) { r.beats.Store(false) }, true},
		{"the lvs worker hangs", func(r *rig) { r.heartbeats.Store(false) }, true},
		{"the kernel does not answer", func(r *rig) { r.host.kernelHas(nil, errors.New("no answer")) }, true},
		{"the service is gone", func(r *rig) { r.host.kernelHas(nil, nil) }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.apply(1, vips())
				r.after(time.Minute)
				r.want(true)
				if left := r.kernel.Left(device, vip); left < 2*time.Second {
					t.Errorf("it has %v left of 3 s", left)
				}
				tt.break_(r)
				r.after(4500 * time.Millisecond)
				r.want(!tt.expires)
				if s := r.state(); (s.State == rules.Expired) != tt.expires {
					t.Errorf("state %v", s.State)
				}
				if !r.kernel.Feeds(vip) {
					t.Error("the route went with the address: flows in flight are reset")
				}
			})
		})
	}
}

// TestComesBack: what hung goes on, and the addresses are there again.
func TestComesBack(t *testing.T) {
	bubble(t, func(r *rig) {
		r.apply(1, vips())
		r.after(time.Second)
		r.heartbeats.Store(false)
		r.after(10 * time.Second)
		r.want(false)
		r.heartbeats.Store(true)
		r.after(3 * time.Second)
		r.want(true)
		if got, want := r.host.told(), []string{
			"announce vips announced", "announce vips expired", "announce vips announced",
		}; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	})
}

// TestWorkerRestarts: the lvs worker may be away for restart_grace, if the kernel has the services.
func TestWorkerRestarts(t *testing.T) {
	bubble(t, func(r *rig) {
		r.apply(1, vips())
		r.after(time.Minute)
		r.heartbeats.Store(false)
		r.loop.WorkerMissing()
		r.after(29 * time.Second)
		r.want(true)
		if s := r.state(); !s.OnGrace {
			t.Errorf("it is not said: %+v", s)
		}
		r.after(6 * time.Second)
		r.want(false)
	})
	bubble(t, func(r *rig) {
		r.apply(1, vips())
		r.after(time.Second)
		r.heartbeats.Store(false)
		r.loop.WorkerMissing()
		r.after(10 * time.Second)
		r.heartbeats.Store(true)
		r.after(time.Minute)
		r.want(true)
		if s := r.state(); s.OnGrace || len(r.host.told()) != 1 {
			t.Errorf("%+v, %v", s, r.host.told())
		}
	})
	bubble(t, func(r *rig) { // without the services
		r.apply(1, vips())
		r.after(time.Second)
		r.heartbeats.Store(false)
		r.loop.WorkerMissing()
		r.host.kernelHas(nil, nil)
		r.after(5 * time.Second)
		r.want(false)
	})
}

// TestDirectorRestarts: a director that was killed is followed by another one within the lifetime. Nothing is
// withdrawn, and what the other one does not announce any more goes.
func TestDirectorRestarts(t *testing.T) {
	bubble(t, func(r *rig) {
		r.apply(1, vips())
		r.after(5 * time.Second)
		before := len(r.kernel.Calls())
		r.kill()
		r.after(1500 * time.Millisecond)
		r.start()
		r.heartbeats.Store(false) // its worker takes its time
		since := map[string]time.Time{"vips": epoch}
		r.loop.Apply(announce.Config{Blocks: []rules.Block{vips()}, Generation: 1, Since: since})
		r.after(5 * time.Second)
		r.want(true)
		r.loop.Table(1, "")
		r.heartbeats.Store(true)
		r.after(5 * time.Second)
		r.want(true)
		if calls := r.kernel.Calls()[before:]; slices.ContainsFunc(calls, func(s string) bool {
			return strings.HasPrefix(s, "withdraw") || strings.HasPrefix(s, "announce") || strings.HasPrefix(s, "starve")
		}) {
			t.Errorf("something changed: %v", calls)
		}
		if s := r.state(); !s.Since.Equal(epoch) {
			t.Errorf("announced since %v", s.Since)
		}

		r.kill()
		r.start()
		other := vips(func(b *rules.Block) { b.Addresses = []netip.Addr{vip6} })
		r.apply(2, other)
		r.after(time.Second)
		if r.kernel.Has(device, vip) || !r.kernel.Has(device, vip6) {
			t.Error("what an earlier director announced is there still, or what this one announces is gone")
		}
		r.after(5 * time.Second)
		if r.kernel.Feeds(vip) || !r.kernel.Feeds(vip6) {
			t.Error("the routes are not as they should be")
		}
	})
}

// TestNothingIsAnnouncedAnyMore: the next director has no block, and removes what was left.
func TestNothingIsAnnouncedAnyMore(t *testing.T) {
	bubble(t, func(r *rig) {
		r.apply(1, vips())
		r.after(time.Second)
		r.kill()
		r.start()
		r.apply(1)
		r.after(5 * time.Second)
		r.want(false)
		if list, _ := r.kernel.Ours(); len(list) > 0 || r.kernel.Feeds(vip) || len(r.host.Held()) > 0 {
			t.Errorf("left: %v, %v", list, r.host.Held())
		}
	})
}

// TestStop: everything is withdrawn at once, the routes stay until the services have gone.
func TestStop(t *testing.T) {
	bubble(t, func(r *rig) {
		r.apply(1, vips(), vips(func(b *rules.Block) {
			b.Name, b.Addresses, b.Delay = "other", []netip.Addr{netip.MustParseAddr("203.0.113.101")}, 5*time.Second
		}))
		r.after(time.Second)
		if wait := r.loop.Stop(); wait != 5*time.Second {
			t.Errorf("services stay for %v", wait)
		}
		synctest.Wait()
		r.want(false)
		if !r.kernel.Feeds(vip) {
			t.Error("flows in flight are reset")
		}
		if wait := r.loop.Stop(); wait != 0 {
			t.Errorf("a second stop has services stay for %v", wait)
		}
		r.after(5 * time.Second)
		r.loop.End(false)
		<-r.loop.Done()
		if list, _ := r.kernel.Ours(); len(list) > 0 || r.kernel.Feeds(vip) || len(r.host.Held()) > 0 {
			t.Errorf("left: %v, %v", list, r.host.Held())
		}
	})
	bubble(t, func(r *rig) { // the services stay, and packets to them
		r.apply(1, vips())
		r.after(time.Second)
		r.loop.Stop()
		r.loop.End(true)
		<-r.loop.Done()
		r.want(false)
		if !r.kernel.Feeds(vip) {
			t.Error("nothing comes to the services that were to stay")
		}
	})
}

// TestHandover: an operator takes a block away, and gives it back.
func TestHandover(t *testing.T) {
	bubble(t, func(r *rig) {
		r.apply(1, vips())
		r.after(time.Second)
		r.loop.HandedOver(map[string]event.Number{"vips": "s7"})
		synctest.Wait()
		r.want(false)
		if s := r.state(); s.Why != "it was handed over" || s.Causes != "s7" || !r.kernel.Feeds(vip) {
			t.Errorf("%+v", s)
		}
		r.loop.HandedOver(nil)
		r.after(time.Second)
		r.want(true)
	})
}

// TestReload: what stays is not withdrawn, whatever its block is called; what goes is, and its services stay a while.
func TestReload(t *testing.T) {
	bubble(t, func(r *rig) {
		r.apply(1, vips())
		r.after(time.Second)
		before := len(r.kernel.Calls())
		renamed := vips(func(b *rules.Block) { b.Name = "renamed"; b.Servers = []string{"not told yet"} })
		if wait := r.loop.Leaves([]rules.Block{renamed}); wait != 0 {
			t.Errorf("nothing leaves, and the services wait for %v", wait)
		}
		r.apply(2, renamed)
		r.after(10 * time.Second)
		r.want(true)
		if calls := r.kernel.Calls()[before:]; len(calls) > 0 {
			t.Errorf("a renamed block changes %v", calls)
		}
		r.apply(2, vips(func(b *rules.Block) { b.Addresses = append(b.Addresses, netip.MustParseAddr("203.0.113.101")) }))
		r.after(time.Second)
		if n := r.loop.Snapshot().Repaired; n > 0 || !r.kernel.Has(device, netip.MustParseAddr("203.0.113.101")) {
			t.Errorf("another address is not there, or counts as %d repairs", n)
		}
		r.apply(2, vips())
		part := vips(func(b *rules.Block) { b.Addresses = []netip.Addr{vip6} })
		if wait := r.loop.Leaves([]rules.Block{part}); wait != 2*time.Second {
			t.Errorf("the services wait for %v", wait)
		}
		r.loop.Apply(announce.Config{Blocks: []rules.Block{part}, Generation: 3})
		synctest.Wait()
		if r.kernel.Has(device, vip) || !r.kernel.Has(device, vip6) || !r.kernel.Feeds(vip) {
			t.Error("the address is there still, or the route is gone")
		}
		r.after(3 * time.Second)
		if !r.kernel.Feeds(vip) {
			t.Error("the route went before the services")
		}
		r.loop.Table(3, "")
		r.after(time.Second)
		if r.kernel.Feeds(vip) || !r.kernel.Feeds(vip6) {
			t.Error("the routes are not as they should be")
		}
		r.apply(4)
		r.after(40 * time.Second)
		if list, _ := r.kernel.Ours(); len(list) > 0 || r.kernel.Feeds(vip6) {
			t.Errorf("left: %v", list)
		}
	})
}

// TestForeignInterface: somebody else's interface of that name is left alone, and nothing is announced until it is
// gone.
func TestForeignInterface(t *testing.T) {
	bubble(t, func(r *rig) {
		r.kernel.Interface(device, "")
		r.apply(1, vips())
		r.after(10 * time.Second)
		s := r.loop.Snapshot()
		if s.Blocks[0].State != rules.Withdrawn || !strings.Contains(s.Blocks[0].Open, "not made by director") ||
			len(s.Problems) != 1 || s.Problems[0].Kind != event.Missing {
			t.Errorf("%+v", s)
		}
		if calls := r.kernel.Calls(); slices.ContainsFunc(calls, func(c string) bool { return strings.Contains(c, device) }) {
			t.Errorf("it was touched: %v", calls)
		}
		r.kernel.Interface(device, link.AliasMark)
		r.after(31 * time.Second)
		r.want(true)
		if p := r.loop.Snapshot().Problems; len(p) > 0 {
			t.Errorf("still a problem: %v", p)
		}
	})
}

// TestRefused: the kernel refuses a refresh; the address expires, and status says why.
func TestRefused(t *testing.T) {
	bubble(t, func(r *rig) {
		r.apply(1, vips())
		r.after(time.Second)
		r.kernel.Fail("Put", errors.New("operation not permitted"))
		r.after(5 * time.Second)
		r.want(false)
		if s := r.state(); len(s.Missing) != 2 || s.Error != "operation not permitted" {
			t.Errorf("%+v", s)
		}
		r.kernel.Fail("Put", nil)
		r.after(10 * time.Second)
		r.want(true)
		if s := r.loop.Snapshot(); len(s.Problems) > 0 || len(s.Blocks[0].Missing) > 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestRepairs: what somebody removes is put back, less and less often.
func TestRepairs(t *testing.T) {
	bubble(t, func(r *rig) {
		r.apply(1, vips())
		r.after(2 * time.Second)
		r.kernel.Take(device, vip)
		r.after(600 * time.Millisecond)
		r.want(true)
		if n := r.loop.Snapshot().Repaired; n != 1 {
			t.Errorf("%d repairs", n)
		}
		for range 60 {
			r.kernel.Take(device, vip)
			r.after(500 * time.Millisecond)
		}
		s := r.loop.Snapshot()
		if s.Repaired > 12 || len(s.Problems) != 1 || s.Problems[0].Kind != event.Contested {
			t.Errorf("%d repairs, problems %v", s.Repaired, s.Problems)
		}
	})
}

// TestInterfaces: a tracked interface goes down and comes up.
func TestInterfaces(t *testing.T) {
	bubble(t, func(r *rig) {
		r.kernel.Interface("eth0", "")
		r.apply(1, vips(func(b *rules.Block) { b.Interfaces = []rules.Interface{{Name: "eth0"}} }))
		r.after(time.Second)
		r.want(true)
		r.kernel.Link("eth0", false)
		r.after(100 * time.Millisecond)
		r.want(false)
		r.kernel.Link("eth0", true)
		r.after(600 * time.Millisecond)
		r.want(true)
	})
}

// TestTrackersAndServers: what is told of them counts, and what is told again after it.
func TestTrackersAndServers(t *testing.T) {
	bubble(t, func(r *rig) {
		chk := rules.Key{Kind: event.TrackScript, Name: "chk"}
		r.apply(1, vips(func(b *rules.Block) {
			b.Trackers, b.Servers = []rules.Tracker{{Key: chk}}, []string{"web"}
		}))
		r.after(time.Second)
		r.want(false)
		r.loop.Tracker(event.TrackerState{Kind: chk.Kind, Name: chk.Name, Up: true})
		server := rules.Server{VirtualServerState: event.VirtualServerState{VirtualServer: "web", Quorum: true}, Unchecked: 1}
		r.loop.Server("web", server)
		r.after(time.Second)
		r.want(false)
		server.Unchecked = 0
		r.loop.Server("web", server)
		r.after(100 * time.Millisecond)
		r.want(true)
		server.Quorum = false
		r.loop.Server("web", server)
		r.after(100 * time.Millisecond)
		r.want(false)
	})
}

// TestOnlink: neighbours of a network that the address is in are answered by nobody, and the settings are restored.
func TestOnlink(t *testing.T) {
	bubble(t, func(r *rig) {
		r.kernel.Interface("eth0", "")
		r.kernel.Interface("eth1", "")
		r.kernel.Network(vip, "eth0")
		r.kernel.Network(vip, "eth1")
		_ = r.kernel.Set("eth1", "arp_ignore", 2)
		r.apply(1, vips(func(b *rules.Block) { b.Onlink = true }))
		r.after(time.Second)
		want := func(device string, ignore, announce int) {
			t.Helper()
			a, _ := r.kernel.Setting(device, "arp_ignore")
			b, _ := r.kernel.Setting(device, "arp_announce")
			if a != ignore || b != announce {
				t.Errorf("%s: arp_ignore %d, arp_announce %d; want %d, %d", device, a, b, ignore, announce)
			}
		}
		want("eth0", 1, 2)
		want("eth1", 2, 2)
		_ = r.kernel.Set("eth0", "arp_ignore", 0)
		r.after(6 * time.Second)
		want("eth0", 1, 2)
		r.kill()
		r.start()
		r.apply(1, vips())
		r.after(6 * time.Second)
		want("eth0", 0, 0)
		want("eth1", 2, 0)
	})
}

// TestSilent: a healthy director says nothing, and does not do more than it has to.
func TestSilent(t *testing.T) {
	bubble(t, func(r *rig) {
		r.apply(1, vips(func(b *rules.Block) { b.Lifetime = 12 * time.Second }))
		r.after(10 * time.Second)
		calls, puts := len(r.kernel.Calls()), r.kernel.Puts()
		r.after(time.Hour)
		if n := len(r.kernel.Calls()) - calls; n > 0 {
			t.Errorf("%d changes in an hour", n)
		}
		if n := r.kernel.Puts() - puts; n < 2*1500 || n > 2*1800 {
			t.Errorf("%d refreshes of two addresses in an hour, want one each 2 s", n)
		}
		if told := r.host.told(); len(told) != 1 {
			t.Errorf("%v", told)
		}
	})
}
