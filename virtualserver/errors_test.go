package virtualserver_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/ipvs/ipvstest"
	"github.com/lvs-director/director/virtualserver/table"
)

func TestKernelWithoutIPVS(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		r.withoutIPVS(ipvs.ErrNoIPVS)
		vs := virtual(vip, a)
		r.apply(1, nil, vs)
		// Nobody has to wait for what does not come by waiting.
		if got := r.lastLoaded(); got.Refused != ipvs.ErrNoIPVS.Error() || got.Error != "" || got.Generation != 1 {
			t.Errorf("loaded %+v", got)
		}
		if s := r.state(vs); s.Error != ipvs.ErrNoIPVS.Error() {
			t.Errorf("state %+v", s)
		}
		time.Sleep(time.Minute)
		if lines := r.lines("modprobe ip_vs"); len(lines) != 1 {
			t.Errorf("said %d times: %q", len(lines), lines)
		}
		r.withoutIPVS(nil) // modprobe ip_vs
		time.Sleep(time.Second)
		r.expect(tables{vip: {a: 1}})
		if got := r.lastLoaded(); got.Problem() != "" {
			t.Errorf("loaded %+v", got)
		}
		if s := r.state(vs); s.Error != "" || s.Repaired != 0 {
			t.Errorf("state %+v", s)
		}
	})
}

func TestRefusedServiceIsTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		bad, good := virtual(vip, repeat(100, func(i int) string { return fmt.Sprintf("10.1.0.%d:80", i+1) })...),
			virtual(vip2, c)
		var tries atomic.Int32
		r.kernel.Refuse(func(op table.Op) error {
			if op.Service.Key != bad.Key {
				return nil
			}
			tries.Add(1)
			if op.Kind == table.NewService {
				return syscall.ENOENT // no such scheduler
			}
			return syscall.ESRCH
		})
		r.apply(1, nil, bad, good)
		r.expect(tables{vip2: {c: 1}})
		if s := r.state(bad); !strings.Contains(s.Error, "add virtual server") {
			t.Errorf("state %+v", s)
		}
		if s := r.state(good); s.Error != "" {
			t.Errorf("state of the other one %+v", s)
		}
		if got := r.lastLoaded(); got.Refused == "" || got.Error != "" || got.VirtualServers != 2 {
			t.Errorf("loaded %+v", got)
		}
		tries.Store(0)
		time.Sleep(8 * time.Second)
		if n := tries.Load(); n == 0 || n > 4 {
			t.Errorf("tried %d times in 8 s, want after 1, 2 and 4 s and not its real servers", n)
		}
		if lines := r.lines("ERROR"); len(lines) != 1 {
			t.Errorf("said %d times: %q", len(lines), lines)
		}
		r.kernel.Refuse(nil)
		time.Sleep(31 * time.Second)
		if got := r.kernel.Table()[bad.Key]; len(got.Destinations) != 100 {
			t.Errorf("%d real servers after the scheduler came, want 100", len(got.Destinations))
		}
		if s := r.state(bad); s.Error != "" {
			t.Errorf("state %+v", s)
		}
		if lines := r.lines("is configured now"); len(lines) != 1 {
			t.Errorf("log %q", r.lines(""))
		}
	})
}

func TestRefusedRealServerDoesNotHinderOthers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		vs := virtual(vip, a, "224.0.0.1:80", b)
		r.apply(1, nil, vs)
		time.Sleep(10 * time.Second)
		r.expect(tables{vip: {a: 1, b: 1}})
		if s := r.state(vs); !strings.Contains(s.Error, "add real server [224.0.0.1]:80") {
			t.Errorf("state %+v", s)
		}
		if lines := r.lines("ERROR"); len(lines) != 1 {
			t.Errorf("said %d times: %q", len(lines), lines)
		}
		r.apply(2, nil, virtual(vip, a, b))
		if s := r.state(vs); s.Error != "" || r.lastLoaded().Problem() != "" {
			t.Errorf("state %+v, loaded %+v", s, r.lastLoaded())
		}
	})
}

