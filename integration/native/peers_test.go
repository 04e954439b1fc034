//go:build linux

package native_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// crew are directors on one network, each with all others as its peers. What they are MASTER of the first one has
// while it runs.
type crew struct {
	*lab.Lab
	t       *testing.T
	hosts   []*lab.Host
	daemons []*pair.Daemon
	program []pair.Director
	bare    []bool // hosts without a service: a program of before would not start where the kernel has no IPVS
}

// crewInterval is between two advertisements.
const crewInterval = 200 * time.Millisecond

// newCrew makes the hosts lb1, lb2 and so on, each for a director of its own; none runs yet.
func newCrew(t *testing.T, programs ...pair.Director) *crew {
	t.Helper()
	stage.Require(t)
	c := &crew{Lab: lab.New(t), t: t, program: programs, daemons: make([]*pair.Daemon, len(programs)),
		bare: make([]bool, len(programs))}
	front := c.Network("front")
	for i := range programs {
		c.program[i].Named = true
		h := c.Host(fmt.Sprintf("lb%d", i+1))
		h.Attach(front, "eth0", pair.DirectorAddress(i)+"/24")
		c.hosts = append(c.hosts, h)
	}
	return c
}

// conf is the configuration of a host: one virtual address, and a service of two real servers. The table is not
// asked for: this machine's kernel may have no IPVS.
func (c *crew) conf(i int) string {
	var b strings.Builder
	for n := range c.hosts {
		if n != i {
			fmt.Fprintf(&b, "peer %s {\n    key hex:%s\n}\n", pair.DirectorAddress(n), strings.Repeat("5a", 32))
		}
	}
	fmt.Fprintf(&b, `vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    version 3
    priority %d
    advert_int %g
    virtual_ipaddress {
        %s/24
    }
}
`, 200-50*i, crewInterval.Seconds(), pair.VIP)
	if !c.bare[i] {
		fmt.Fprintf(&b, `virtual_server %s 80 {
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server 192.0.2.201 80 {
        weight 1
    }
    real_server 192.0.2.202 80 {
        weight 1
    }
}
`, pair.VIP)
	}
	return b.String()
}

func (c *crew) start(i int) {
	c.t.Helper()
	c.daemons[i] = pair.Start(c.t, c.program[i], c.hosts[i], c.conf(i))
}

// startAll starts all, the first one first, and waits until each is the peer of all others.
func (c *crew) startAll() {
	c.t.Helper()
	for i := range c.hosts {
		c.start(i)
		if i == 0 {
			c.untilMaster(0, 30*time.Second)
		}
	}
	c.untilTogether(30 * time.Second)
}

func (c *crew) ask(i int, command string) (string, error) {
	return c.hosts[i].Output(c.daemons[i].AskCommand(strings.Fields(command)...)...)
}

// says is that a command does what it should, and what it prints.
func (c *crew) says(i int, command string, want ...string) {
	c.t.Helper()
	text, err := c.ask(i, command)
	if err != nil {
		c.t.Errorf("%s: director %s: %v\n%s", c.hosts[i].Name, command, err, text)
	}
	for _, w := range want {
		if !strings.Contains(text, w) {
			c.t.Errorf("%s: director %s does not say %q:\n%s", c.hosts[i].Name, command, w, text)
		}
	}
}

// crewStatus is what of a status the tests look at.
type crewStatus struct {
	Problems []struct{ Text string }
	Peers    []struct {
		Host, Error, Version string
		Up                   bool
	}
	Overrides []struct {
		RealServer string `json:"real_server"`
		Kind       string
		Weight     int
	}
}

func (c *crew) status(i int) (s crewStatus, ok bool) {
	text, _ := c.ask(i, "status --json") // the exit status says that something is degraded
	return s, json.Unmarshal([]byte(text), &s) == nil
}

