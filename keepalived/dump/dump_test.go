package dump_test

import (
	"encoding/json"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/keepalived/dump"
)

const password = "s3cret"

// facts are two instances: one MASTER with all that a reader looks for, one that nothing was told of,
// with a name that nobody should give.
func facts() *dump.Facts {
	since := time.Unix(1795873353, 514246000).UTC()
	a := func(text, device, label string, set bool) dump.Address {
		return dump.Address{
			Address: conf.Address{Prefix: netip.MustParsePrefix(text), Device: device, Label: label,
				PreferredLifetime: conf.Forever}, On: device, Set: set}
	}
	one := &conf.Instance{
		Name: "VI_1", Interface: "eth0", VRID: 51, Priority: 100, Version: 2, AdvertInterval: time.Second,
		DownTimerAdverts: 3, GARP: conf.GARP{MasterDelay: 5 * time.Second, MasterRepeat: 5},
		Auth: conf.Authentication{Type: conf.PassAuth, Pass: password}, Preempt: true,
		TrackScripts: []conf.Track{{Name: "chk_ok", Weight: 20}},
		Notify:       conf.NotifyScripts{Master: conf.Script{Argv: []string{"/bin/x", "a b", "it's"}}},
	}
	two := &conf.Instance{Name: "a\"b\n%s\x1b", Interface: "eth1", VRID: 52, Priority: 90, Version: 3,
		AdvertInterval: 500 * time.Millisecond, DownTimerAdverts: 3}
	return &dump.Facts{
		Config: &conf.Config{Instances: []*conf.Instance{one, two},
			Scripts: []*conf.TrackScript{{Name: "chk_ok", Script: conf.Script{Argv: []string{"/bin/true"}}, Rise: 1},
				{Name: "chk_bad", Script: conf.Script{Argv: []string{"/bin/false"}}, Rise: 1}}},
		Instances: []dump.Instance{
			{Config: one, Device: "eth0", Source: netip.MustParseAddr("10.9.0.2"),
				State: event.InstanceState{State: event.Master, Since: since, Priority: 120},
				Addresses: []dump.Address{a("10.9.0.100/24", "eth0", "", true),
					a("10.9.0.101/24", "eth0", "eth0:1", true)},
				Excluded: []dump.Address{a("10.9.0.150/32", "eth0", "", false), a("2001:db8::1/64", "eth0", "", true)},
				Counters: event.InstanceCounters{Sent: 5, Received: 7, Masters: 2, Released: 1, PriorityZeroSent: 3,
					PriorityZeroReceived: 4, AddressMismatch: 6, Dropped: map[string]uint64{"ttl": 8, "no-addresses": 1,
						"truncated": 1, "trailing-data": 2, "hmac-digest": 9}}},
			{Config: two, Device: "eth1"},
		},
		Scripts: map[string]dump.Tracker{
			"chk_ok":  {Known: true, State: event.TrackerState{Up: true}},
			"chk_bad": {Known: true, Running: true},
		},
	}
}

// block is an instance as an exporter finds it: the lines behind its name with an indent of three or more.
func block(text, name string) (lines []string) {
	_, rest, _ := strings.Cut(text, " VRRP Instance = "+name+"\n")
	for _, l := range strings.Split(rest, "\n") {
		if !strings.HasPrefix(l, "   ") {
			break
		}
		lines = append(lines, l)
	}
	return lines
}

