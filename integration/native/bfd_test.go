//go:build linux

package native_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// bfdLab is a director and a neighbor on one network.
type bfdLab struct {
	*lab.Lab
	t           *testing.T
	front       *lab.Network
	here, there *lab.Host
	director    *pair.Daemon
	peers       pair.BFDDaemons
}

const (
	bfdHere, bfdThere   = "10.1.0.1", "10.1.0.2"
	bfdHere6, bfdThere6 = "2001:db8:1::1", "2001:db8:1::2"
)

func newBFDLab(t *testing.T) *bfdLab {
	t.Helper()
	stage.Require(t)
	b := &bfdLab{t: t, peers: stage.BFDDaemons(t), Lab: lab.New(t)}
	b.front = b.Network("front")
	b.here, b.there = b.Host("director"), b.Host("neighbor")
	b.here.Attach(b.front, "eth0", bfdHere+"/24")
	b.there.Attach(b.front, "eth0", bfdThere+"/24")
	b.here.Address("eth0", bfdHere6+"/64")
	b.there.Address("eth0", bfdThere6+"/64")
	return b
}

const bfdGlobal = "global_defs {\n    router_id here\n}\n"

// bfdSession is a bfd_instance with quick parameters, and further lines.
func bfdSession(name, neighbor string, lines ...string) string {
	for _, quick := range []string{"min_tx 100", "min_rx 100", "multiplier 3"} {
		word, _, _ := strings.Cut(quick, " ")
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, word+" ") }) {
			lines = append(lines, quick)
		}
	}
	return fmt.Sprintf("bfd_instance %s {\n    neighbor_ip %s\n    %s\n}\n", name, neighbor, strings.Join(lines, "\n    "))
}

// bfdInstance is a vrrp_instance that tracks a session.
func bfdInstance(name, weight string) string {
	return fmt.Sprintf("vrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n"+
		"    advert_int 0.1\n    version 3\n    virtual_ipaddress {\n        10.1.0.100/24\n    }\n"+
		"    track_bfd {\n        %s %s\n    }\n}\n", name, weight)
}

func (b *bfdLab) start(text string) {
	b.t.Helper()
	b.director = pair.Start(b.t, stage.Director(), b.here, bfdGlobal+text)
}

func (b *bfdLab) reload(text string) { b.t.Helper(); b.director.Reload(bfdGlobal + text) }

// bfdStatus is what director says of a session.
type bfdStatus struct {
	Name          string  `json:"name"`
	State         string  `json:"state"`
	Diagnostic    string  `json:"diagnostic"`
	RemoteState   string  `json:"remote_state"`
	Interval      float64 `json:"interval"`
	DetectionTime float64 `json:"detection_time"`
	Downs         int     `json:"downs"`
	Discriminator uint32  `json:"discriminator"`
	Counters      struct {
		Dropped map[string]int `json:"dropped"`
	} `json:"counters"`
}

// status is the whole status, as far as these tests look at it.
func (b *bfdLab) status() (s struct {
	Sessions  []bfdStatus `json:"bfd_sessions"`
	Instances []struct {
		State    string `json:"state"`
		Priority int    `json:"priority"`
		Reason   string `json:"reason"`
	} `json:"instances"`
	Problems []struct {
		Text string `json:"text"`
	} `json:"problems"`
}) {
	out, err := b.here.Output(append(b.director.StatusCommand(), "--json")...)
	if at := strings.Index(out, "{"); at >= 0 {
		err = json.Unmarshal([]byte(out[at:]), &s)
	}
	if err != nil {
		b.t.Logf("no status: %v\n%s", err, out)
	}
	return s
}

// session is what director says of one.
func (b *bfdLab) session(name string) bfdStatus {
	for _, s := range b.status().Sessions {
		if s.Name == name {
			return s
		}
	}
	return bfdStatus{}
}

func (b *bfdLab) untilState(name, state string, limit time.Duration) {
	b.t.Helper()
	b.Until(limit, "session "+name+" is "+state, func() bool { return b.session(name).State == state })
}

func (b *bfdLab) untilInstance(state string, limit time.Duration) {
	b.t.Helper()
	b.Until(limit, "the instance is "+state, func() bool {
		i := b.status().Instances
		return len(i) == 1 && i[0].State == state
	})
}

// ask asks director something.
func (b *bfdLab) ask(words ...string) string {
	b.t.Helper()
	out, err := b.here.Output(b.director.AskCommand(words...)...)
	if err != nil {
		b.t.Errorf("director %v: %v\n%s", words, err, out)
	}
	return out
}

