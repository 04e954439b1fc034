package vrrp_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/vrrptest"
)

const vip = "10.0.0.100/32"

// pair is two nodes, a with priority 150 and b with 100, after a has become MASTER.
func pair(t *testing.T) (w *vrrptest.Wire, a, b *node) {
	w = &vrrptest.Wire{}
	a, b = newNode(t, w, "10.0.0.1/24"), newNode(t, w, "10.0.0.2/24")
	a.apply(instance("VI", 150, vip))
	b.apply(instance("VI", 100, vip))
	a.engine.AllowMaster()
	b.engine.AllowMaster()
	after(5 * time.Second)
	a.want("VI", event.Master)
	b.want("VI", event.Backup)
	return w, a, b
}

func TestTheBetterNodeOfAPairIsMaster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t)
		a.wantAddress(true, vip)
		b.wantAddress(false, vip)
		if got := b.state("VI").Peer; got != "10.0.0.1" {
			t.Errorf("b says that %q is MASTER, want 10.0.0.1", got)
		}
		for _, adv := range adverts(t, w) {
			if adv.from != a.host || adv.priority != 150 {
				t.Errorf("unexpected advertisement: %v", adv)
			}
		}
	})
}

func TestABackupTakesOverFromACrashedMaster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t)
		before := adverts(t, w)
		last := before[len(before)-1]
		a.crash(w)
		after(10 * time.Second)
		b.want("VI", event.Master)
		b.wantAddress(true, vip)
		first := adverts(t, w)[len(before)]
		if got, want := first.at.Sub(last.at), downInterval(time.Second, 100); got != want {
			t.Errorf("from the last advertisement of the old master to the first of the new one: %v, want %v", got, want)
		}
	})
}

func TestAStoppedMasterHandsOverWithinTheSkew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t)
		before := len(adverts(t, w))
		a.engine.Stop(true)
		after(5 * time.Second)
		b.want("VI", event.Master)
		b.wantAddress(true, vip)
		a.wantAddress(false, vip)
		all := adverts(t, w)
		resigned, first := all[before], all[before+1]
		if resigned.priority != 0 || resigned.from != a.host {
			t.Fatalf("the stopped master sent %v first, want priority 0", resigned)
		}
		if got, want := first.at.Sub(resigned.at), 156*time.Second/256; got != want {
			t.Errorf("the backup took over after %v, want %v", got, want)
		}
		if got := a.state("VI").State; got != event.Stop {
			t.Errorf("the stopped node says %v, want STOP", got)
		}
		if held := a.journal.Held(); len(held) != 0 {
			t.Errorf("the journal still holds %q", held)
		}
	})
}
