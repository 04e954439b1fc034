package vrrp_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/vrrptest"
)

// chatter puts another router's advertisements on the wire, two thousand a second.
func chatter(t *testing.T, w *vrrptest.Wire) (end func()) {
	t.Helper()
	foreign := slices.Clone(w.Packets()[0].Data)
	const vrid = 20 + 1 // behind an IPv4 header
	foreign[vrid] = 77  // the checksum does not matter: nobody here is concerned
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(500 * time.Microsecond):
				w.Inject(foreign)
			}
		}
	}()
	return func() { close(stop) }
}

// sent are the packets that a host has sent.
func sent(w *vrrptest.Wire) []vrrptest.Packet {
	return slices.DeleteFunc(w.Packets(), func(p vrrptest.Packet) bool { return p.From == nil })
}

func TestDenseTrafficDelaysNoTakeover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t)
		defer chatter(t, w)()
		after(time.Second)
		mine := sent(w)
		last := mine[len(mine)-1]
		a.crash(w)
		after(10 * time.Second)
		b.want("VI", event.Master)
		first := sent(w)[len(mine)]
		if got, want := first.At.Sub(last.At), downInterval(time.Second, 100); got != want {
			t.Errorf(
				"amid dense traffic: from the last advertisement of the old master to the first of the new one: %v, want %v",
				got,
				want,
			)
		}
	})
}

func TestDenseTrafficDelaysNoHandover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t)
		defer chatter(t, w)()
		after(time.Second)
		before := len(sent(w))
		a.engine.Stop(true)
		after(5 * time.Second)
		b.want("VI", event.Master)
		all := sent(w)
		if got, want := all[before+1].At.Sub(all[before].At), 156*time.Second/256; got != want {
			t.Errorf("amid dense traffic: the backup took over after %v, want %v", got, want)
		}
	})
}