// why waits until director says that the instance is as it is because of that.
func (b *bfdLab) why(want ...string) {
	b.t.Helper()
	var last string
	defer func() {
		if b.t.Failed() {
			b.t.Logf("why VI_1 says\n%s", last)
		}
	}()
	b.Until(5*time.Second, "director why VI_1 names the session", func() bool {
		last = b.ask("why", "VI_1")
		return !slices.ContainsFunc(want, func(w string) bool { return !strings.Contains(last, w) })
	})
}

// bfdd is the configuration of FRR's bfdd for one peer.
func bfdd(peer string, milliseconds, multiplier int, lines ...string) string {
	return fmt.Sprintf("bfd\n peer %s\n  receive-interval %d\n  transmit-interval %d\n  detect-multiplier %d\n"+
		"  %s\n exit\nexit\n", peer, milliseconds, milliseconds, multiplier, strings.Join(lines, "\n  "))
}

// TestBFDWithFRR is the life of a session with bfdd, that an instance tracks: up, other parameters on
// either side, bfdd killed and started again, the worker killed, taken out of service on either side.
func TestBFDWithFRR(t *testing.T) {
	b := newBFDLab(t)
	peer := pair.StartBFDd(t, b.peers, b.there, bfdd(bfdHere, 300, 3))
	text := bfdSession("r1", bfdThere) + bfdInstance("r1", "")
	b.start(text)
	up := func(limit time.Duration) {
		t.Helper()
		b.Until(limit, "bfdd says that the session is up", func() bool { return peer.Peer(bfdHere).Status == "up" })
		b.untilState("r1", "Up", 5*time.Second)
	}
	up(20 * time.Second)
	b.untilInstance("MASTER", 10*time.Second)
	if p := peer.Peer(bfdHere); p.RemoteTx != 100 || p.RemoteRx != 100 || p.RemoteMult != 3 {
		t.Errorf("bfdd knows us as %+v", p)
	}
	b.Until(5*time.Second, "the session has an interval of 0.3 s and a detection time of 0.9 s", func() bool {
		s := b.session("r1")
		return s.Interval == 0.3 && s.DetectionTime == 0.9
	})

	// A reload with other parameters, and others of bfdd, leave it up.
	before := b.session("r1")
	b.reload(bfdSession("r1", bfdThere, "min_tx 500", "min_rx 50") + bfdInstance("r1", ""))
	b.Until(10*time.Second, "bfdd is told of other parameters", func() bool {
		p := peer.Peer(bfdHere)
		return p.RemoteTx == 500 && p.RemoteRx == 50
	})
	if _, err := peer.Vtysh("configure terminal", "bfd", "peer "+bfdHere, "receive-interval 200", "transmit-interval 200",
		"detect-multiplier 5"); err != nil {
		t.Fatal(err)
	}
	b.Until(10*time.Second, "the session has bfdd's parameters", func() bool {
		s := b.session("r1")
		return s.Interval == 0.5 && s.DetectionTime == 1.0
	})
	b.reload(text)
	b.Until(10*time.Second, "the session is as before", func() bool { return b.session("r1").Interval == 0.2 })

	// The worker dies: the next one goes on with the session.
	b.director.KillWorker(pair.VRRP)
	b.Steady(2*time.Second, "bfdd has the session up", func() bool { return peer.Peer(bfdHere).Status == "up" })
	if n := peer.Downs(bfdHere); n != 0 {
		t.Errorf("bfdd has seen the session down %d times", n)
	}
	if s := b.session("r1"); s.Downs != 0 || s.Discriminator != before.Discriminator {
		t.Errorf("the session is %+v, was %+v", s, before)
	}

	// The program is replaced, and with it all processes.
	other := t.TempDir() + "/director"
	install(t, other, stage.Director().Path)
	worker := b.director.Worker(pair.VRRP)
	b.ask("upgrade", "--binary", other)
	b.Until(20*time.Second, "there is another vrrp worker", func() bool {
		pid := b.director.Worker(pair.VRRP)
		return pid != 0 && pid != worker
	})
	b.Steady(2*time.Second, "bfdd has the session up", func() bool { return peer.Peer(bfdHere).Status == "up" })
	if n := peer.Downs(bfdHere); n != 0 {
		t.Errorf("bfdd has seen the session down %d times in an upgrade", n)
	}
	if s := b.session("r1"); s.Downs != 0 || s.Discriminator != before.Discriminator {
		t.Errorf("after an upgrade the session is %+v, was %+v", s, before)
	}
	b.untilInstance("MASTER", 5*time.Second)

	// bfdd dies, and comes back.
	peer.KillAndWait()
	b.untilState("r1", "Down", 3*time.Second)
	b.untilInstance("FAULT", time.Second)
	b.why("BFD session r1", "control detection time expired")
	if s := b.session("r1"); s.Diagnostic != "control detection time expired" {
		t.Errorf("down because of %q", s.Diagnostic)
	}
	peer.Again(bfdd(bfdHere, 300, 3))
	up(10 * time.Second)
	b.untilInstance("MASTER", 10*time.Second)

	// bfdd takes the session out of service.
	if _, err := peer.Vtysh("configure terminal", "bfd", "peer "+bfdHere, "shutdown"); err != nil {
		t.Fatal(err)
	}
	b.untilState("r1", "Down", 5*time.Second)
	if s := b.session("r1"); s.RemoteState != "AdminDown" {
		t.Errorf("taken out of service by bfdd: %+v", s)
	}
	if _, err := peer.Vtysh("configure terminal", "bfd", "peer "+bfdHere, "no shutdown"); err != nil {
		t.Fatal(err)
	}
	up(10 * time.Second)

	// director stops: bfdd is told so, which takes no time.
	b.director.Terminate()
	b.director.WaitEnd(10 * time.Second)
	b.Until(time.Second, "bfdd was told that the session was taken out of service", func() bool {
		p := peer.Peer(bfdHere)
		return p.Status == "down" && strings.Contains(p.Diagnostic, "neighbor")
	})
}

