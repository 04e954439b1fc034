package vrrp_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp"
	"github.com/lvs-director/director/vrrp/vrrptest"
)

const insideVIP = "10.1.0.100/32"

// twoLegs is a configuration with an instance on eth0, IN on eth1, and both in a group.
func twoLegs(priority uint8, change func(*conf.Config)) *conf.Config {
	inside := with(instance("IN", priority, insideVIP), func(i *conf.Instance) {
		i.Interface, i.VRID = "eth1", 11
		i.Addresses[0].Device = "eth1"
	})
	c := &conf.Config{
		Instances:  []*conf.Instance{instance("OUT", priority, vip), inside},
		SyncGroups: []*conf.SyncGroup{{Name: "G", Members: []string{"OUT", "IN"}}},
	}
	for _, i := range c.Instances {
		i.SyncGroup = "G"
	}
	if change != nil {
		change(c)
	}
	return c
}

// legs are the two segments of a pair with a group.
type legs struct{ out, in *vrrptest.Wire }

func (l legs) node(t *testing.T, host int) *node {
	t.Helper()
	n := newNode(t, l.out, fmt.Sprintf("10.0.0.%d/24", host))
	n.host.Plug(3, "eth1", l.in, fmt.Sprintf("10.1.0.%d/24", host))
	synctest.Wait() // the engine has heard of it before it is given a configuration
	return n
}

func groupPair(t *testing.T, change func(*conf.Config)) (l legs, a, b *node) {
	t.Helper()
	l = legs{&vrrptest.Wire{}, &vrrptest.Wire{}}
	a, b = l.node(t, 1), l.node(t, 2)
	a.applyConfig(twoLegs(150, change), nil)
	b.applyConfig(twoLegs(100, change), nil)
	a.engine.AllowMaster()
	b.engine.AllowMaster()
	after(10 * time.Second)
	a.wantBoth(event.Master)
	b.wantBoth(event.Backup)
	return l, a, b
}

func (n *node) wantBoth(state event.VRRPState) {
	n.t.Helper()
	n.want("OUT", state)
	n.want("IN", state)
}

// groupStates are those told of the group.
func (n *node) groupStates() []event.VRRPState {
	n.mu.Lock()
	defer n.mu.Unlock()
	var list []event.VRRPState
	for _, g := range n.groups {
		list = append(list, g.State)
	}
	return list
}

func TestGroupFailsOverAsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, a, b := groupPair(t, nil)
		a.host.SetUp("eth1", false)
		a.wantBoth(event.Fault)
		if got, want := a.state("OUT").Reason, "sync group G: IN: interface eth1 is down"; got != want {
			t.Errorf("OUT is in FAULT because %q, want %q", got, want)
		}
		after(time.Second) // its skew
		b.wantBoth(event.Master)
		a.host.SetUp("eth1", true)
		a.wantBoth(event.Backup)
		after(10 * time.Second)
		a.wantBoth(event.Master)
		b.wantBoth(event.Backup)
		if diff := cmp.Diff([]event.VRRPState{event.Backup, event.Master, event.Fault, event.Backup, event.Master},
			a.groupStates()); diff != "" {
			t.Errorf("states of the group (-want +got):\n%s", diff)
		}
		if n := len(l.out.Packets()); n == 0 {
			t.Error("nothing was sent")
		}
	})
}

// TestLargeGroup: the reasons do not pile up from member to member.
func TestLargeGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newNode(t, &vrrptest.Wire{}, "10.0.0.1/24")
		a.engine.AllowMaster()
		cfg := &conf.Config{SyncGroups: []*conf.SyncGroup{{Name: "G"}}}
		for n := range 100 {
			cfg.Instances = append(cfg.Instances, with(instance(fmt.Sprint("VI_", n), 100, fmt.Sprintf("10.0.1.%d/32", n)),
				func(i *conf.Instance) {
					i.VRID = uint8(n + 1)
				}))
			cfg.SyncGroups[0].Members = append(cfg.SyncGroups[0].Members, fmt.Sprint("VI_", n))
		}
		a.applyConfig(cfg, nil)
		after(10 * time.Second)
		led := 0
		for _, i := range cfg.Instances {
			a.want(i.Name, event.Master)
			reason := a.state(i.Name).Reason
			if strings.HasPrefix(reason, "no advertisement") {
				led++
			}
			if strings.Count(reason, "sync group") > 1 {
				t.Fatalf("%s is MASTER because %q", i.Name, reason)
			}
		}
		if led != 1 {
			t.Errorf("%d members led, want 1", led)
		}
		if diff := cmp.Diff([]event.VRRPState{event.Backup, event.Master}, a.groupStates()); diff != "" {
			t.Errorf("states of the group (-want +got):\n%s", diff)
		}
	})
}

// TestGroupYieldsAsOne: a member that hears a better router takes the other along.
func TestGroupYieldsAsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, a, b := groupPair(t, nil)
		l.in.Cut(a.host, true)
		after(10 * time.Second)
		// The worse half heard nobody on eth1 and took both; the better one won eth0 back.
		l.in.Cut(a.host, false)
		after(10 * time.Second)
		a.wantBoth(event.Master)
		b.wantBoth(event.Backup)
	})
}

