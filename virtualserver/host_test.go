package virtualserver_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver"
	"github.com/lvs-director/director/virtualserver/ipvs/ipvstest"
	"github.com/lvs-director/director/virtualserver/table"
)

func (r *rig) roles() string {
	synctest.Wait()
	var words []string
	all, _ := r.kernel.Daemons()
	for _, d := range all {
		words = append(words, d.Role.String())
	}
	return strings.Join(words, " ")
}

// The sync daemon follows the instance, whatever ran before (keepalived #1337).
func TestSyncDaemonFollowsTheInstance(t *testing.T) {
	bubble(t, func(t *testing.T) {
		kernel, j := ipvstest.NewFake(), newJournal()
		r := start(t, kernel, j)
		r.global.LVSSync = conf.LVSSync{Interface: "eth1", Instance: "V", ID: 7}
		vs := virtual(vip, a)
		r.apply(1, nil, vs)
		if got := r.roles(); got != "backup" {
			t.Fatalf("before anything is known: %q", got)
		}
		for i, state := range []event.VRRPState{event.Master, event.Backup, event.Master, event.Fault, event.Master} {
			r.loop.Follow(state)
			want := "backup"
			if state == event.Master {
				want = "master"
			}
			if got := r.roles(); got != want {
				t.Errorf("%d, %s: %q", i, state, got)
			}
		}
		// Somebody stops it; another worker finds what an earlier one has started.
		if err := kernel.StopDaemon(table.SyncMaster); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := r.roles(); got != "master" {
			t.Errorf("stopped by somebody else: %q", got)
		}
		r.loop.Stop(true)
		r = start(t, kernel, j)
		r.loop.Follow(event.Backup)
		r.apply(1, nil, vs) // lvs_sync_daemon was removed from the file
		if got := r.roles(); got != "" {
			t.Errorf("no longer wanted: %q", got)
		}
		r.global.LVSSync = conf.LVSSync{Interface: "eth1", ID: 7}
		r.apply(2, nil, vs)
		if got := r.roles(); got != "master backup" {
			t.Errorf("without inst: %q", got)
		}
		r.loop.Stop(false)
		if got := r.roles(); got != "" || len(j.Held()) != 0 {
			t.Errorf("after a stop: %q, journal %q", got, j.Held())
		}
	})
}

func TestSyncDaemonOnAMissingInterface(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		r.global.LVSSync = conf.LVSSync{Interface: "missing"}
		r.apply(1, nil, virtual(vip, a))
		time.Sleep(10 * time.Second)
		if l := r.lastLoaded(); l.Error != "" || l.Refused != "" || l.Host == "" {
			t.Errorf("loaded %+v", l)
		}
		if lines := r.lines("failed to configure IPVS"); len(lines) != 1 {
			t.Errorf("log %q", lines)
		}
		r.expect(tables{vip: {a: 1}})
	})
}

// Settings are made after IPVS is there, and have their old value at the end, also
// after a crash (kube-vip #895).
func TestSettingsOfIPVS(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const sloppy, threshold = "/proc/sys/net/ipv4/vs/sloppy_tcp", "/proc/sys/net/ipv4/vs/sync_threshold"
		kernel, j := ipvstest.NewFake(), newJournal()
		r := start(t, kernel, j)
		r.files[sloppy], r.files[threshold] = "0\n", "3\t50\n"
		r.global.IPVS = []conf.Sysctl{{Name: "sloppy_tcp", Value: "1"}, {Name: "sync_threshold", Value: "3 50"}}
		vs := virtual(vip, a)
		r.apply(1, nil, vs)
		if got := r.files[sloppy]; got != "1" {
			t.Errorf("sloppy_tcp is %q", got)
		}
		if got := r.files[threshold]; got != "3\t50\n" {
			t.Errorf("sync_threshold was written though it is right: %q", got)
		}
		r.loop.Stop(true)
		files := r.files
		r = start(t, kernel, j)
		r.files = files
		r.global.IPVS = nil
		r.apply(1, nil, vs)
		if got := r.files[sloppy]; got != "0" {
			t.Errorf("after a crash and without the word: sloppy_tcp is %q", got)
		}
		r.global.IPVS = []conf.Sysctl{{Name: "sloppy_tcp", Value: "1"}, {Name: "est_nice", Value: "5"}}
		r.apply(2, nil, vs)
		if l := r.lastLoaded(); l.Refused != "" || !strings.Contains(l.Host, "est_nice") {
			t.Errorf("loaded %+v", l)
		}
		r.loop.Stop(false)
		if got := r.files[sloppy]; got != "0" || len(j.Held()) != 0 {
			t.Errorf("after a stop: sloppy_tcp is %q, journal %q", got, j.Held())
		}
	})
}

