package rules_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/announce/rules"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

var (
	now = time.Unix(1_700_000_000, 0)
	vip = netip.MustParseAddr("203.0.113.100")
	key = conf.ServiceKey{Protocol: conf.TCP, Address: vip, Port: 80}
)

const web = "[203.0.113.100]:tcp:80"

// block is one with everything.
func block() rules.Block {
	return rules.Block{
		Name: "vips", Device: "announce0", Addresses: []netip.Addr{vip},
		Interfaces: []rules.Interface{{Name: "eth0"}},
		Trackers: []rules.Tracker{
			{Key: rules.Key{Kind: event.TrackScript, Name: "chk"}}, {Key: rules.Key{Kind: event.TrackFile, Name: "f"}},
		},
		Servers: []string{web}, Services: []conf.ServiceKey{key},
		Lifetime: 9 * time.Second, Delay: 2 * time.Second, Grace: 30 * time.Second,
	}
}

// facts are those of a host that is ready.
func facts() rules.Facts {
	return rules.Facts{
		Interfaces: map[string]bool{"eth0": true},
		Trackers: map[rules.Key]event.TrackerState{
			{Kind: event.TrackScript, Name: "chk"}: {Kind: event.TrackScript, Name: "chk", Up: true},
			{Kind: event.TrackFile, Name: "f"}:     {Kind: event.TrackFile, Name: "f"},
		},
		Servers: map[string]rules.Server{
			web: {VirtualServerState: event.VirtualServerState{VirtualServer: web, Quorum: true, Alive: 2, Total: 2}},
		},
		Table: rules.Table{Loaded: true, Since: now},
	}
}

