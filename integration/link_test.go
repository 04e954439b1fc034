//go:build linux

package integration_test

import (
	"testing"
	"time"

	"github.com/lvs-director/director/integration/pair"
)

// TestInterfaceDown: the master loses a cable, on the side of its virtual
// router or on the tracked inside. The backup takes over, and gives back when
// the cable is back.
func TestInterfaceDown(t *testing.T) {
	for _, iface := range []string{"eth0", "eth1"} {
		t.Run(iface, func(t *testing.T) {
			forKinds(t, func(t *testing.T, kind pair.Kind) {
				site := pair.New(t, pair.NAT, 2)
				r := site.Run(t, both(kind), nil)

				broken := time.Now()
				r.Dirs[0].Unplug(iface)
				expectTakeover(t, r, iface+" unplugged", broken)
				r.Lab.Until(2*time.Second, "dir1 holds no virtual address", func() bool { return !r.HoldsAny(0) })

				back := time.Now()
				r.Dirs[0].Plug(iface)
				r.UntilMaster(0, 20*time.Second)
				r.UntilAnswered(5 * time.Second)
				expectSmooth(t, r, iface+" back", back)
			})
		})
	}
}

// TestReturnOfTheBetterMaster: a better director that comes back takes over
// at once, unless it is configured not to (nopreempt).
func TestReturnOfTheBetterMaster(t *testing.T) {
	for _, options := range [][]string{nil, {"nopreempt"}} {
		name := "preempt"
		if options != nil {
			name = options[0]
		}
		t.Run(name, func(t *testing.T) {
			forKinds(t, func(t *testing.T, kind pair.Kind) {
				site := pair.New(t, pair.NAT, 2)
				r := site.Run(t, both(kind), func(_ int, c *pair.Config) { c.Options = options })
				r.Dirs[0].Crash()
				r.UntilMaster(1, r.Configs[1].MasterDownInterval()+slack)
				r.UntilAnswered(5 * time.Second)

				back := time.Now()
				r.Dirs[0].Boot()
				r.StartDaemon(0, kind)
				if options == nil {
					r.UntilMaster(0, 20*time.Second)
					r.UntilAnswered(5 * time.Second)
					expectSmooth(t, r, "return with preemption", back)
					return
				}
				r.Lab.Steady(8*time.Second, "dir2 stays MASTER", func() bool { return r.Holds(1) && !r.HoldsAny(0) })
				expectAnswered(t, r, "return without preemption", r.Web.Between(back, time.Now()), 0)
			})
		})
	}
}