// TestBFDWithBIRD: both families, an upgrade of the vrrp worker's kind (it is replaced while the session lives),
// and a peer that is stopped and goes on.
func TestBFDWithBIRD(t *testing.T) {
	b := newBFDLab(t)
	text := "router id 10.1.0.2;\nprotocol device {}\nprotocol bfd {\n" +
		" interface \"*\" { interval 100 ms; multiplier 3; };\n" +
		" neighbor " + bfdHere + " dev \"eth0\";\n neighbor " + bfdHere6 + " dev \"eth0\";\n}\n"
	bird := pair.StartBIRD(t, b.peers, b.there, text)
	b.start(bfdSession("four", bfdThere) + bfdSession("six", bfdThere6))
	b.untilState("four", "Up", 20*time.Second)
	b.untilState("six", "Up", 20*time.Second)
	b.Until(5*time.Second, "BIRD says so too", func() bool {
		return bird.State(bfdHere) == "Up" && bird.State(bfdHere6) == "Up"
	})
	bird.Signal(syscall.SIGSTOP)
	b.untilState("six", "Down", 3*time.Second)
	bird.Signal(syscall.SIGCONT)
	b.untilState("four", "Up", 10*time.Second)
	b.untilState("six", "Up", 10*time.Second)
	bird.KillAndWait()
	b.untilState("four", "Down", 3*time.Second)
	bird = pair.StartBIRD(t, b.peers, b.there, text)
	b.untilState("four", "Up", 20*time.Second)
	b.untilState("six", "Up", 20*time.Second)
}

// TestBFDWithKeepalived: Debian's keepalived has BFD, of which source_ip has to be given.
func TestBFDWithKeepalived(t *testing.T) {
	b := newBFDLab(t)
	peerText := bfdGlobal + bfdSession("d", bfdHere, "source_ip "+bfdThere) +
		strings.ReplaceAll(bfdInstance("d", "weight 10"), "priority 100", "priority 50")
	peer := pair.Start(t, stage.Keepalived(), b.there, peerText)
	b.start(bfdSession("k", bfdThere, "source_ip "+bfdHere) + bfdInstance("k", "weight -20"))
	b.untilState("k", "Up", 20*time.Second)
	b.untilInstance("MASTER", 10*time.Second)
	priority := func(want int) {
		t.Helper()
		b.Until(5*time.Second, fmt.Sprint("the priority is ", want), func() bool {
			i := b.status().Instances
			return len(i) == 1 && i[0].Priority == want
		})
	}
	priority(100)
	peer.KillAll()
	b.untilState("k", "Down", 3*time.Second)
	priority(80)
	peer = pair.Start(t, stage.Keepalived(), b.there, peerText)
	b.untilState("k", "Up", 20*time.Second)
	priority(100)
	peer.Terminate()
	b.untilState("k", "Down", 10*time.Second)
}