// TestJudge: everything that has to be so, and what is said of it otherwise.
func TestJudge(t *testing.T) {
	script := rules.Key{Kind: event.TrackScript, Name: "chk"}
	file := rules.Key{Kind: event.TrackFile, Name: "f"}
	server := func(f *rules.Facts, change func(*rules.Server)) {
		s := f.Servers[web]
		change(&s)
		f.Servers[web] = s
	}
	for _, tt := range []struct {
		name   string
		change func(*rules.Block, *rules.Facts)
		want   rules.Ready
		text   string
		cause  event.Number
	}{
		{"ready", func(*rules.Block, *rules.Facts) {}, rules.IsReady, "", ""},
		{"stopping", func(_ *rules.Block, f *rules.Facts) { f.Stopping = true }, rules.NotReady, "director is stopping", ""},
		{"handed over", func(_ *rules.Block, f *rules.Facts) { f.HandedOver, f.Order = true, "e1" }, rules.NotReady,
			"it was handed over", "e1"},
		{"an interface is down", func(_ *rules.Block, f *rules.Facts) { f.Interfaces["eth0"] = false }, rules.NotReady,
			"interface eth0 is down", ""},
		{"an interface is gone", func(_ *rules.Block, f *rules.Facts) { delete(f.Interfaces, "eth0") }, rules.NotReady,
			"there is no interface eth0", ""},
		{"an interface that must not be up", func(b *rules.Block, _ *rules.Facts) { b.Interfaces[0].Reverse = true },
			rules.NotReady, "interface eth0 is up", ""},
		{"one that must not be up is down", func(b *rules.Block, f *rules.Facts) {
			b.Interfaces[0].Reverse, f.Interfaces["eth0"] = true, false
		}, rules.IsReady, "", ""},
		{"interfaces are not known", func(_ *rules.Block, f *rules.Facts) { f.Interfaces = nil }, rules.NotKnown,
			"the state of interface eth0 is not known", ""},
		{"a script fails", func(_ *rules.Block, f *rules.Facts) {
			f.Trackers[script] = event.TrackerState{Reason: "exit status 1", Event: "e2"}
		}, rules.NotReady, "script chk is down (exit status 1)", "e2"},
		{"a script that must fail", func(b *rules.Block, _ *rules.Facts) { b.Trackers[0].Reverse = true }, rules.NotReady,
			"script chk is up", ""},
		{"a script has not run", func(_ *rules.Block, f *rules.Facts) { delete(f.Trackers, script) }, rules.NotKnown,
			"waiting for the first result of script chk", ""},
		{"a script cannot be run", func(_ *rules.Block, f *rules.Facts) {
			f.Trackers[script] = event.TrackerState{Ignored: true}
		}, rules.IsReady, "", ""},
		{"a file", func(_ *rules.Block, f *rules.Facts) {
			f.Trackers[file] = event.TrackerState{Value: 1, Event: "e3"}
		}, rules.NotReady, "file f has the value 1", "e3"},
		{"a file, reversed", func(b *rules.Block, _ *rules.Facts) { b.Trackers[1].Reverse = true }, rules.NotReady,
			"file f has the value 0", ""},
		{"the table is not loaded", func(_ *rules.Block, f *rules.Facts) { f.Table = rules.Table{Why: "no IPVS"} },
			rules.NotKnown, "waiting for the IPVS table: no IPVS", ""},
		{"no checks yet", func(_ *rules.Block, f *rules.Facts) {
			server(f, func(s *rules.Server) { s.Unchecked = 1 })
		}, rules.NotKnown, "waiting for the first checks of " + web + ": 1 of 2 real servers have no result yet", ""},
		{"no checks for long", func(_ *rules.Block, f *rules.Facts) {
			server(f, func(s *rules.Server) { s.Unchecked = 1 })
			f.Table.Since = now.Add(-rules.FirstChecks)
		}, rules.IsReady, "", ""},
		{"no quorum", func(_ *rules.Block, f *rules.Facts) {
			server(f, func(s *rules.Server) { s.Quorum, s.Alive, s.Event = false, 0, "e4" })
		}, rules.NotReady, "virtual server " + web + " has no quorum: 0 of 2 real servers are alive", "e4"},
		{"no quorum, kept", func(b *rules.Block, f *rules.Facts) {
			server(f, func(s *rules.Server) { s.Quorum = false })
			b.KeepWithoutQuorum = true
		}, rules.IsReady, "", ""},
		{"nothing is known of the virtual server", func(_ *rules.Block, f *rules.Facts) { clear(f.Servers) }, rules.NotKnown,
			"nothing is known of virtual server " + web + " yet", ""},
		{"the interface is not ours", func(_ *rules.Block, f *rules.Facts) { f.Unable = "it is not ours" }, rules.NotKnown,
			"it is not ours", ""},
		{"a no beats what is not known", func(_ *rules.Block, f *rules.Facts) { f.Stopping, f.Interfaces = true, nil },
			rules.NotReady, "director is stopping", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, f := block(), facts()
			tt.change(&b, &f)
			v := rules.Judge(&b, &f, now)
			if v.Ready != tt.want || len(v.Reasons) > 1 || (len(v.Reasons) == 0) != (tt.text == "") {
				t.Fatalf("%+v, want %v", v, tt.want)
			}
			if len(v.Reasons) == 1 && v.Reasons[0] != (rules.Reason{Text: tt.text, Cause: tt.cause}) {
				t.Errorf("%+v, want %q of %q", v.Reasons[0], tt.text, tt.cause)
			}
		})
	}
}

// TestFilesWithAWeight: what would lower a priority withdraws.
func TestFilesWithAWeight(t *testing.T) {
	for _, tt := range []struct {
		value, weight int
		reverse, want bool // want: it withdraws
	}{
		{0, 0, false, false}, {1, 0, false, true}, {-1, 0, false, true}, {0, 0, true, true}, {1, 0, true, false},
		{1, 10, false, false}, {-1, 10, false, true}, {1, -10, false, true}, {-1, -10, false, false},
		{1, 10, true, true}, {0, 10, false, false}, {0, -10, true, false},
	} {
		b := rules.Block{Trackers: []rules.Tracker{
			{Key: rules.Key{Kind: event.TrackFile, Name: "f"}, Weight: tt.weight, Reverse: tt.reverse},
		}}
		f := facts()
		f.Trackers[b.Trackers[0].Key] = event.TrackerState{Value: tt.value}
		if got := rules.Judge(&b, &f, now).Ready == rules.NotReady; got != tt.want {
			t.Errorf("value %d, weight %d, reverse %v: withdraws %v, want %v", tt.value, tt.weight, tt.reverse, got, tt.want)
		}
	}
}