// The kernel's table changed between the look and the operation.
func TestTableThatChangedMeanwhile(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		vs := virtual(vip, a, b)
		r.apply(1, nil, vs)
		if err := r.kernel.Do(foreign(table.DelDestination, vs, a, 0), foreign(table.NewDestination, vs, c, 1)); err != nil {
			t.Fatal(err)
		}
		r.loop.Verdict(verdict(vs, 0, false)) // removes what is gone already
		r.apply(2, nil, virtual(vip, b, c))   // adds what is there already
		r.expect(tables{vip: {b: 1, c: 1}})
		if s := r.state(vs); s.Error != "" {
			t.Errorf("state %+v", s)
		}
		r.kernel.Clear()
		r.loop.Verdict(verdict(virtual(vip, c), 0, false)) // of a service that is gone
		time.Sleep(time.Second)
		r.expect(tables{vip: {b: 1}})
		if lines := r.lines("ERROR"); len(lines) != 0 {
			t.Errorf("log %q", lines)
		}
	})
}

func TestKernelThatDoesNotAnswer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		vs := virtual(vip, a, b)
		r.apply(1, nil, vs)
		r.kernel.Break(errTest)
		r.loop.Verdict(verdict(vs, 0, false))
		time.Sleep(10 * time.Second)
		if s := r.state(vs); s.Error == "" || s.Alive != 1 {
			t.Errorf("state %+v", s)
		}
		if lines := r.lines("made to fail"); len(lines) > 2 {
			t.Errorf("said %d times: %q", len(lines), lines)
		}
		r.kernel.Break(nil)
		time.Sleep(time.Second)
		r.expect(tables{vip: {b: 1}})
		if s := r.state(vs); s.Error != "" || s.Repaired != 0 {
			t.Errorf("state %+v", s)
		}
	})
}

func TestNothingIsMadeThatCannotBeJournaled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		first := virtual(vip, a)
		r.apply(1, nil, first)
		r.journal.fail(errors.New("no space left on device"))
		second := virtual(vip2, a)
		r.apply(2, nil, virtual(vip, a, b), second)
		r.expect(tables{vip: {a: 1, b: 1}}) // what is ours goes on
		if s := r.state(second); !strings.Contains(s.Error, "no space left") {
			t.Errorf("state %+v", s)
		}
		r.journal.fail(nil)
		time.Sleep(time.Second)
		r.expect(tables{vip: {a: 1, b: 1}, vip2: {a: 1}})

		// And what is gone is struck out as soon as it can be.
		r.journal.fail(errTest)
		r.apply(3, nil, virtual(vip, a, b))
		r.expect(tables{vip: {a: 1, b: 1}})
		r.journal.fail(nil)
		time.Sleep(time.Second)
		if held := r.journal.services(); len(held) != 1 {
			t.Errorf("journal %q", held)
		}
	})
}

func TestForwardingIsMissing(t *testing.T) {
	const setting = "net.ipv4.ip_forward=1"
	for _, test := range []struct {
		name, value string
		forward     conf.ForwardMethod
		want        int
	}{
		{"NAT without forwarding", "0\n", conf.NAT, 1},
		{"NAT with forwarding", "1\n", conf.NAT, 0},
		{"DR needs none", "0\n", conf.DR, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := start(t, ipvstest.NewFake(), newJournal())
				r.files["/proc/sys/net/ipv4/ip_forward"] = test.value
				vs := virtual(vip, a)
				vs.RealServers[0].Forward = test.forward
				r.apply(1, nil, vs)
				r.apply(2, nil, vs)
				if lines := r.lines(setting); len(lines) != test.want {
					t.Errorf("said %d times, want %d: %q", len(lines), test.want, lines)
				}
			})
		})
	}
}