func TestTimeoutsOfConnections(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		before, _ := r.kernel.Timeouts()
		r.global.LVSTimeouts = conf.LVSTimeouts{UDP: 30 * time.Second}
		r.apply(1, nil, virtual(vip, a))
		want := before
		want.UDP = 30 * time.Second
		if got, _ := r.kernel.Timeouts(); got != want {
			t.Errorf("timeouts %+v, want %+v", got, want)
		}
	})
}

func TestFlush(t *testing.T) {
	for _, test := range []struct {
		name        string
		fresh       bool
		onStop      string
		start, stop tables
	}{
		{"at the start of director", true, "", tables{vip: {a: 1}}, tables{}},
		{"not when a worker starts again", false, "", tables{vip: {a: 1}, vip2: {c: 5}}, tables{vip2: {c: 5}}},
		{"at the stop", false, "all", tables{vip: {a: 1}, vip2: {c: 5}}, tables{}},
		{"at the stop, ours", false, "VS", tables{vip: {a: 1}, vip2: {c: 5}}, tables{vip2: {c: 5}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				kernel := ipvstest.NewFake()
				others := virtual(vip2, c)
				if err := kernel.Do(foreign(table.NewService, others, "", 0),
					foreign(table.NewDestination, others, c, 5)); err != nil {
					t.Fatal(err)
				}
				r := start(t, kernel, newJournal())
				cfg := &conf.Config{VirtualServers: []*conf.VirtualServer{virtual(vip, a)}}
				cfg.Global.LVSFlush, cfg.Global.LVSFlushOn = true, test.onStop
				r.loop.Apply(cfg, virtualserver.Known{Fresh: test.fresh}, 1)
				r.expect(test.start)
				r.loop.Stop(false)
				r.expect(test.stop)
			})
		})
	}
}

// The tables of two directors of which one was started while a server was down.
func TestAServerThatIsDownAtTheStartHasItsPlace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		vs := virtual(vip, a, b)
		vs.Scheduler, vs.RealServers[0].Weight = "mh", 3
		r := start(t, ipvstest.NewFake(), newJournal())
		r.apply(1, []event.RealServerState{verdict(vs, 0, false)}, vs)
		// It has no scheduler while a server that is down has a weight.
		r.expectDone("add virtual server [10.0.0.1]:tcp:80 scheduler none flags 0x8",
			"add real server [10.1.0.1]:80 of [10.0.0.1]:tcp:80 DR weight 3",
			"change real server [10.1.0.1]:80 of [10.0.0.1]:tcp:80 DR weight 0",
			"add real server [10.1.0.2]:80 of [10.0.0.1]:tcp:80 DR weight 1",
			"change virtual server [10.0.0.1]:tcp:80 scheduler mh flags 0x8")
		// Another place while it is down: the kernel deals slots by the last weight.
		heavier := virtual(vip, a, b)
		heavier.Scheduler, heavier.RealServers[0].Weight = "mh", 5
		r.apply(2, nil, heavier)
		r.expectDone("change real server [10.1.0.1]:80 of [10.0.0.1]:tcp:80 DR weight 5",
			"change real server [10.1.0.1]:80 of [10.0.0.1]:tcp:80 DR weight 0")
	})
}

// A module that is missing: one service has an error, the others serve.
func TestAMissingScheduler(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		r.kernel.WithoutModule("mh")
		good := virtual(vip, a)
		bad := virtual(vip2, a)
		bad.Scheduler = "mh"
		r.apply(1, nil, good, bad)
		r.expect(tables{vip: {a: 1}})
		if s := r.state(bad); s.Error == "" || s.Quorum {
			t.Errorf("state %+v", s)
		}
		if s := r.state(good); s.Error != "" || !s.Quorum {
			t.Errorf("state %+v", s)
		}
		time.Sleep(10 * time.Minute)
		if lines := r.lines("failed to configure a virtual server"); len(lines) != 1 {
			t.Errorf("log %q", lines)
		}
		r.kernel.WithModule("mh")
		time.Sleep(time.Minute)
		r.expect(tables{vip: {a: 1}, vip2: {a: 1}})
		if s := r.state(bad); s.Error != "" || !s.Quorum {
			t.Errorf("with the module: state %+v", s)
		}
	})
}