// TestBlockOf: virtual servers on the addresses count, and those that are tracked.
func TestBlockOf(t *testing.T) {
	other := conf.ServiceKey{Protocol: conf.UDP, Address: netip.MustParseAddr("192.0.2.1"), Port: 53}
	mark := conf.ServiceKey{FWMark: 5}
	servers := []*conf.VirtualServer{
		{Key: key, Services: []conf.ServiceKey{key}}, {Key: other, Services: []conf.ServiceKey{other}},
		{Key: mark, Services: []conf.ServiceKey{mark}},
	}
	b := rules.BlockOf(&conf.Announce{
		Name: "vips", Interface: "announce0", Addresses: []netip.Addr{vip},
		TrackVirtualServers: []conf.Track{{Name: "FWM 5"}},
		TrackInterfaces:     []conf.TrackInterface{{Name: "eth0", Reverse: true}}, TrackScripts: []conf.Track{{Name: "chk"}},
		TrackFiles: []conf.Track{{Name: "f"}}, TrackProcesses: []conf.Track{{Name: "bird"}},
		TrackBFDs: []conf.Track{{Name: "router"}},
	}, servers)
	slices.Sort(b.Servers)
	if want := []string{"FWM 5", web}; !slices.Equal(b.Servers, want) {
		t.Errorf("virtual servers %v, want %v", b.Servers, want)
	}
	if want := []conf.ServiceKey{key, mark}; !slices.Equal(b.Services, want) {
		t.Errorf("services %v, want %v", b.Services, want)
	}
	if len(b.Trackers) != 4 || b.Trackers[2].Kind != event.TrackProcess || b.Trackers[3].Kind != event.TrackBFD ||
		!b.Interfaces[0].Reverse {
		t.Errorf("%+v", b)
	}
}

// seen is the evidence of a host where all goes round.
func seen(at time.Time) rules.Evidence {
	return rules.Evidence{Supervisor: at, Heartbeat: at, Read: at}
}