// TestBFDPath: what the way of the packets does: one direction is cut, a packet that passes a router
// is refused on one hop and taken over several.
func TestBFDPath(t *testing.T) {
	b := newBFDLab(t)
	router := b.Host("router")
	far := b.Host("far")
	back := b.Network("back")
	router.Attach(b.front, "eth0", "10.1.0.254/24")
	router.Attach(back, "eth1", "10.2.0.254/24")
	far.Attach(back, "eth0", "10.2.0.2/24")
	router.Sysctl("net.ipv4.ip_forward", "1")
	b.here.Route("10.2.0.0/24", "10.1.0.254")
	far.Route("10.1.0.0/24", "10.2.0.254")

	near := pair.StartBFDd(t, b.peers, b.there, bfdd(bfdHere, 100, 3))
	farText := bfdd("10.1.0.1 multihop local-address 10.2.0.2", 100, 3)
	distant := pair.StartBFDd(t, b.peers, far, farText)
	b.start(bfdSession("near", bfdThere) + bfdSession("far", "10.2.0.2", "multihop", "max_hops 2", "source_ip "+bfdHere))
	b.untilState("near", "Up", 20*time.Second)
	b.untilState("far", "Up", 20*time.Second)
	b.Until(5*time.Second, "bfdd behind the router says so too", func() bool {
		list := distant.Peers()
		return len(list) == 1 && list[0].Status == "up"
	})

	// A session that allows no router refuses what has passed one.
	b.reload(bfdSession("near", bfdThere) + bfdSession("far", "10.2.0.2", "multihop", "max_hops 0", "source_ip "+bfdHere))
	b.untilState("far", "Down", 5*time.Second)
	b.Until(5*time.Second, "packets with another TTL are counted", func() bool {
		return b.session("far").Counters.Dropped["ttl"] > 0
	})
	if s := b.session("near"); s.State != "Up" || s.Downs != 0 {
		t.Errorf("another session is %+v", s)
	}

	// What the director sends is lost, and what it hears says so.
	b.here.Run("ip", "neigh", "replace", bfdThere, "lladdr", "02:00:00:00:00:99", "nud", "permanent", "dev", "eth0")
	b.untilState("near", "Init", 10*time.Second)
	if s := b.session("near"); s.Diagnostic != "neighbor signaled session down" {
		t.Errorf("who is not heard says %q", s.Diagnostic)
	}
	b.here.Run("ip", "neigh", "del", bfdThere, "dev", "eth0")
	b.untilState("near", "Up", 10*time.Second)
	b.Until(5*time.Second, "bfdd says so too", func() bool { return near.Peer(bfdHere).Status == "up" })
}

// TestBFDReload: a session that a sync group tracks is given another neighbor, one that nobody has, and goes. The
// neighbors are told, the instance is moved by what counts only, and nothing is left.
func TestBFDReload(t *testing.T) {
	b := newBFDLab(t)
	third := b.Host("third")
	third.Attach(b.front, "eth0", "10.1.0.3/24")
	first := pair.StartBFDd(t, b.peers, b.there, bfdd(bfdHere, 100, 3))
	second := pair.StartBFDd(t, b.peers, third, bfdd(bfdHere, 100, 3))
	plain := strings.ReplaceAll(bfdInstance("", ""), "track_bfd {\n         \n    }\n", "")
	group := func(lines string) string {
		return "vrrp_sync_group G {\n    group { VI_1 }\n    " + lines + "\n}\n" + plain
	}
	tracked := func(neighbor string) string { return bfdSession("r1", neighbor) + group("track_bfd { r1 }") }
	b.start(group(""))
	b.untilInstance("MASTER", 20*time.Second)
	files := func() int {
		list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", b.director.Worker(pair.VRRP)))
		if err != nil {
			t.Error(err)
		}
		return len(list)
	}
	before := files()

	b.reload(tracked(bfdThere))
	b.untilState("r1", "Up", 10*time.Second)
	b.reload(tracked("10.1.0.3"))
	b.untilState("r1", "Up", 10*time.Second)
	b.Until(5*time.Second, "the neighbors say so too", func() bool {
		p := first.Peer(bfdHere)
		return p.Status == "down" && p.RemoteDiag != "ok" && second.Peer(bfdHere).Status == "up"
	})
	if i := b.status().Instances; len(i) != 1 || i[0].State != "MASTER" {
		t.Errorf("after a reload with another neighbor: %+v", i)
	}

	b.reload(tracked("10.1.0.9"))
	b.untilInstance("FAULT", 10*time.Second)
	b.why("BFD session r1", "has not answered")
	b.reload(tracked(bfdThere))
	b.untilState("r1", "Up", 10*time.Second)
	b.untilInstance("MASTER", 10*time.Second)

	b.reload(tracked("10.1.0.9"))
	b.untilInstance("FAULT", 10*time.Second)
	b.reload(group(""))
	b.untilInstance("MASTER", 10*time.Second)
	b.Until(5*time.Second, "no socket of the sessions is left", func() bool { return files() == before })
}
