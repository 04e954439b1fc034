package vrrp_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp"
	"github.com/lvs-director/director/vrrp/vrrptest"
)

// restart has a process die and another take its place; the host stays on the wire.
func (n *node) restart(w *vrrptest.Wire) {
	n.crash(w)
	w.Cut(n.host, false)
	n.mu.Lock()
	n.events, n.groups = nil, nil
	n.mu.Unlock()
	n.run()
}

// TestAnyStateIsResumedQuietly: scripts hear of changes, not of a process that
// took the place of another.
func TestAnyStateIsResumedQuietly(t *testing.T) {
	for _, was := range []event.VRRPState{event.Backup, event.Fault} {
		t.Run(was.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, _, b := pair(t)
				b.host.SetUp("eth0", was != event.Fault)
				synctest.Wait()
				b.want("VI", was)
				since := b.state("VI").Since
				after(time.Minute)
				b.restart(w)
				b.applyResuming(map[string]vrrp.Resume{"VI": {State: was, Since: since}}, instance("VI", 100, vip))
				after(5 * time.Second)
				b.want("VI", was)
				if got := b.states("VI"); len(got) != 0 {
					t.Errorf("told aloud: %v", got)
				}
				if got := b.state("VI").Since; !got.Equal(since) {
					t.Errorf("%v since %v, want since %v", was, got, since)
				}
				// A change is told.
				b.host.SetUp("eth0", was == event.Fault)
				synctest.Wait()
				if got := b.states("VI"); len(got) != 1 {
					t.Errorf("a change after it was told as %v", got)
				}
			})
		})
	}
}

func TestAStateThatChangedMeanwhileIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, b := pair(t)
		b.restart(w)
		b.host.SetUp("eth0", false)
		b.applyResuming(map[string]vrrp.Resume{"VI": {State: event.Backup}}, instance("VI", 100, vip))
		if got := b.states("VI"); !slices.Equal(got, []event.VRRPState{event.Fault}) {
			t.Errorf("told %v, want FAULT", got)
		}
	})
}

func TestAGroupIsResumedQuietly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _, b := groupPair(t, nil)
		l.in.Cut(b.host, true)
		b.restart(l.out)
		l.in.Cut(b.host, false)
		b.applyConfig(twoLegs(100, nil), map[string]vrrp.Resume{"OUT": {State: event.Backup}, "IN": {State: event.Backup}})
		after(2 * time.Second)
		b.wantBoth(event.Backup)
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, g := range b.groups {
			if !g.Quiet {
				t.Errorf("the group was told aloud: %+v", g)
			}
		}
	})
}

// TestAWorkerKilledForItsSilenceDoesNotResume: another router may be MASTER.
func TestAWorkerKilledForItsSilenceDoesNotResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, _ := pair(t)
		a.restart(w)
		a.applyResuming(map[string]vrrp.Resume{"VI": {State: event.Master, Silenced: true}}, instance("VI", 150, vip))
		a.want("VI", event.Backup)
		a.wantAddress(false, vip)
	})
}

func TestAHeartbeatCarriesTheTimeOfTheLastAdvertisement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a := newNode(t, w, "10.0.0.1/24")
		a.engine.Stop(true)
		a.heartbeat = func(h vrrp.Heartbeat) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.heartbeats = append(a.heartbeats, h)
		}
		booted := time.Now()
		a.run()
		a.apply(instance("VI", 150, vip))
		after(5 * time.Second)
		beats := a.beats()
		if n := len(beats); n < 10 || n > 12 || beats[n-1].Advertised != 0 || beats[n-1].ShortestDown != 0 {
			t.Errorf("%d heartbeats of a BACKUP in 5 s, want one each 500 ms without an advertisement; the last is %+v", n,
				beats[n-1])
		}
		a.engine.AllowMaster()
		after(10 * time.Second)
		a.want("VI", event.Master)
		sent := adverts(t, w)
		after(50 * time.Millisecond)
		beats = a.beats()
		got := beats[len(beats)-1]
		if want := sent[len(sent)-1].at.Sub(booted) + sinceBoot; got.Advertised != want || got.ShortestDown != 3*time.Second {
			t.Errorf("the last heartbeat is %+v, want advertised %v, down 3s", got, want)
		}
	})
}

// TestTheSourceOfUnicastIsAPrecondition: without it no peer hears this router,
// nor this router any peer.
func TestTheSourceOfUnicastIsAPrecondition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		from := func(source, peer string) func(*conf.Instance) {
			return func(i *conf.Instance) {
				peers(peer)(i)
				i.SourceAddress = addr(source)
			}
		}
		a, b := pairOf(t, w, from("10.0.0.1", "10.0.0.2"), from("10.0.0.2", "10.0.0.1"))
		after(10 * time.Second)
		b.host.Put("eth0", "10.0.0.22/24") // another address is not the source
		b.host.Take("eth0", "10.0.0.2/24")
		b.want("VI", event.Fault)
		after(10 * time.Second)
		b.want("VI", event.Fault)
		b.host.Put("eth0", "10.0.0.2/24")
		after(10 * time.Second)
		b.want("VI", event.Backup)
		a.want("VI", event.Master)
		a.engine.Stop(true)
		after(5 * time.Second)
		b.want("VI", event.Master)
	})
}