// TestRefresh: who has to have been seen within a third of the lifetime.
func TestRefresh(t *testing.T) {
	window := rules.Window(9 * time.Second)
	if window != 3*time.Second || rules.Window(time.Second) != time.Second {
		t.Fatalf("the windows are %v and %v", window, rules.Window(time.Second))
	}
	old := now.Add(-window - 1)
	for _, tt := range []struct {
		name   string
		change func(*rules.Block, *rules.Evidence, *rules.Worker)
		yes    bool
		grace  bool
		why    string
	}{
		{"all", func(*rules.Block, *rules.Evidence, *rules.Worker) {}, true, false, ""},
		{"just in time", func(_ *rules.Block, e *rules.Evidence, _ *rules.Worker) { *e = seen(now.Add(-window)) }, true,
			false, ""},
		{"no supervisor", func(_ *rules.Block, e *rules.Evidence, _ *rules.Worker) { e.Supervisor = old }, false, false,
			"the supervisor's loop does not go round: seen 3s ago"},
		{"no heartbeat", func(_ *rules.Block, e *rules.Evidence, _ *rules.Worker) { e.Heartbeat = old }, false, false,
			"the lvs worker's table loop does not go round: seen 3s ago"},
		{"no reading", func(_ *rules.Block, e *rules.Evidence, _ *rules.Worker) { e.Read, e.ReadError = old, "no answer" },
			false, false, "the kernel's IPVS services were not read: seen 3s ago: no answer"},
		{"a service is not there", func(_ *rules.Block, e *rules.Evidence, _ *rules.Worker) { e.Missing = "no service" },
			false, false, "no service"},
		{"no service is needed", func(b *rules.Block, e *rules.Evidence, _ *rules.Worker) {
			b.Services, e.Read, e.Missing = nil, time.Time{}, "no service"
		}, true, false, ""},
		{"the worker restarts", func(_ *rules.Block, e *rules.Evidence, w *rules.Worker) {
			e.Heartbeat, *w = time.Time{}, rules.Worker{Restarting: true, Since: now.Add(-29 * time.Second)}
		}, true, true, "the lvs worker is being restarted"},
		{"it restarts for too long", func(_ *rules.Block, e *rules.Evidence, w *rules.Worker) {
			e.Heartbeat, *w = time.Time{}, rules.Worker{Restarting: true, Since: now.Add(-30 * time.Second)}
		}, false, false, "the lvs worker has been missing for longer than restart_grace, 30s"},
		{"it restarts, and the kernel has no service", func(_ *rules.Block, e *rules.Evidence, w *rules.Worker) {
			e.Missing, *w = "no service", rules.Worker{Restarting: true, Since: now}
		}, false, false, "no service"},
		{"it restarts, and the supervisor hangs", func(_ *rules.Block, e *rules.Evidence, w *rules.Worker) {
			e.Supervisor, *w = old, rules.Worker{Restarting: true, Since: now}
		}, false, false, "the supervisor's loop does not go round: seen 3s ago"},
		{"no grace", func(b *rules.Block, _ *rules.Evidence, w *rules.Worker) {
			b.Grace, *w = 0, rules.Worker{Restarting: true, Since: now}
		}, false, false, "the lvs worker has been missing for longer than restart_grace, 0s"},
		{"nothing was ever seen", func(_ *rules.Block, e *rules.Evidence, _ *rules.Worker) { *e = rules.Evidence{} }, false,
			false, "the supervisor's loop does not go round"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, e, w := block(), seen(now), rules.Worker{}
			tt.change(&b, &e, &w)
			yes, grace, why := e.Refresh(&b, w, now)
			if yes != tt.yes || grace != tt.grace || why != tt.why {
				t.Errorf("%v, grace %v, %q; want %v, grace %v, %q", yes, grace, why, tt.yes, tt.grace, tt.why)
			}
		})
	}
}

// TestGrace: a worker that dies again and again has one grace for all of its deaths.
func TestGrace(t *testing.T) {
	var g rules.Grace
	at := func(s int) time.Time { return now.Add(time.Duration(s) * time.Second) }
	want := func(restarting bool, since int) {
		t.Helper()
		if w := g.Worker(); w.Restarting != restarting || !w.Since.Equal(at(since)) {
			t.Errorf("%+v, want %v since %d", w, restarting, since)
		}
	}
	g.Missing(at(0))
	g.Missing(at(1))
	want(true, 0)
	g.Heard(at(2))
	want(false, 0)
	g.Missing(at(3))
	want(true, 0)
	g.Heard(at(4))
	g.Missing(at(33))
	want(true, 0) // 29 s are not enough
	g.Heard(at(34))
	g.Heard(at(40))
	g.Missing(at(64))
	want(true, 64)
}