func TestGroupWaitsForItsScript(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := legs{&vrrptest.Wire{}, &vrrptest.Wire{}}
		a := l.node(t, 1)
		a.engine.AllowMaster()
		a.applyConfig(twoLegs(255, func(c *conf.Config) {
			c.SyncGroups[0].TrackScripts = []conf.Track{{Name: "chk"}}
		}), nil)
		after(10 * time.Second)
		a.wantBoth(event.Init)
		a.tell("chk", true)
		a.wantBoth(event.Master)
		a.tell("chk", false)
		a.wantBoth(event.Fault)
		a.tell("chk", true)
		a.wantBoth(event.Master)
		if diff := cmp.Diff([]event.VRRPState{event.Master, event.Fault, event.Master}, a.groupStates()); diff != "" {
			t.Errorf("states of the group (-want +got):\n%s", diff)
		}
	})
}

// TestAMemberThatAReloadAddsJoins: the group stays MASTER all the time.
func TestAMemberThatAReloadAddsJoins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := legs{&vrrptest.Wire{}, &vrrptest.Wire{}}
		a := l.node(t, 1)
		a.engine.AllowMaster()
		a.applyConfig(twoLegs(150, func(c *conf.Config) { c.Instances = c.Instances[:1] }), nil)
		after(10 * time.Second)
		a.want("OUT", event.Master)
		a.applyConfig(twoLegs(150, nil), nil)
		a.wantBoth(event.Master)
		if diff := cmp.Diff([]event.VRRPState{event.Backup, event.Master}, a.groupStates()); diff != "" {
			t.Errorf("states of the group (-want +got):\n%s", diff)
		}
		a.applyConfig(twoLegs(150, func(c *conf.Config) { c.Instances = c.Instances[1:] }), nil)
		a.want("IN", event.Master)
		a.want("OUT", event.Stop)
	})
}

// TestARestartedGroupResumes: both or none.
func TestARestartedGroupResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, a, b := groupPair(t, nil)
		l.out.Cut(a.host, true)
		l.in.Cut(a.host, true)
		a.engine.Stop(false)
		l.out.Cut(a.host, false)
		l.in.Cut(a.host, false)
		a.run()
		a.applyConfig(twoLegs(150, nil), map[string]vrrp.Resume{
			"OUT": {State: event.Master, SilentFor: 100 * time.Millisecond},
			"IN":  {State: event.Master, SilentFor: 100 * time.Millisecond},
		})
		a.wantBoth(event.Master)
		after(5 * time.Second)
		b.wantBoth(event.Backup)
	})
}

// TestGroupsConverge lets two or three routers with two legs live through
// faults, lost and late packets and partitions. After quiet exactly one is
// MASTER, on both legs, and it is the best one that can be.
func TestGroupsConverge(t *testing.T) {
	seeds := uint64(60)
	if testing.Short() {
		seeds = 10
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { groupLife(t, rand.New(rand.NewPCG(seed, 0))) })
		})
	}
}

func groupLife(t *testing.T, rng *rand.Rand) {
	loss, quiet := rng.Float64()*0.5, time.Now().Add(60*time.Second)
	weather := make(chan *rand.Rand, 1)
	weather <- rng
	deliver := func(_, _ *vrrptest.Host, _ []byte) (time.Duration, bool) {
		if !time.Now().Before(quiet) {
			return time.Millisecond, true
		}
		rng := <-weather
		defer func() { weather <- rng }()
		return time.Duration(rng.Int64N(int64(300 * time.Millisecond))), rng.Float64() >= loss
	}
	l := legs{&vrrptest.Wire{Deliver: deliver}, &vrrptest.Wire{Deliver: deliver}}
	pick := func(n int) int {
		rng := <-weather
		defer func() { weather <- rng }()
		return rng.IntN(n)
	}
	var nodes []*node
	for host := range 2 + pick(2) {
		n := l.node(t, host+1)
		n.engine.AllowMaster()
		n.applyConfig(twoLegs(uint8(100+50*host), nil), nil)
		nodes = append(nodes, n)
	}
	down := make(map[*node]bool)
	for time.Now().Before(quiet) {
		n, leg := nodes[pick(len(nodes))], pick(2)
		switch pick(3) {
		case 0:
			down[n] = !down[n]
			n.host.SetUp("eth1", !down[n])
		case 1:
			[]*vrrptest.Wire{l.out, l.in}[leg].Cut(n.host, true)
		case 2:
			[]*vrrptest.Wire{l.out, l.in}[leg].Cut(n.host, false)
		}
		after(time.Duration(pick(5000)) * time.Millisecond)
		for _, n := range nodes {
			if a, b := n.state("OUT").State, n.state("IN").State; a != b {
				t.Errorf("the members of a group are %v and %v", a, b)
			}
		}
	}
	for _, n := range nodes {
		l.out.Cut(n.host, false)
		l.in.Cut(n.host, false)
	}
	after(30 * time.Second)
	best := -1
	for i, n := range nodes {
		if !down[n] {
			best = i
		}
	}
	for i, n := range nodes {
		want := event.Backup
		switch {
		case down[n]:
			want = event.Fault
		case i == best:
			want = event.Master
		}
		n.wantBoth(want)
		if got := n.groupStates(); !slices.Contains(got, event.Backup) || got[len(got)-1] != want {
			t.Errorf("the group was told %v, want %v at the end", got, want)
		}
	}
}