// overrides are those of a host, sorted.
func (c *crew) overrides(i int) string {
	s, ok := c.status(i)
	if !ok {
		return "no status"
	}
	var list []string
	for _, o := range s.Overrides {
		text := o.Kind + " " + o.RealServer
		if o.Kind == "weight" {
			text += fmt.Sprint(" ", o.Weight)
		}
		list = append(list, text)
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// untilOverrides waits until these hosts have these overrides and no others.
func (c *crew) untilOverrides(want string, hosts ...int) {
	c.t.Helper()
	for _, i := range hosts {
		var got string
		c.Until(25*time.Second, c.hosts[i].Name+" has the overrides "+want, func() bool {
			got = c.overrides(i)
			return got == want
		})
	}
}

// problem is whether a host has one with this text.
func (c *crew) problem(i int, text string) bool {
	s, _ := c.status(i)
	return slices.ContainsFunc(s.Problems, func(p struct{ Text string }) bool { return strings.Contains(p.Text, text) })
}

// together is whether these hosts are connected with each other. Ready they are only where the kernel has IPVS.
func (c *crew) together(hosts ...int) bool {
	for _, i := range hosts {
		s, _ := c.status(i)
		n := 0
		for _, p := range s.Peers {
			for _, other := range hosts {
				if other != i && p.Host == c.hosts[other].Name && p.Up {
					n++
				}
			}
		}
		if n != len(hosts)-1 {
			return false
		}
	}
	return true
}

func (c *crew) untilTogether(limit time.Duration) {
	c.t.Helper()
	all := make([]int, len(c.hosts))
	for i := range all {
		all[i] = i
	}
	c.Until(limit, "all know each other", func() bool { return c.together(all...) })
}

// master is whether a host alone has the address.
func (c *crew) master(i int) bool {
	for n, h := range c.hosts {
		if h.HasAddress("eth0", pair.VIP) != (n == i) {
			return false
		}
	}
	return true
}

func (c *crew) untilMaster(i int, limit time.Duration) {
	c.t.Helper()
	c.Until(limit, c.hosts[i].Name+" alone has the address", func() bool { return c.master(i) })
}

// became counts how often a host has become MASTER.
func (c *crew) became(i int) int { return strings.Count(c.daemons[i].LogText(), "to=MASTER") }

// TestThreeDirectors: each is the peer of the two others. What is asked of one holds on all, also when two of them
// cannot reach each other and only the third one knows both, and when one was away. The status of each has all.
func TestThreeDirectors(t *testing.T) {
	t.Parallel()
	c := newCrew(t, stage.Director(), stage.Director(), stage.Director())
	c.startAll()
	c.says(0, "drain 192.0.2.201 --reason disk", "here, on lb2 and on lb3")
	c.untilOverrides("drain 192.0.2.201", 0, 1, 2)
	for i := range c.hosts {
		text, _ := c.ask(i, "status --pair") // degraded where the kernel has no IPVS
		for _, want := range []string{"lb1", "lb2", "lb3", "MASTER", "BACKUP", "this host"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: status --pair does not say %q:\n%s", c.hosts[i].Name, want, text)
			}
		}
	}
	c.says(2, "undrain 192.0.2.201", "no longer drained", "here, on lb1 and on lb2")
	c.says(1, "weight 192.0.2.202 7", "here, on lb1 and on lb3")
	c.untilOverrides("weight 192.0.2.202 7", 0, 1, 2)

	// lb1 and lb3 do not reach each other but by multicast.
	cut := func(word string) {
		t.Helper()
		c.hosts[0].Run("ip", "route", word, "blackhole", pair.DirectorAddress(2)+"/32")
		c.hosts[2].Run("ip", "route", word, "blackhole", pair.DirectorAddress(0)+"/32")
	}
	cut("add")
	c.Until(30*time.Second, "lb1 and lb3 miss each other", func() bool {
		return !c.together(0, 2) && c.together(0, 1) && c.together(1, 2)
	})
	c.says(0, "drain 192.0.2.202", "lb2", "lb3 is not reachable")
	c.untilOverrides("drain 192.0.2.202, weight 192.0.2.202 7", 0, 1, 2)
	cut("del")
	if !c.master(0) {
		t.Error("lb1 is not MASTER any more")
	}

	// The MASTER dies.
	c.daemons[0].KillAll()
	c.hosts[0].Run("ip", "address", "del", pair.VIP+"/24", "dev", "eth0") // a host that is off does not have it
	c.untilMaster(1, 4*crewInterval+slack)
	c.says(2, "undrain 192.0.2.202", "here and on lb2", "lb1 is not reachable, it learns it when it is back")
	c.says(1, "weight 192.0.2.201 3")
	const want = "weight 192.0.2.201 3, weight 192.0.2.202 7"
	c.untilOverrides(want, 1, 2)
	c.start(0)
	c.untilTogether(60 * time.Second)
	c.untilOverrides(want, 0, 1, 2)
	c.untilMaster(0, 10*time.Second)
	if n := c.became(2); n != 0 {
		t.Errorf("lb3 has been MASTER %d times", n)
	}
}

// TestHalvesInTrouble: the disk of one half is full, its program is upgraded, it dies without having kept anything,
// and both are started again at once. Drains and weights end equal, nothing stays as a problem, and the address
// moves only when its MASTER has gone.
func TestHalvesInTrouble(t *testing.T) {
	t.Parallel()
	c := newCrew(t, stage.Director(), stage.Director())
	state := filepath.Join(c.hosts[1].Dir(), "state")
	if err := os.MkdirAll(state, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", state, "tmpfs", 0, "size=512k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(state, syscall.MNT_DETACH) })
	c.startAll()
	filler := filepath.Join(state, "filler")
	for err := error(nil); !errors.Is(err, syscall.ENOSPC); {
		f, open := os.OpenFile(filler, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if open != nil {
			t.Fatal(open)
		}
		_, err = f.Write(make([]byte, 4096))
		f.Close()
	}

	c.says(0, "drain 192.0.2.201", "here and on lb2")
	c.says(1, "weight 192.0.2.202 5", "here and on lb1", "a restart would not know of it")
	const both = "drain 192.0.2.201, weight 192.0.2.202 5"
	c.untilOverrides(both, 0, 1)
	c.Until(20*time.Second, "lb2 says that its disk is full", func() bool {
		return c.problem(1, "are not kept for the next start") && c.problem(1, "no space left")
	})

	// The upgrade of a half whose disk is full, and of the other one, while something is changed.
	for i := range c.hosts {
		upgrade := make(chan error, 1)
		go func() {
			text, err := c.ask(i, "upgrade")
			if err != nil {
				err = fmt.Errorf("%w: %s", err, text)
			}
			upgrade <- err
		}()
		c.says(1-i, fmt.Sprintf("weight 192.0.2.202 %d", 6+i), "has weight")
		if err := <-upgrade; err != nil {
			t.Error("director upgrade: ", err)
		}
		c.untilTogether(40 * time.Second)
		c.untilOverrides(fmt.Sprintf("drain 192.0.2.201, weight 192.0.2.202 %d", 6+i), 0, 1)
	}

	// It has kept nothing, and learns all from the other one.
	c.daemons[1].KillAll()
	c.daemons[1].WaitEnd(10 * time.Second)
	c.start(1)
	c.untilTogether(40 * time.Second)
	c.untilOverrides("drain 192.0.2.201, weight 192.0.2.202 7", 0, 1)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	c.Until(60*time.Second, "the disk of lb2 is written again", func() bool { return !c.problem(1, "no space left") })
	if !c.master(0) || c.became(0) != 1 || c.became(1) != 0 {
		t.Errorf("the address has moved:\n%s\n%s", c.daemons[0].LogText(), c.daemons[1].LogText())
	}

	// Both at once, the one gently and the other one not.
	c.says(0, "undrain 192.0.2.201", "here and on lb2")
	c.daemons[1].KillAll()
	c.daemons[0].Terminate()
	for _, d := range c.daemons {
		d.WaitEnd(20 * time.Second)
	}
	c.start(0)
	c.start(1)
	c.untilTogether(40 * time.Second)
	c.untilMaster(0, 20*time.Second)
	c.untilOverrides("weight 192.0.2.202 7", 0, 1)
	if n, m := c.became(0), c.became(1); n != 1 || m > 1 {
		t.Errorf("lb1 has become MASTER %d times, and lb2 %d times", n, m)
	}
	for i := range c.hosts {
		var left crewStatus
		c.Until(40*time.Second, "nothing of it is left on "+c.hosts[i].Name, func() bool {
			left, _ = c.status(i)
			return !slices.ContainsFunc(left.Problems, func(p struct{ Text string }) bool {
				return !strings.Contains(p.Text, "IPVS") && !strings.Contains(p.Text, "weight")
			})
		})
	}
}

// TestPeerOfAnotherRelease: the last release beside this one, either of them MASTER, and a later program beside it.
// The last release knows no peers: that the other half does not answer is said, and once. When it is upgraded the
// two talk. Programs of two versions say so, and share what is drained.
func TestPeerOfAnotherRelease(t *testing.T) {
	t.Parallel()
	later := anotherVersion(t)
	for _, old := range []int{0, 1} {
		t.Run(fmt.Sprintf("lb%d is of the last release", old+1), func(t *testing.T) {
			t.Parallel()
			this := stage.Director()
			programs := []pair.Director{this, this}
			path := filepath.Join(t.TempDir(), "director")
			install(t, path, stage.LastRelease(t).Path)
			programs[old].Path = path
			c := newCrew(t, programs...)
			c.bare[old] = true
			for i := range c.hosts {
				c.start(i)
				if i == 0 {
					c.untilMaster(0, 30*time.Second)
				}
			}
			c.Until(30*time.Second, "both take part", func() bool {
				return c.master(0) && c.daemons[1].Printed(time.Time{}, "to=BACKUP")
			})
			is := 1 - old
			c.Until(30*time.Second, "that the peer does not answer is said", func() bool {
				s, _ := c.status(is)
				return len(s.Peers) == 1 && !s.Peers[0].Up && strings.Contains(s.Peers[0].Error, "connection refused")
			})
			c.says(is, "drain 192.0.2.201", "it learns it when it is back")
			if is == 0 {
				if text, err := c.ask(0, "handover VI_1"); err == nil || !strings.Contains(text, "is not reachable") {
					t.Errorf("a handover to nobody knows what: %v\n%s", err, text)
				}
			}
			before := len(c.daemons[is].Log())
			c.Steady(10*crewInterval, "lb1 is MASTER", func() bool { return c.master(0) })
			if said := c.daemons[is].Log()[before:]; len(said) > 2 {
				t.Errorf("the log goes on: %+v", said)
			}

			// It becomes a program of another version than the other half.
			install(t, path, later)
			if text, err := c.ask(old, "upgrade"); err != nil {
				t.Fatalf("director upgrade: %v\n%s", err, text)
			}
			c.bare[old] = false
			c.daemons[old].Reload(c.conf(old))
			c.untilTogether(60 * time.Second)
			c.untilOverrides("drain 192.0.2.201", 0, 1)
			c.says(old, "undrain 192.0.2.201", "here and on "+c.hosts[is].Name)
			if !c.master(0) || c.became(1) != 0 {
				t.Errorf("the address has moved:\n%s", c.daemons[1].LogText())
			}
			// After a minute that is a problem: supervisor/pair has the rule.
			c.Until(20*time.Second, "the version of the other half is shown", func() bool {
				s, _ := c.status(is)
				return len(s.Peers) == 1 && s.Peers[0].Version == "later"
			})
		})
	}
}

// anotherVersion is this program as if it were of a later release.
func anotherVersion(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "later")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -X main.version=later", "-o", path,
		"./cmd/director")
	build.Dir, build.Env = lab.ModuleRoot(), append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return path
}