// TestLife walks one block through its life.
func TestLife(t *testing.T) {
	b := block()
	var l rules.Life
	at := now
	ready, not := rules.Verdict{Ready: rules.IsReady}, rules.Verdict{
		Ready: rules.NotReady, Reasons: []rules.Reason{{Text: "one", Cause: "e1"}, {Text: "two", Cause: "e2"}},
	}
	unknown := rules.Verdict{Ready: rules.NotKnown, Reasons: []rules.Reason{{Text: "open"}}}
	step := func(after time.Duration, v rules.Verdict, e rules.Evidence, w rules.Worker, want rules.State, changed bool) {
		t.Helper()
		at = at.Add(after)
		if got := l.Step(&b, v, e, w, at); got != changed || l.State != want {
			t.Fatalf("after %v: %v, changed %v; want %v, changed %v (%+v)", at.Sub(now), l.State, got, want, changed, l)
		}
	}
	none := rules.Worker{}
	missing := func() rules.Worker { return rules.Worker{Restarting: true, Since: at} }

	step(0, unknown, seen(at), none, rules.Withdrawn, false)
	if l.Open != "open" {
		t.Errorf("open %q", l.Open)
	}
	step(0, ready, rules.Evidence{}, none, rules.Withdrawn, false) // nobody was seen
	step(0, ready, seen(at), missing(), rules.Withdrawn, false)    // nothing begins on grace
	step(0, ready, seen(at), none, rules.Announced, true)
	if !l.Present() || l.Refresh(&b, at) || !l.Refresh(&b, at.Add(rules.Pace(b.Lifetime))) {
		t.Error("it is not there, or refreshed at another pace")
	}
	step(time.Second, unknown, seen(at), none, rules.Announced, false) // what is not known changes nothing
	step(time.Second, not, seen(at), none, rules.Withdrawn, true)
	if l.Why != "one; two" || l.Causes != event.NumbersOf("e1", "e2") || l.Present() || l.Refresh(&b, at.Add(time.Hour)) {
		t.Errorf("%+v", l)
	}
	step(time.Second, ready, seen(at.Add(time.Second)), none, rules.Announced, true)

	// The worker goes, and comes back.
	step(time.Second, ready, seen(at.Add(time.Second)), missing(), rules.Announced, false)
	if !l.OnGrace || !l.Present() || !l.Refresh(&b, at.Add(2*time.Second)) {
		t.Errorf("not on grace: %+v", l)
	}
	l.Refreshed = at
	step(time.Second, ready, seen(at.Add(time.Second)), none, rules.Announced, false)
	if l.OnGrace || l.NotRefreshed != "" {
		t.Errorf("still on grace: %+v", l)
	}

	// Nobody is seen any more: it expires, and comes back when that has lasted a while.
	last := seen(at)
	l.Refreshed = at
	step(4*time.Second, ready, last, none, rules.Announced, false)
	if l.NotRefreshed == "" || l.Refresh(&b, at) || l.Present() {
		t.Errorf("refreshed without a sign of life: %+v", l)
	}
	step(5*time.Second, ready, last, none, rules.Expired, true)
	if !strings.Contains(l.Why, "does not go round") {
		t.Errorf("why: %q", l.Why)
	}
	step(0, ready, seen(at), none, rules.Expired, false)
	if l.Open == "" {
		t.Error("it is not said what it waits for")
	}
	step(time.Second, ready, seen(at.Add(time.Second)), none, rules.Announced, true)

	// The kernel is a little sooner: that is no repair.
	if l.Gone(at) {
		t.Error("addresses that are refreshed have not expired")
	}
	l.Refreshed = at
	step(4*time.Second, ready, rules.Evidence{}, none, rules.Announced, false)
	if !l.Gone(at) || l.State != rules.Expired || l.Why == "" {
		t.Errorf("they have expired: %+v", l)
	}
	step(2*time.Second, ready, seen(at.Add(2*time.Second)), none, rules.Announced, true)

	// While it is expired it may be withdrawn.
	l.Refreshed = at.Add(-b.Lifetime)
	step(0, ready, rules.Evidence{}, none, rules.Expired, true)
	step(0, not, rules.Evidence{}, none, rules.Withdrawn, true)

	// Without a lifetime nobody has to be seen.
	b.Lifetime = 0
	step(time.Hour, ready, rules.Evidence{}, none, rules.Announced, true)
	step(time.Hour, ready, rules.Evidence{}, none, rules.Announced, false)
	if l.Refresh(&b, at) || !l.Present() {
		t.Error("an address without a lifetime is refreshed, or not there")
	}
}

// TestAdopt: what is announced goes on, whatever is not known yet.
func TestAdopt(t *testing.T) {
	b := block()
	var l rules.Life
	l.Adopt(now, now.Add(-time.Hour), "it was there")
	unknown := rules.Verdict{Ready: rules.NotKnown, Reasons: []rules.Reason{{Text: "open"}}}
	e := rules.Evidence{Supervisor: now, Read: now}
	restarting := rules.Worker{Restarting: true, Since: now}
	if l.Step(&b, unknown, e, restarting, now) || l.State != rules.Announced || !l.OnGrace {
		t.Errorf("%+v", l)
	}
	if !l.Since.Equal(now.Add(-time.Hour)) {
		t.Errorf("since %v", l.Since)
	}
}
