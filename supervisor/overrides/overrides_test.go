package overrides_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/overrides"
	"github.com/lvs-director/director/supervisor/statefile"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

const boot = "1f0c"

func drain(vs, rs string, until time.Time) event.Override {
	return event.Override{VirtualServer: vs, RealServer: rs, Kind: event.Drain, Until: until, Source: event.SourceOperator,
		Since: noon, By: "root", Reason: "kernel update"}
}

func weight(vs, rs, source string, w int) event.Override {
	return event.Override{VirtualServer: vs, RealServer: rs, Kind: event.SetWeight, Weight: w, Source: source, Since: noon}
}

func TestOverridesEndAtTheirTime(t *testing.T) {
	var s overrides.Set
	for _, o := range []event.Override{
		drain("", "10.0.0.2", noon.Add(time.Hour)),
		drain("", "10.0.0.2", noon.Add(2*time.Hour)), // in the place of the one before
		drain("[192.0.2.1]:tcp:80", "10.0.0.2", noon.Add(time.Hour)),
		weight("", "[10.0.0.2]:tcp:80", event.SourceOperator, 5),
	} {
		if err := s.Add(o); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(s.List()); got != 3 {
		t.Fatalf("%d overrides, want 3: %v", got, s.List())
	}
	if got := s.Next(); !got.Equal(noon.Add(time.Hour)) {
		t.Errorf("the next one ends at %v", got)
	}
	if ended := s.Expire(noon.Add(time.Hour - 1)); len(ended) != 0 {
		t.Errorf("ended too early: %v", ended)
	}
	if ended := s.Expire(noon.Add(time.Hour)); len(ended) != 1 || ended[0].VirtualServer == "" {
		t.Errorf("ended: %v", ended)
	}
	if ended := s.Expire(noon.Add(1000 * time.Hour)); len(ended) != 1 {
		t.Errorf("ended: %v", ended)
	}
	if got := s.Next(); !got.IsZero() {
		t.Errorf("a weight without an end ends at %v", got)
	}
}

func TestASetIsBounded(t *testing.T) {
	var s overrides.Set
	list := make([]event.Override, overrides.Limit)
	for n := range list {
		list[n] = weight("", strings.Repeat("x", 1+n%7)+time.Duration(n).String(), event.SourceOperator, 1)
	}
	if err := s.Add(list...); err != nil {
		t.Fatal(err)
	}
	err := s.Add(drain("", "10.0.0.2", time.Time{}), drain("", "10.0.0.3", time.Time{}))
	if !errors.Is(err, overrides.ErrFull) || len(s.List()) != overrides.Limit {
		t.Errorf("%v, %d overrides", err, len(s.List()))
	}
	if err := s.Add(list[0]); err != nil {
		t.Errorf("one in the place of another: %v", err)
	}
}

func TestWeightsOfTheKernelReplaceEachOther(t *testing.T) {
	var s overrides.Set
	operator := weight("", "10.0.0.9", event.SourceOperator, 9)
	_ = s.Add(operator)
	a, b := weight("v", "a", event.SourceKernel, 1), weight("v", "b", event.SourceKernel, 2)
	if changed, err := s.Replace(event.SourceKernel, []event.Override{a, b}); !changed || err != nil {
		t.Errorf("changed %v, %v", changed, err)
	}
	later := a
	later.Since = noon.Add(time.Minute)
	if changed, _ := s.Replace(event.SourceKernel, []event.Override{later, b}); changed {
		t.Error("the same weights are a change")
	}
	if changed, _ := s.Replace(event.SourceKernel, nil); !changed {
		t.Error("no weights are no change")
	}
	if diff := cmp.Diff([]event.Override{operator}, s.List(),
		cmpopts.IgnoreFields(event.Override{}, "Stamp")); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

func config(t *testing.T, text string) *conf.Config {
	t.Helper()
	cfg, findings := load.LoadText("test.conf", text, load.Options{})
	if conf.HasErrors(findings) {
		t.Fatal(findings)
	}
	return cfg
}

const services = `
virtual_server 192.0.2.10 80 {
    lb_algo rr
    lb_kind NAT
    protocol TCP
    persistence_timeout 300
    real_server 10.0.0.2 80 {
    }
    real_server 10.0.0.3 80 {
    }
}
virtual_server 192.0.2.10 53 {
    lb_algo rr
    lb_kind NAT
    protocol UDP
    real_server 10.0.0.2 53 {
    }
    real_server 10.0.0.2 80 {
    }
}
virtual_server fwmark 5 {
    lb_algo rr
    lb_kind DR
    real_server 10.0.0.4 {
    }
}
virtual_server match web {
    mark 7
    lb_algo rr
    lb_kind DR
    match {
        192.0.2.20 tcp 80 443
    }
    real_server 10.0.0.8 {
    }
}
`

func TestADirectorWithoutVirtualServers(t *testing.T) {
	if _, err := overrides.Select(&conf.Config{}, "10.0.0.2", ""); err == nil ||
		err.Error() != "this director has no virtual server" {
		t.Errorf("error %v", err)
	}
}

func TestWhatIsMeantByAName(t *testing.T) {
	cfg := config(t, services)
	for _, tc := range []struct{ server, vs, want string }{
		{"10.0.0.2", "", "10.0.0.2"},
		{"10.0.0.2:80", "", "[10.0.0.2]:tcp:80, [10.0.0.2]:udp:80"},
		{"10.0.0.2 80", "", "[10.0.0.2]:tcp:80, [10.0.0.2]:udp:80"},
		{"[10.0.0.2]:udp:80", "", "[10.0.0.2]:udp:80"},
		{"10.0.0.2", "192.0.2.10:53", "10.0.0.2 in [192.0.2.10]:udp:53"},
		{"10.0.0.2", "192.0.2.10", "10.0.0.2 in [192.0.2.10]:tcp:80, 10.0.0.2 in [192.0.2.10]:udp:53"},
		{"10.0.0.2:53", "[192.0.2.10]:udp:53", "[10.0.0.2]:udp:53 in [192.0.2.10]:udp:53"},
		{"10.0.0.4", "fwmark 5", "10.0.0.4 in FWM 5"},
		{"10.0.0.4", "FWM 5", "10.0.0.4 in FWM 5"},
		{"::ffff:10.0.0.4", "", "10.0.0.4"},
		{"10.0.0.8", "match web", "10.0.0.8 in FWM 7"},
		{"10.0.0.8", "web", "10.0.0.8 in FWM 7"},

		{"10.0.0.22", "", "there is no real server 10.0.0.22: did you mean 10.0.0.2?"},
		{"10.0.0.3:8080", "", "there is no real server 10.0.0.3:8080: did you mean 10.0.0.3:80?"},
		{"wub", "", "there is no real server wub: director status lists them"},
		{"web", "", "web is a virtual server, FWM 7: name a real server, and this one with --vs"},
		{"192.0.2.10:53", "", "192.0.2.10:53 is a virtual server, [192.0.2.10]:udp:53: name a real server"},
		{"10.0.0.2", "192.0.2.11:80", "there is no virtual server 192.0.2.11:80: did you mean 192.0.2.10:80?"},
		{"10.0.0.3", "192.0.2.10:53", "10.0.0.3 is not a real server of 192.0.2.10:53, but of [192.0.2.10]:tcp:80"},
		{"", "", "there is no real server : director status lists them"},
	} {
		targets, err := overrides.Select(cfg, tc.server, tc.vs)
		var got []string
		for _, target := range targets {
			got = append(got, target.String())
		}
		text := strings.Join(got, ", ")
		if err != nil {
			text = err.Error()
		}
		if !strings.HasPrefix(text, tc.want) || err == nil && text != tc.want {
			t.Errorf("%q in %q: %q, want %q", tc.server, tc.vs, text, tc.want)
		}
	}
}

func TestAHostIsAllItsServers(t *testing.T) {
	for _, tc := range []struct {
		target overrides.Target
		vs, rs string
		want   bool
	}{
		{overrides.Target{RealServer: "10.0.0.2"}, "[192.0.2.10]:tcp:80", "[10.0.0.2]:tcp:80", true},
		{overrides.Target{RealServer: "10.0.0.2"}, "[192.0.2.10]:tcp:80", "[10.0.0.22]:tcp:80", false},
		{overrides.Target{RealServer: "[10.0.0.2]:tcp:80"}, "[192.0.2.10]:tcp:80", "[10.0.0.2]:tcp:81", false},
		{overrides.Target{VirtualServer: "FWM 5", RealServer: "2001:db8::1"}, "FWM 5", "[2001:db8::1]:tcp:0", true},
		{overrides.Target{VirtualServer: "FWM 5", RealServer: "2001:db8::1"}, "FWM 5 inet6", "[2001:db8::1]:tcp:0", false},
	} {
		if got := tc.target.Covers(tc.vs, tc.rs); got != tc.want {
			t.Errorf("%v covers %s of %s: %v", tc.target, tc.rs, tc.vs, got)
		}
	}
}

func TestWhatIsEndedByAName(t *testing.T) {
	cfg := config(t, services)
	list := []event.Override{
		drain("", "10.0.0.2", time.Time{}), drain("[192.0.2.10]:tcp:80", "[10.0.0.3]:tcp:80", time.Time{}),
		drain("", "10.9.9.9", time.Time{}), weight("", "10.0.0.4", event.SourceKernel, 3),
	}
	for _, tc := range []struct {
		kind       event.OverrideKind
		server, vs string
		ends       int
		err        string
	}{
		{event.Drain, "10.0.0.2", "", 1, ""},
		{event.Drain, "10.0.0.3", "", 1, ""},
		{event.Drain, "10.0.0.3:80", "192.0.2.10:80", 1, ""},
		{event.Drain, "10.9.9.9", "", 1, ""}, // which the configuration lost
		{event.SetWeight, "10.0.0.4", "", 1, ""},
		{event.Drain, "10.0.0.2:80", "", 0, "10.0.0.2:80 is drained only as a part of 10.0.0.2: name that instead"},
		{event.Drain, "10.0.0.2", "192.0.2.10:53", 0, "10.0.0.2 in 192.0.2.10:53 is drained only as a part of 10.0.0.2"},
		{event.Drain, "10.0.0.4", "", 0, ""}, // not drained
		{event.SetWeight, "10.0.0.2", "", 0, ""},
		{event.Drain, "10.0.0.5", "", 0, "there is no real server 10.0.0.5: did you mean"},
	} {
		found, err := overrides.Named(cfg, list, tc.kind, tc.server, tc.vs)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if len(found) != tc.ends || !strings.HasPrefix(text, tc.err) || (tc.err == "") != (err == nil) {
			t.Errorf("%s %q in %q: %v, %q", tc.kind, tc.server, tc.vs, found, text)
		}
	}
}

func TestPersistenceIsSaidBeforeADrain(t *testing.T) {
	cfg := config(t, services)
	sticky := []overrides.Target{{RealServer: "10.0.0.3"}}
	for name, tc := range map[string]struct {
		targets   []overrides.Target
		quiescent overrides.Setting
		want      []string
	}{
		"not persistent": {[]overrides.Target{{RealServer: "10.0.0.4"}}, overrides.Off, nil},
		"off": {sticky, overrides.Off,
			[]string{"[192.0.2.10]:tcp:80", "expire_quiescent_template is 0", "(5m after", "by time"}},
		"unknown": {sticky, overrides.Unknown, []string{"not known to be 1"}},
		"on": {sticky, overrides.On, []string{"expire_quiescent_template is 1",
			"every other real server with weight 0: [10.0.0.2]:tcp:80 in [192.0.2.10]:tcp:80"}},
	} {
		lines := overrides.Notices(cfg, tc.targets, tc.quiescent,
			[]overrides.Target{{"[192.0.2.10]:tcp:80", "[10.0.0.2]:tcp:80"}, {"[192.0.2.10]:tcp:80", "[10.0.0.3]:tcp:80"}})
		if (len(lines) > 0) != (tc.want != nil) {
			t.Errorf("%s: %q", name, lines)
		}
		for _, want := range tc.want {
			if !strings.Contains(strings.Join(lines, "\n"), want) {
				t.Errorf("%s: %q does not say %q", name, lines, want)
			}
		}
	}
}

func TestAReloadThatChangesTheWeightEndsAHandWeight(t *testing.T) {
	before := config(t, services)
	after := config(t, strings.Replace(services, "real_server 10.0.0.3 80 {", "real_server 10.0.0.3 80 {\n weight 7", 1))
	var s overrides.Set
	vs := "[192.0.2.10]:tcp:80"
	_ = s.Add(weight(vs, "[10.0.0.3]:tcp:80", event.SourceKernel, 2),
		weight(vs, "[10.0.0.2]:tcp:80", event.SourceKernel, 2),
		weight(vs, "[10.0.0.3]:tcp:80", event.SourceOperator, 2))
	if ended := s.Reloaded(before, after); len(ended) != 1 || ended[0].Source != event.SourceKernel ||
		ended[0].RealServer != "[10.0.0.3]:tcp:80" {
		t.Errorf("ended: %v", ended)
	}
	if ended := s.Reloaded(before, after); len(ended) != 0 || len(s.List()) != 2 {
		t.Errorf("ended: %v, left: %v", ended, s.List())
	}
}

func TestOverridesOutliveTheDirector(t *testing.T) {
	file := overrides.File(filepath.Join(t.TempDir(), "state"), "/etc/lb.conf")
	var s overrides.Set
	if err := s.Load(file, boot); err != nil {
		t.Fatalf("loading what was never written: %v", err)
	}
	_ = s.Add(drain("", "10.0.0.2", noon.Add(time.Hour)), weight("FWM 5", "10.0.0.4", event.SourceOperator, 3),
		weight("FWM 5", "10.0.0.4", event.SourceKernel, 4))
	if err := s.Save(file, boot); err != nil {
		t.Fatal(err)
	}
	var again, rebooted overrides.Set
	if err := errors.Join(again.Load(file, boot), rebooted.Load(file, "another boot")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s.List(), again.List()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got := rebooted.List()
	if len(got) != 2 || got[0].Source == event.SourceKernel || got[1].Source == event.SourceKernel {
		t.Errorf("after a reboot: %v", got)
	}
	s.Remove(noon, "root", func(event.Override) bool { return true })
	s.Forget(noon.Add(31 * 24 * time.Hour)) // what has ended is known for 30 days
	if err := s.Save(file, boot); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the file of no overrides is there: %v", err)
	}
}

// TestABadFileIsPutAside: nothing of it is lost, and nothing that was put aside before.
func TestABadFileIsPutAside(t *testing.T) {
	dir := t.TempDir()
	good := overrides.File(dir, "/etc/lb.conf")
	var s overrides.Set
	_ = s.Add(drain("", "10.0.0.2", noon))
	if err := s.Save(good, boot); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	aside := map[string]bool{}
	for name, bad := range map[string]string{
		"cut":            string(text[:len(text)/2]),
		"empty":          "",
		"newer version":  strings.Replace(string(text), `"version": 1`, `"version": 2`, 1),
		"another kind":   strings.Replace(string(text), `"drain"`, `"levitate"`, 1),
		"not a file":     "\x00\x01",
		"without a name": strings.Replace(string(text), `10.0.0.2`, ``, 1),
	} {
		if err := os.WriteFile(good, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.Load(good, boot); err == nil || len(s.List()) != 1 {
			t.Errorf("%s: error %v, %d overrides", name, err, len(s.List()))
		}
		kept, err := statefile.PutAside(good)
		if err != nil || aside[kept] {
			t.Errorf("%s: put aside as %s, %v", name, kept, err)
		}
		aside[kept] = true
		if got, err := os.ReadFile(kept); string(got) != bad || err != nil {
			t.Errorf("%s: kept %q, %v", name, got, err)
		}
	}
}

// TestFollowNames: a drain stays with the services that it is about, whatever they are called.
func TestFollowNames(t *testing.T) {
	groups := func(first, second string) *conf.Config {
		t.Helper()
		text := ""
		for n, name := range []string{first, second} {
			text += fmt.Sprintf("virtual_server_group %s {\n192.0.2.%d 80\n}\nvirtual_server group %s {\nprotocol TCP\n"+
				"lvs_sched rr\nlvs_method DR\nreal_server 10.0.0.%d 80 {\n}\n}\n", name, n+1, name, n+1)
		}
		cfg, findings := load.LoadText("lb.conf", text, load.Options{})
		if conf.HasErrors(findings) || len(cfg.VirtualServers) != 2 {
			t.Fatal(findings)
		}
		return cfg
	}
	for name, tc := range map[string]struct {
		first, second string
		want          []string // the virtual servers of the drains of the first and the second real server
	}{
		"none":                {"A", "B", []string{"[A]:0", "[B]:0"}},
		"one":                 {"A", "C", []string{"[A]:0", "[C]:0"}},
		"both":                {"C", "D", []string{"[C]:0", "[D]:0"}},
		"they change places":  {"B", "A", []string{"[B]:0", "[A]:0"}},
		"one takes the other": {"B", "C", []string{"[B]:0", "[C]:0"}},
	} {
		t.Run(name, func(t *testing.T) {
			var s overrides.Set
			for server, vs := range map[string]string{"10.0.0.1": "[A]:0", "10.0.0.2": "[B]:0"} {
				if err := s.Add(drain(vs, server, time.Time{})); err != nil {
					t.Fatal(err)
				}
			}
			s.Follow(groups("A", "B"), groups(tc.first, tc.second))
			got := map[string]string{}
			for _, o := range s.List() {
				got[o.RealServer] = o.VirtualServer
			}
			if diff := cmp.Diff(map[string]string{"10.0.0.1": tc.want[0], "10.0.0.2": tc.want[1]}, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
