package watch_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/lvs-director/director/cmd/director/watch"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
)

var now = time.Date(2026, 7, 1, 3, 0, 0, 0, time.UTC)

// farm is a status with so many real servers, of which the last is down.
func farm(servers int, name string) *control.Status {
	r := &control.Status{Version: "1", Since: now.Add(-time.Hour),
		ConfigState: control.ConfigState{Digest: "abcdefabcdef"},
		Parts: []control.Part{{Name: "vrrp", Heard: now}, {Name: "checks", Heard: now.Add(-time.Minute),
			Late: "not answered"}}}
	r.Problems = []control.Problem{{Text: name + " is down"}, {Text: "second"}, {Text: "third"}, {Text: "fourth"}}
	r.Instances = []control.Instance{
		{Name: "VI_B" + name, State: event.Backup, Since: now.Add(-time.Minute), Priority: 100, Reason: name},
		{Name: "VI_F", State: event.Fault, Since: now.Add(-time.Minute), Priority: 100, Reason: "no carrier"},
	}
	vs := control.VirtualServer{Name: "[10.0.0.100]:tcp:80", Quorum: true, Alive: servers - 1}
	for n := range servers {
		rs := control.RealServer{Name: fmt.Sprintf("[10.0.1.%d]:tcp:80", n), Up: n < servers-1, Weight: 1, Active: uint64(n)}
		rs.LastCheck = &control.Check{At: now.Add(-time.Second), Reason: name}
		vs.RealServers = append(vs.RealServers, rs)
	}
	r.VirtualServers = []control.VirtualServer{vs}
	return r
}

var sizes = []watch.Size{{Width: 80, Height: 24}, {Width: 40, Height: 10}, {Width: 300, Height: 60}, {Width: 1,
	Height: 1},
	{Width: 10, Height: 3}}

const hostile = "a\x1b[2Jb\nc\r\u009bd\u202ee\u2028f\x7fg \xff 日本語日本語日本語"

// Whatever is in it, a screen has the lines and columns of the terminal, and nothing that a terminal obeys.
func TestAScreenFits(t *testing.T) {
	for _, size := range sizes {
		for _, view := range []watch.View{
			{Now: now}, {Now: now, Error: hostile}, {Now: now, Status: farm(3, "x")}, {Now: now, Status: farm(200, hostile)},
			{Now: now, Status: farm(200, hostile), Top: 1000}, {Now: now, Status: farm(200, "x"), Filter: hostile, Typing: true},
			{Now: now, Status: farm(9, "x"), Error: hostile, Heard: now.Add(-time.Minute), Wrong: true},
		} {
			lines := view.Lines(size)
			if len(lines) != size.Height {
				t.Errorf("%v has %d lines", size, len(lines))
			}
			for _, line := range lines {
				if n := utf8.RuneCountInString(line) + wide(line); n > size.Width {
					t.Errorf("%v: %d columns: %q", size, n, line)
				}
				for _, r := range line {
					if !unicode.IsPrint(r) {
						t.Errorf("%v: %q has %q", size, line, r)
					}
				}
			}
		}
	}
}

func wide(line string) (n int) {
	for _, r := range line {
		if unicode.Is(unicode.Han, r) {
			n++
		}
	}
	return n
}

func text(v *watch.View, size watch.Size) string { return strings.Join(v.Lines(size), "\n") }

func wants(t *testing.T, in string, list ...string) {
	t.Helper()
	at := 0
	for _, want := range list {
		next := strings.Index(in[at:], want)
		if next < 0 {
			t.Fatalf("%q is missing, or not after what comes before it, in:\n%s", want, in)
		}
		at += next + len(want)
	}
}

// At 80x24 there is what somebody needs first: what is late, the problems, what is degraded before the rest, the keys.
func TestAScreenOf80x24(t *testing.T) {
	v := &watch.View{Now: now, Status: farm(40, "x")}
	wants(t, text(v, watch.Size{Width: 80, Height: 24}), "director 1", "heard: ! checks 1m0s (not answered), vrrp",
		"! x is down",
		"INSTANCE", "VI_F", "FAULT", "VI_Bx", "SERVER", "39/40 up", "10.0.1.39", "DOWN", "10.0.1.0", "UP",
		"more below", "q quit")
	v.Error, v.Heard = "director is not running", now.Add(-5*time.Second)
	wants(t, text(v, watch.Size{Width: 80, Height: 24}), "NO ANSWER, what is shown is 5s old: director is not running")
}

// A screen has the other half of the pair, and of one that is well nothing when only what is degraded is asked for.
func TestPeersOnAScreen(t *testing.T) {
	r := farm(3, "x")
	r.Peers = []control.Peer{
		{Address: "192.0.2.12", Host: "lb2", Up: true, Heard: now, Since: now.Add(-time.Hour), Ready: true,
			ConfigEqual: true},
		{Address: "192.0.2.13", Host: "lb3", Up: true, Heard: now, NotReady: []string{"VI_1: handed over"}},
		{Address: "192.0.2.14", Ready: true, ConfigEqual: true, Error: "connection refused"},
	}
	v := &watch.View{Now: now, Status: r}
	size := watch.Size{Width: 80, Height: 24}
	wants(t, text(v, size), "INSTANCE", "PEER", "READY", "lb2 192.0.2.12", "UP", "1h", "yes", "equal",
		"lb3", "no", "differs", "VI_1: handed", "192.0.2.14", "DOWN", "-", "-", "connection", "SERVER")
	v.Wrong = true
	if s := text(v, size); strings.Contains(s, "lb2") || !strings.Contains(s, "lb3") {
		t.Errorf("what is degraded:\n%s", s)
	}
}

// Keys sort, filter, scroll and end it.
func TestKeys(t *testing.T) {
	v := &watch.View{Now: now, Status: farm(40, "x")}
	size := watch.Size{Width: 80, Height: 24}
	press := func(keys string) (goes bool) {
		goes = true
		for _, key := range watch.Split(keys) {
			goes = goes && v.Key(key, 10)
		}
		return goes
	}
	press("ss")
	wants(t, text(v, size), "10.0.1.39", "10.0.1.38", "10.0.1.37", "sort:connections")
	press("/1.17x\x7f\r")
	if s := text(v, size); !strings.Contains(s, "10.0.1.17]") || strings.Contains(s, "10.0.1.18]") ||
		strings.Contains(s, "VI_F") {
		t.Error("the filter:\n", s)
	}
	press("\x1b")
	press("w")
	if s := text(v, size); !strings.Contains(s, "10.0.1.39]") || strings.Contains(s, "10.0.1.38]") ||
		!strings.Contains(s, "VI_F") {
		t.Error("degraded only:\n", s)
	}
	press("ws\x1b[6~\x1b[6~\x1b[B\x1b[A")
	if s := text(v, size); strings.Contains(s, "VI_F") {
		t.Error("two pages down:\n", s)
	}
	press("g")
	wants(t, text(v, size), "VI_F")
	press("G")
	if s := text(v, size); strings.Contains(s, "more below") {
		t.Error("at the end:\n", s)
	}
	if press("q") || press("\x03") {
		t.Error("it goes on")
	}
}
