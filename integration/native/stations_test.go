//go:build linux

package native_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// station is one of any number of routers of one virtual router on a network.
type station struct {
	host      *lab.Host
	site      *pair.Site // whose virtual addresses it has
	config    pair.Config
	start     func()
	terminate func()
	daemon    func() *pair.Daemon // nil of FRR
	holds     func() bool
	ready     func() bool // it takes part; nil when that cannot be seen
}

// stations are routers on one network, the best first.
type stations struct {
	lab  *lab.Lab
	list []*station
}

// newStations makes routers of the given kinds ("director", "keepalived" or
// "frr") with falling priorities; none runs yet.
func newStations(t *testing.T, kinds string, version int, interval time.Duration, options ...string) *stations {
	t.Helper()
	return newStationsOn(t, &pair.Site{Method: pair.DR}, kinds, version, interval, options...)
}

// newStationsOn is newStations for a virtual router with the addresses of a
// site.
func newStationsOn(t *testing.T, site *pair.Site, kinds string, version int, interval time.Duration,
	options ...string) *stations {
	t.Helper()
	stage.Require(t)
	l := lab.New(t)
	front := l.Network("front")
	s := &stations{lab: l}
	for i, kind := range strings.Fields(kinds) {
		h := l.Host(fmt.Sprintf("%s%d", kind, i+1))
		h.Attach(front, "eth0", pair.DirectorAddress(i)+"/24")
		if site.IPv6 {
			h.Address("eth0", pair.GlobalAddress(i)+"/64")
		}
		st := &station{host: h, site: site, config: pair.Config{
			RouterID: h.Name, Version: version, Priority: 200 - 50*i, Interval: interval, State: "BACKUP", Options: options,
		}}
		switch kind {
		case "frr":
			st.runFRR(t, stage.FRR(t))
		case "director":
			st.run(t, stage.Director())
			start, began := st.start, time.Time{}
			st.start = func() { began = time.Now(); start() }
			st.ready = func() bool { return st.daemon().Printed(began, "state changed") }
		case "keepalived":
			st.run(t, stage.Keepalived())
		}
		s.list = append(s.list, st)
	}
	return s
}

func (st *station) run(t *testing.T, kind pair.Kind) {
	var daemon *pair.Daemon
	st.start = func() {
		daemon = pair.Start(t, kind, st.host, st.config.Text(st.site))
	}
	st.terminate = func() {
		daemon.Terminate()
		daemon.WaitEnd(5 * time.Second)
	}
	st.daemon = func() *pair.Daemon { return daemon }
	st.holds = func() bool { return st.host.HasAddress("eth0", st.vip()) }
}

func (st *station) vip() string {
	if st.site.IPv6 {
		return pair.VIP6
	}
	return pair.VIP
}

func (st *station) runFRR(t *testing.T, frr pair.FRR) {
	var router *pair.FRRRouter
	st.start = func() {
		router = pair.StartFRR(t, frr, st.host, pair.FRRConfig{
			Version: st.config.Version, VRID: 51, Priority: st.config.Priority, Interval: st.config.Interval,
			IPv6: st.site.IPv6, Address: st.vip(), LinkLocal: pair.LinkLocalVIP,
		})
	}
	st.terminate = func() { router.Stop(5 * time.Second) }
	st.holds = func() bool { return router != nil && router.IsMaster() }
}

// alone reports whether router i, and no other, holds the virtual address.
func (s *stations) alone(i int) bool {
	for n, st := range s.list {
		if st.host.On() && st.holds() != (n == i) {
			return false
		}
	}
	return true
}

func (s *stations) untilAlone(i int, limit time.Duration) {
	s.lab.Until(limit, s.list[i].host.Name+" alone is master", func() bool { return s.alone(i) })
}

func (s *stations) steadyAlone(i int, length time.Duration) {
	s.lab.Steady(length, s.list[i].host.Name+" alone is master", func() bool { return s.alone(i) })
}

// startAll starts the routers, the best first, and waits until it is master.
func (s *stations) startAll() {
	for _, st := range s.list {
		st.start()
		if st.ready != nil {
			s.lab.Until(15*time.Second, st.host.Name+" takes part", st.ready)
		}
		s.untilAlone(0, 15*time.Second)
	}
	s.steadyAlone(0, s.list[0].config.MasterDownInterval()+slack)
}

// advertised returns what router i has sent since a moment, as seen on its own
// interface; heard what it has heard.
func (s *stations) advertised(i int, since time.Time) []pair.Advertisement {
	return slices.DeleteFunc(pair.Advertisements(s.list[i].host.Capture("eth0"), since),
		func(a pair.Advertisement) bool { return !a.Outgoing })
}

func (s *stations) heard(i int) []pair.Advertisement {
	return slices.DeleteFunc(pair.Advertisements(s.list[i].host.Capture("eth0"), time.Time{}),
		func(a pair.Advertisement) bool { return a.Outgoing })
}
