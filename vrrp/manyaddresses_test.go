package vrrp_test

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/vrrptest"
)

// slowHost is a host whose kernel takes a while to add an address.
type slowHost struct {
	*vrrptest.Host
	takes time.Duration

	mu    sync.Mutex
	added map[netip.Addr]time.Time
	order []netip.Addr
}

func (h *slowHost) Addresses() (link.Addresses, error) {
	a, err := h.Host.Addresses()
	return slowAddresses{a, h}, err
}

type slowAddresses struct {
	link.Addresses
	host *slowHost
}

func (s slowAddresses) Add(a conf.Address) error {
	time.Sleep(s.host.takes)
	err := s.Addresses.Add(a)
	s.host.mu.Lock()
	defer s.host.mu.Unlock()
	if err == nil {
		s.host.added[a.Prefix.Addr()] = time.Now()
		s.host.order = append(s.host.order, a.Prefix.Addr())
	}
	return err
}

// newSlowNode is newNode on a slow host.
func newSlowNode(t *testing.T, w *vrrptest.Wire, takes time.Duration) (*node, *slowHost) {
	n := &node{t: t, host: &vrrptest.Host{}, journal: &journal{held: map[string]bool{}}}
	h := &slowHost{Host: n.host, takes: takes, added: make(map[netip.Addr]time.Time)}
	n.network = h
	n.host.Plug(2, "eth0", w, "10.0.0.1/24")
	n.run()
	return n, h
}

// withAddresses is an instance with n addresses of network 10.<vrid>.0.0.
func withAddresses(name string, vrid uint8, n int) *conf.Instance {
	var list []string
	for a := range n {
		list = append(list, fmt.Sprintf("10.%d.0.%d/32", vrid, a+1))
	}
	return with(instance(name, 150, list[0]), func(i *conf.Instance) {
		i.VRID = vrid
		for _, text := range list[1:] {
			i.ExcludedAddresses = append(i.ExcludedAddresses, on("eth0", text))
		}
		i.GARP = conf.GARP{MasterRepeat: 2}
	})
}

// TestAnAddressIsAnnouncedWhenItIsThere: of many addresses none waits for the last
// one, each is announced as often as was asked for, and instances are served in the
// order in which they became MASTER, also one that has its addresses looked after
// meanwhile.
func TestAnAddressIsAnnouncedWhenItIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const each, takes, burst = 40, 10 * time.Millisecond, 16
		w := &vrrptest.Wire{}
		a, host := newSlowNode(t, w, takes)
		instances := []*conf.Instance{withAddresses("VI_1", 11, each), withAddresses("VI_2", 12, each),
			withAddresses("VI_3", 13, each)}
		for n, i := range instances {
			i.Priority += 10 * uint8(len(instances)-n) // the first becomes MASTER first
		}
		a.apply(instances...)
		a.engine.AllowMaster()
		after(downInterval(time.Second, 150) + each*takes/2)
		for _, i := range instances {
			a.want(i.Name, event.Master)
		}
		a.host.SetHardwareAddr("eth0", []byte{2, 9, 9, 9, 9, 9}) // every instance is evaluated anew
		after(4 * each * takes)
		announced := make(map[netip.Addr][]time.Time)
		for _, x := range w.Announcements() {
			announced[x.Addr] = append(announced[x.Addr], x.At)
		}
		for n, address := range host.order {
			if vrid := byte(11 + n/each); address.As4()[1] != vrid {
				t.Fatalf("address %d to be added is %s, want one of virtual router %d", n+1, address, vrid)
			}
			times := announced[address]
			if len(times) < 2 || len(times) > 4 {
				t.Errorf("%s was announced %d times", address, len(times))
				continue
			}
			if wait := times[0].Sub(host.added[address]); wait > burst*takes {
				t.Errorf("%s was announced %v after the kernel had it", address, wait)
			}
		}
		if len(host.order) != len(instances)*each {
			t.Errorf("%d addresses were added, want %d", len(host.order), len(instances)*each)
		}
	})
}

// TestAnAddressThatComesBackEndsNoAnnouncement: with a distance between
// announcements the others' still wait when one that somebody has removed is
// announced.
func TestAnAddressThatComesBackEndsNoAnnouncement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const each = 30
		w := &vrrptest.Wire{}
		a := newNode(t, w, "10.0.0.1/24")
		a.applyConfig(&conf.Config{
			Global:    conf.Global{GARPInterval: 100 * time.Millisecond},
			Instances: []*conf.Instance{withAddresses("VI", 11, each)},
		}, nil)
		a.engine.AllowMaster()
		after(downInterval(time.Second, 150) + 500*time.Millisecond)
		a.want("VI", event.Master)
		a.host.Take("eth0", "10.11.0.1/32")
		after(20 * time.Second)
		announced := make(map[netip.Addr]int)
		for _, x := range w.Announcements() {
			announced[x.Addr]++
		}
		for n := range each {
			address := netip.AddrFrom4([4]byte{10, 11, 0, byte(n + 1)})
			want := 2
			if n == 0 {
				want = 4
			}
			if announced[address] != want {
				t.Errorf("%s was announced %d times, want %d", address, announced[address], want)
			}
		}
	})
}