// Full NAT on a kernel whose IPVS cannot track connections: it has the error, others serve.
func TestFullNATWithoutConnectionTracking(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		plain, full := virtual(vip, a), virtual(vip2, a)
		full.RealServers[0].Forward = conf.FNAT
		r.apply(1, nil, plain, full)
		if s := r.state(full); !strings.Contains(s.Error, "net.ipv4.vs.conntrack") {
			t.Errorf("state %+v", s)
		}
		if s := r.state(plain); s.Error != "" {
			t.Errorf("state %+v", s)
		}
		time.Sleep(10 * time.Minute)
		if lines := r.lines("net.ipv4.vs.conntrack"); len(lines) != 1 {
			t.Errorf("log %q", lines)
		}
		r.mu.Lock()
		r.files["/proc/sys/net/ipv4/vs/conntrack"] = "0"
		r.mu.Unlock()
		time.Sleep(time.Minute)
		if s := r.state(full); s.Error != "" {
			t.Errorf("with the setting: state %+v", s)
		}
	})
}

// Settings and sync daemons that something else changes again and again are put back
// with pauses, and are a problem that is told.
func TestFightsOverTheHost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		kernel := ipvstest.NewFake()
		r := start(t, kernel, newJournal())
		r.global.LVSSync = conf.LVSSync{Interface: "eth1", ID: 7}
		r.apply(1, nil, virtual(vip, a))
		for range 60 {
			_ = kernel.StopDaemon(table.SyncMaster)
			time.Sleep(time.Second)
		}
		if n := len(r.lines("sync daemon started")); n > 12 {
			t.Errorf("%d starts in a minute", n)
		}
		if n := len(r.lines("sync daemon again and again")); n == 0 {
			t.Error("the fight is no problem")
		}
	})
}

// Status shows the order of the kernel's servers with mh, for a comparison of two
// directors: the same one, whatever the order in the file.
func TestTheOrderOfMHIsShown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		shown := func(servers ...string) string {
			r := start(t, ipvstest.NewFake(), newJournal())
			vs := virtual(vip, servers...)
			vs.Scheduler = "mh"
			r.apply(1, nil, vs)
			r.loop.Verdict(verdict(vs, 0, false)) // a server that is down keeps its place
			time.Sleep(2 * time.Second)
			synctest.Wait()
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.tables[vs.String()].Words
		}
		one, same, other := shown(a, b, c), shown(c, a, b), shown(a, b)
		if one != same || one == other || !strings.Contains(one, " order ") {
			t.Errorf("%q, %q, %q", one, same, other)
		}
	})
}

// What a reload changes again and again is director's own doing, and a sync daemon that
// could not be started is no problem any more as soon as it runs.
func TestNoFightWithOneself(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		r.files["/proc/sys/net/ipv4/vs/sloppy_tcp"] = "0\n"
		r.global.LVSSync = conf.LVSSync{Interface: "missing", ID: 7}
		r.apply(1, nil, virtual(vip, a))
		time.Sleep(10 * time.Second)
		if got := r.lastLoaded().Host; got == "" {
			t.Error("a sync daemon on an interface that is not there is no problem")
		}
		r.global.LVSSync.Interface = "eth1"
		for n := range uint64(10) {
			r.global.IPVS = []conf.Sysctl{{Name: "sloppy_tcp", Value: []string{"0", "1"}[n%2]}}
			r.apply(2+n, nil, virtual(vip, a))
			time.Sleep(2 * time.Second)
			if got := r.lastLoaded().Host; got != "" {
				t.Errorf("reload %d: %s", n, got)
			}
		}
	})
}

// With an announce block a connection may come from another director: the settings for that are made, unless
// the ipvs block says otherwise, and restored.
func TestSettingsOfAnnounce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		const dir = "/proc/sys/net/ipv4/vs/"
		for _, name := range []string{"sloppy_tcp", "schedule_icmp"} {
			r.files[dir+name] = "0"
		}
		expect := func(when, sloppy, icmp string) {
			t.Helper()
			synctest.Wait()
			r.mu.Lock()
			defer r.mu.Unlock()
			if s, i := r.files[dir+"sloppy_tcp"], r.files[dir+"schedule_icmp"]; s != sloppy || i != icmp {
				t.Errorf("%s: sloppy_tcp %s, schedule_icmp %s, want %s and %s", when, s, i, sloppy, icmp)
			}
		}
		apply := func(generation uint64, announces []*conf.Announce, settings ...conf.Sysctl) {
			r.loop.Apply(&conf.Config{VirtualServers: []*conf.VirtualServer{virtual(vip, a)}, Announces: announces,
				Global: conf.Global{IPVS: settings}}, virtualserver.Known{}, generation)
		}
		announces := []*conf.Announce{{Name: "A"}}
		apply(1, announces)
		expect("with announce", "1", "1")
		apply(2, nil)
		expect("without", "0", "0")
		apply(3, announces, conf.Sysctl{Name: "schedule_icmp", Value: "0"})
		expect("with schedule_icmp 0", "1", "0")
		r.loop.Stop(false)
		expect("after the stop", "0", "0")
	})
}
