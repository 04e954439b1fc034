package status_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/rollout"
	"github.com/lvs-director/director/supervisor/status"
	"github.com/lvs-director/director/vrrp/track"
)

var now = time.Unix(1_000_000_000, 0)

// pair is a MASTER that is well, on a host that has all it needs.
func pair() status.Facts {
	vip := conf.Address{Prefix: netip.MustParsePrefix("192.0.2.10/24"), Device: "eth0"}
	i := &conf.Instance{
		Name: "VI_1", Interface: "eth0", VRID: 51, Priority: 150, AdvertInterval: time.Second,
		Addresses: []conf.Address{vip}, SyncGroup: "G",
		TrackScripts: []conf.Track{{Name: "chk", Weight: -60}}, TrackInterfaces: []conf.TrackInterface{{Name: "eth1"}},
	}
	k := status.New()
	k.Instances["VI_1"] = event.InstanceState{
		Instance: "VI_1", State: event.Master, Since: now.Add(-time.Hour), Priority: 150, Reason: "no advertisement",
	}
	k.Groups["G"] = event.GroupState{Group: "G", State: event.Master, Reason: "VI_1 is MASTER"}
	return status.Facts{
		Now: now, Known: k,
		Config:  &conf.Config{Instances: []*conf.Instance{i}, SyncGroups: []*conf.SyncGroup{{Name: "G"}}},
		Workers: []rollout.Status{{Worker: rollout.VRRP, Pid: 7}},
		Host: track.Host{
			Interfaces: map[string]track.Interface{
				"eth0": {Up: true, Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.251/24"), vip.Prefix}},
				"eth1": {Up: true},
			},
			Trackers: map[track.Key]event.TrackerState{{Kind: event.TrackScript, Name: "chk"}: {Up: true}},
		},
	}
}

func texts(r control.Status) []string {
	var list []string
	for _, p := range r.Problems {
		list = append(list, p.Text)
	}
	return list
}

// TestProblems: what is not as it should be is said, with why, and shows in the
// exit status.
func TestProblems(t *testing.T) {
	state := func(f *status.Facts, s event.VRRPState, priority int) {
		i := f.Known.Instances["VI_1"]
		i.State, i.Priority = s, priority
		f.Known.Instances["VI_1"] = i
	}
	value := func(f *status.Facts, weight, value int) {
		f.Config.Instances[0].TrackFiles = []conf.Track{{Name: "tf", Weight: weight}}
		key := track.Key{Kind: event.TrackFile, Name: "tf"}
		f.Host.Trackers[key] = event.TrackerState{Kind: key.Kind, Name: key.Name, Up: true, Value: value}
	}
	stranger := func(last time.Duration) event.VRRPCounters {
		return event.VRRPCounters{Strangers: []event.Stranger{
			{Sender: "192.0.2.252", Instance: "VI_1", Priority: 100, Reason: "auth-failed", Last: now.Add(-last)}}}
	}
	for name, tc := range map[string]struct {
		change func(*status.Facts)
		want   []string
		exit   int
	}{
		"all is well": {func(*status.Facts) {}, nil, status.OK},
		"a weighted tracker fails": {func(f *status.Facts) {
			state(f, event.Master, 90)
			f.Host.Trackers[track.Key{Kind: event.TrackScript, Name: "chk"}] = event.TrackerState{Reason: "exit status 1"}
		}, []string{"VI_1: effective priority 90, base 150: script chk is down (exit status 1): -60"}, status.Degraded},
		"the value of a file": {func(f *status.Facts) {
			state(f, event.Master, 140)
			value(f, 1, -10)
		}, []string{"VI_1: effective priority 140, base 150: file tf: -10"}, status.Degraded},
		"the value of a file with a weight": {func(f *status.Facts) {
			state(f, event.Master, 140)
			value(f, -2, 5)
		}, []string{"VI_1: effective priority 140, base 150: file tf has value 5, weight -2: -10"}, status.Degraded},
		"a losing advertisement": {func(f *status.Facts) {
			f.Known.Lower["VI_1"] = event.LowerHeard{Instance: "VI_1", Sender: "192.0.2.252", Priority: 100,
				At: now.Add(-time.Second)}
		}, []string{"VI_1: two routers are MASTER: this one, and 192.0.2.252 with priority 100, heard 1s ago"},
			status.Degraded},
		"a losing advertisement, long ago": {func(f *status.Facts) {
			f.Known.Lower["VI_1"] = event.LowerHeard{Instance: "VI_1", Sender: "192.0.2.252", At: now.Add(-time.Minute)}
		}, nil, status.OK},
		"a peer with another password": {func(f *status.Facts) { f.Known.Counters = stranger(time.Second) },
			[]string{"VI_1: 192.0.2.252 advertises the same virtual router with priority 100 and is refused (auth-failed): " +
				"two routers are MASTER"},
			status.Degraded},
		"a peer with other addresses": {func(f *status.Facts) {
			f.Known.Counters.Instances = map[string]event.InstanceCounters{"VI_1": {Odd: &event.OddAdvertisement{
				Sender: "192.0.2.252", Reason: "address-mismatch", Detail: "only configured here: 192.0.2.10",
				Last: now.Add(-time.Second)}}}
		}, []string{"VI_1: the advertisements of 192.0.2.252 do not agree with this host's configuration: " +
			"address-mismatch (only configured here: 192.0.2.10)"},
			status.Degraded},
		"one that fell silent": {func(f *status.Facts) { f.Known.Counters = stranger(time.Minute) }, nil, status.OK},
		"the address without the state": {func(f *status.Facts) {
			state(f, event.Backup, 150)
			f.Known.Host.Problems = []event.Problem{{Kind: event.Conflict, Object: "address 192.0.2.10/24 on eth0",
				Instances: []string{"VI_1"},
				Error:     "remove it with ip address del 192.0.2.10/24 dev eth0", Times: 1}}
		}, []string{"VI_1: address 192.0.2.10/24 on eth0 is on this host although the instance is not MASTER: two hosts " +
			"answer for it: " +
			"remove it with ip address del 192.0.2.10/24 dev eth0"}, status.Degraded},
		"still holding": {func(f *status.Facts) {
			i := f.Known.Instances["VI_1"]
			i.State, i.Holding = event.Backup, "192.0.2.10/24 on eth0: busy"
			f.Known.Instances["VI_1"] = i
		}, []string{"VI_1: still holding: 192.0.2.10/24 on eth0: busy"}, status.Degraded},
		"still holding, with details": {func(f *status.Facts) {
			i := f.Known.Instances["VI_1"]
			i.Holding = "192.0.2.10/24 on eth0: busy"
			f.Known.Instances["VI_1"] = i
			f.Known.Host.Problems = []event.Problem{{Kind: event.Holding, Object: "address 192.0.2.10/24 on eth0",
				Instances: []string{"VI_1"}, Error: "busy"}}
		}, []string{"VI_1: failed to remove address 192.0.2.10/24 on eth0, still present: busy"}, status.Degraded},
		"a repair that does not help": {func(f *status.Facts) {
			f.Known.Host.Problems = []event.Problem{{Kind: event.Contested, Object: "address 192.0.2.10/24 on eth0",
				Instances: []string{"VI_1"}, Times: 9}}
		}, []string{"VI_1: something else keeps removing or changing address 192.0.2.10/24 on eth0 (9 times)"},
			status.Degraded},
		"a silent worker": {func(f *status.Facts) {
			f.Workers[0].Silent = "its process is stopped"
			f.Known.Heard["vrrp"] = now.Add(-90 * time.Second)
		}, []string{"the vrrp worker has stopped answering, what is shown of it is 1m30s old: its process is stopped"},
			status.Degraded},
		"a word without effect": {func(f *status.Facts) {
			f.Findings = []conf.Finding{{Unserved: true, Message: "sorry_server has no effect",
				Pos: conf.Pos{File: "a.conf", Line: 7, Col: 5}}}
		}, []string{"not served as configured: sorry_server has no effect (a.conf:7:5)"}, status.Degraded},
		"a service that was dropped": {func(f *status.Facts) {
			f.Findings = []conf.Finding{{
				Unserved: true, Message: "the address is invalid", Pos: conf.Pos{File: "a.conf", Line: 7, Col: 5},
				Blocks: []conf.Block{{Keyword: "virtual_server", Words: "198.51.100.1OO 80",
					Pos: conf.Pos{File: "a.conf", Line: 7, Col: 1}}},
			}}
		}, []string{"not served as configured: the address is invalid (a.conf:7:5)"}, status.NoService},
		"no IPVS": {func(f *status.Facts) {
			f.Workers = append(f.Workers, rollout.Status{Worker: rollout.LVS, Pid: 8})
			f.Config.VirtualServers = []*conf.VirtualServer{{}}
			f.Known.Table.Error = "the kernel refuses IPVS here"
		}, []string{"the kernel refuses IPVS here"}, status.NoService},
		"a setting of IPVS that cannot be had": {func(f *status.Facts) {
			vs := &conf.VirtualServer{RealServers: []*conf.RealServer{{}}}
			f.Workers = append(f.Workers, rollout.Status{Worker: rollout.LVS, Pid: 8})
			f.Config.VirtualServers = []*conf.VirtualServer{vs}
			f.Known.RealServers[status.ServerName{VirtualServer: vs.String(), RealServer: vs.RealServers[0].String()}] =
				event.RealServerState{Up: true}
			f.Known.Table.Host = "this kernel has no setting net.ipv4.vs.est_nice"
		}, []string{"this kernel has no setting net.ipv4.vs.est_nice"}, status.Degraded},
	} {
		t.Run(name, func(t *testing.T) {
			f := pair()
			tc.change(&f)
			r := status.Make(f)
			if diff := cmp.Diff(tc.want, texts(r)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if got := status.ExitStatus(r); got != tc.exit {
				t.Errorf("exit status %d, want %d", got, tc.exit)
			}
		})
	}
}

// TestWhatServesNobodyIsFirst among the problems.
func TestWhatServesNobodyIsFirst(t *testing.T) {
	f := pair()
	f.ReplaceProblem = "a problem that is first in the alphabet"
	f.Workers = append(f.Workers, rollout.Status{Worker: rollout.LVS, Pid: 8})
	f.Config.VirtualServers = []*conf.VirtualServer{{}}
	f.Known.Table.Error = "zzz"
	got := texts(status.Make(f))
	if len(got) != 2 || got[0] != "zzz" || !strings.HasPrefix(got[1], "upgrade: ") {
		t.Errorf("%q", got)
	}
}

// TestInstanceReport has all that is known of an instance.
func TestInstanceReport(t *testing.T) {
	f := pair()
	f.Host.Interfaces["eth1"] = track.Interface{}
	r := status.Make(f)
	i := r.Instances[0]
	want := []control.Tracked{
		{Object: "interface eth1", State: "down", Failed: true},
		{Object: "script chk", State: "up", Weight: -60},
	}
	if diff := cmp.Diff(want, i.Tracked); diff != "" {
		t.Error(diff)
	}
	if i.Base != 150 || i.SyncGroup != "G" || i.Fault != "tracked interface eth1 is down" {
		t.Errorf("%+v", i)
	}
	if g := r.SyncGroups; len(g) != 1 || g[0].State != event.Master || !slices.Equal(g[0].Instances, []string{"VI_1"}) {
		t.Errorf("%+v", g)
	}
}

// TestOnly: one object, by the names that people have for it, with its problems.
func TestOnly(t *testing.T) {
	web := control.VirtualServer{Name: "[192.0.2.10]:tcp:80", Alive: 1, RealServers: []control.RealServer{
		{Name: "[10.0.0.1]:tcp:80", Up: true}, {Name: "[10.0.0.2]:tcp:80"}}}
	six := control.VirtualServer{Name: "[2001:db8::1]:tcp:443", Alive: 1,
		RealServers: []control.RealServer{{Name: "[2001:db8::2]:tcp:443", Up: true}}}
	all := control.Status{
		Instances:      []control.Instance{{Name: "VI_1", State: event.Master}, {Name: "VI_2", State: event.Fault}},
		SyncGroups:     []control.SyncGroup{{Name: "G", Instances: []string{"VI_2"}}},
		VirtualServers: []control.VirtualServer{web, six},
		Problems:       []control.Problem{{Text: "a worker"}, {Object: "VI_2", Text: "VI_2: bad"}},
		Scripts:        []control.Script{{Object: "INSTANCE VI_1"}, {Object: "INSTANCE VI_11"}},
	}
	for name, want := range map[string]struct {
		instances, servers, real, problems, scripts int
		exit                                        int
	}{
		"VI_1":                {1, 0, 0, 0, 1, status.OK},
		"VI_2":                {1, 0, 0, 1, 0, status.NoService},
		"G":                   {1, 0, 0, 1, 0, status.NoService},
		"[192.0.2.10]:tcp:80": {0, 1, 2, 0, 0, status.Degraded},
		"192.0.2.10:80":       {0, 1, 2, 0, 0, status.Degraded},
		"192.0.2.10 80":       {0, 1, 2, 0, 0, status.Degraded},
		"192.0.2.10":          {0, 1, 2, 0, 0, status.Degraded},
		"10.0.0.1":            {0, 1, 1, 0, 0, status.OK},
		"10.0.0.2:80":         {0, 1, 1, 0, 0, status.NoService},
		"[2001:db8::1]:443":   {0, 1, 1, 0, 0, status.OK},
		"2001:db8::2":         {0, 1, 1, 0, 0, status.OK},
		"192.0.2.1":           {},
		"VI_3":                {},
		"[192.0.2.10]:udp:80": {},
	} {
		r, ok := status.Only(all, name)
		real := 0
		for _, v := range r.VirtualServers {
			real += len(v.RealServers)
		}
		got := []int{len(r.Instances), len(r.VirtualServers), real, len(r.Problems), len(r.Scripts), status.ExitStatus(r)}
		if ok != (want.instances+want.servers > 0) ||
			!slices.Equal(got, []int{want.instances, want.servers, want.real, want.problems, want.scripts, want.exit}) {
			t.Errorf("%s: %v, %v, want %+v", name, ok, got, want)
		}
	}
}

// TestAnnouncedOnLink: an announced address that every director would answer for is a problem, unless it is
// allowed.
func TestAnnouncedOnLink(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		f := pair()
		a := &conf.Announce{Name: "edge", Interface: "announce0", AllowOnlink: allowed,
			Addresses: []netip.Addr{netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("192.0.2.100")}}
		f.Config.Announces = []*conf.Announce{a}
		const want = "announce edge: 192.0.2.100 is in the network 192.0.2.0/24 of eth0, where every director would answer " +
			"ARP for it"
		if got := slices.Contains(texts(status.Make(f)), want); got == allowed {
			t.Errorf("allowed %t: problems %q", allowed, texts(status.Make(f)))
		}
	}
}