// TestData is what the readers of keepalived.data need.
func TestData(t *testing.T) {
	text := string(dump.Data(facts()))
	lines := block(text, "VI_1")
	all := strings.Join(lines, "\n") + "\n"
	for _, want := range []string{
		"   State = MASTER\n", "   Wantstate = MASTER\n", "   Interface = eth0\n", "   Gratuitous ARP delay = 5\n",
		"   Virtual Router ID = 51\n", "   Effective priority = 120\n", "   Priority = 100\n", "   Advert interval = 1 sec\n",
		"   Virtual IP (2):\n     10.9.0.100/24 dev eth0 scope global set\n" +
			"     10.9.0.101/24 dev eth0 scope global label eth0:1 set\n   Virtual IP Excluded :\n" +
			"     10.9.0.150 dev eth0 scope global\n     2001:db8::1/64 dev eth0 scope global preferred_lft forever set\n",
		"   Last transition = 1795873353.514246 (Sat Nov 28 13:42:33.514246 2026)\n",
		"   Password = ********\n", `   Master state transition script = '/bin/x' 'a b' 'it'\''s'`,
		"   Tracked scripts :\n     chk_ok weight 20\n",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
	// grep -A6 "VRRP Topology" | grep State
	_, topology, _ := strings.Cut(text, "VRRP Topology >------\n")
	if !strings.Contains(strings.Join(strings.SplitN(topology, "\n", 7)[:6], "\n"), "   State = MASTER") {
		t.Errorf("the state is not within six lines:\n%s", topology)
	}
	// A name is one line, whatever it has.
	if n := len(regexp.MustCompile(`(?m)^ VRRP Instance = `).FindAllString(text, -1)); n != 2 {
		t.Errorf("%d instances, want 2", n)
	}
	if len(block(text, `a"b\n%s\x1b`)) < 20 {
		t.Errorf("the second instance is not found by its name:\n%s", text)
	}
	for name, want := range map[string][2]string{"chk_ok": {"GOOD", "idle"}, "chk_bad": {"BAD", "running"}} {
		_, script, _ := strings.Cut(text, " VRRP Script = "+name+"\n")
		script, _, _ = strings.Cut(script, "\n VRRP Script")
		if !strings.Contains(script, "   Status = "+want[0]+"\n") || !strings.Contains(script, "   State = "+want[1]) {
			t.Errorf("%s: %s", name, script)
		}
	}
}

// TestStats: every counter under its key, and as many instances as Data has.
func TestStats(t *testing.T) {
	f := facts()
	text := string(dump.Stats(f))
	first, second, _ := strings.Cut(text, "VRRP Instance: a\"b\\n%s\\x1b\n")
	got := make(map[string]int)
	section := ""
	for _, l := range strings.Split(strings.TrimSpace(first), "\n")[1:] {
		key, value, _ := strings.Cut(strings.TrimSpace(l), ":")
		if value == "" {
			section = key + "/"
			continue
		}
		if !strings.HasPrefix(l, "    ") {
			section = ""
		}
		n, err := strconv.Atoi(strings.TrimSpace(value))
		if err != nil {
			t.Errorf("%q: %v", l, err)
		}
		if n != 0 {
			got[section+key] = n
		}
	}
	want := map[string]int{
		"Advertisements/Received": 7, "Advertisements/Sent": 5, "Became master": 2, "Released master": 1,
		"Packet Errors/Length": 3, "Packet Errors/TTL": 8, "Packet Errors/Address List": 7,
		"Authentication Extension Errors/Invalid HMAC": 9, "Priority Zero/Received": 4, "Priority Zero/Sent": 3,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if strings.Count(second, "\n") != strings.Count(first, "\n")-1 {
		t.Errorf("the second instance is\n%s", second)
	}
}

// TestJSON: the keys in keepalived's order and of its types.
func TestJSON(t *testing.T) {
	text, err := dump.JSON(facts(), 1)
	if err != nil {
		t.Fatal(err)
	}
	var list []struct {
		Data  map[string]any
		Stats map[string]int
	}
	if err := json.Unmarshal(text, &list); err != nil || len(list) != 2 {
		t.Fatalf("%v in %s", err, text)
	}
	d := list[0].Data
	for key, want := range map[string]any{
		"iname": "VI_1", "ifp_ifname": "eth0", "vrid": 51., "base_priority": 100., "effective_priority": 120., "state": 2.,
		"wantstate": 2., "version": 2., "garp_delay": 5., "last_transition": 1795873353.514246, "accept": 1.,
		"nopreempt": false, "vipset": false, "auth_type": 1., "auth_data": "********", "vmac_ifname": "",
	} {
		if d[key] != want {
			t.Errorf("%s is %v, want %v", key, d[key], want)
		}
	}
	if n := list[1].Data["iname"]; n != "a\"b\n%s\x1b" {
		t.Errorf("the name of the second is %q", n)
	}
	last := list[1].Data
	if v, _ := last["vips"].([]any); last["state"] != 0. || len(v) != 0 || last["adver_int"] != 0.5 {
		t.Errorf("the second is %v", list[1].Data)
	}
	if list[0].Stats["pri_zero_rcvd"] != 4 || list[0].Stats["release_master"] != 1 || len(list[0].Stats) != 20 {
		t.Errorf("%v", list[0].Stats)
	}
	order := `"iname".*"dont_track_primary".*"vmac_ifname".*"ifp_ifname".*"master_priority".*"last_transition".*` +
		`"vrid".*"base_priority".*"vipset".*"adver_int".*"accept".*"state".*"script_master".*"vips".*"evips".*"auth_type"`
	if !regexp.MustCompile(order).Match(text) {
		t.Errorf("the order is another one: %s", text)
	}
	if !strings.Contains(string(text), `"vips":["10.9.0.100\/24 dev eth0 scope global set",`) {
		t.Errorf("the slashes are not as keepalived writes them: %s", text)
	}
	two, err := dump.JSON(facts(), 2)
	var v2 struct {
		VRRP []any `json:"vrrp"`
	}
	if err != nil || json.Unmarshal(two, &v2) != nil || len(v2.VRRP) != 2 {
		t.Errorf("version 2: %v, %s", err, two)
	}
}

// TestNoPassword is in any dump.
func TestNoPassword(t *testing.T) {
	f := facts()
	one, _ := dump.JSON(f, 1)
	for _, text := range [][]byte{dump.Data(f), dump.Stats(f), dump.Parent(f), dump.Check(f), one} {
		if strings.Contains(string(text), password) {
			t.Errorf("the password is in %s", text)
		}
	}
}

// TestStopping: an instance that has ended has keepalived's number for that, one that has not yet begun
// has 0, and the readers of keepalived.data are told a state that they know.
func TestStopping(t *testing.T) {
	for stopping, want := range map[bool]int{false: 0, true: 98} {
		f := facts()
		f.Stopping = stopping
		text, err := dump.JSON(f, 1)
		if err != nil {
			t.Fatal(err)
		}
		var list []struct {
			Data struct{ State int }
		}
		if err := json.Unmarshal(text, &list); err != nil || len(list) != 2 {
			t.Fatalf("%v in %s", err, text)
		}
		if first, second := list[0].Data.State, list[1].Data.State; first != 2 || second != want {
			t.Errorf("stopping %v: states %d, of one that still is MASTER, and %d; want 2 and %d", stopping, first, second, want)
		}
		if lines := block(string(dump.Data(f)), `a"b\n%s\x1b`); !slices.Contains(lines, "   State = INIT") {
			t.Errorf("stopping %v: %q", stopping, lines)
		}
	}
}
