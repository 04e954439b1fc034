package overrides_test

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/overrides"
)

// half is one of a pair, with a clock of its own and a file.
type half struct {
	t       *testing.T
	set     overrides.Set
	off     time.Duration // of its clock
	cursors map[string]*overrides.Cursor
}

func newHalf(t *testing.T, name string, off time.Duration) *half {
	t.Helper()
	return &half{t: t, set: overrides.Set{Host: name}, off: off,
		cursors: make(map[string]*overrides.Cursor)}
}

// clock is what the half takes for the time.
func (h *half) clock(now time.Time) time.Time { return now.Add(h.off) }

func (h *half) drain(now time.Time, server string, lasts time.Duration) {
	h.t.Helper()
	o := drain("", server, time.Time{})
	o.Since, o.By = h.clock(now), "somebody on "+h.set.Host
	if lasts > 0 {
		o.Until = o.Since.Add(lasts)
	}
	h.add(o)
}

func (h *half) weigh(now time.Time, server string, to int) {
	h.t.Helper()
	o := weight("", server, event.SourceOperator, to)
	o.Since = h.clock(now)
	h.add(o)
}

func (h *half) add(o event.Override) {
	h.t.Helper()
	if err := h.set.Add(o); err != nil {
		h.t.Fatal(err)
	}
}

// end ends all that is of a real server.
func (h *half) end(now time.Time, server string) []event.Override {
	return h.set.Remove(h.clock(now), "somebody", func(o event.Override) bool { return o.RealServer == server })
}

// restart has the half forget all but the text of its file.
func (h *half) restart(now time.Time) {
	h.t.Helper()
	text, err := h.set.Export(boot)
	if err != nil {
		h.t.Fatal(err)
	}
	h.set = overrides.Set{Host: h.set.Host} // and its configuration
	if err := h.set.Import(text, boot); err != nil {
		h.t.Fatal(err)
	}
	h.set.Expire(h.clock(now))
}

// hear takes in a message, and gives the answer.
func (h *half) hear(now time.Time, from string, m overrides.Message) overrides.Heard {
	if h.cursors[from] == nil {
		h.cursors[from] = &overrides.Cursor{}
	}
	return h.set.Hear(h.clock(now), m, h.cursors[from])
}

// talk has two halves tell each other what they have, and gives how many messages that took.
func talk(t *testing.T, now time.Time, a, b *half) (messages int) {
	t.Helper()
	m := a.set.Hello(a.clock(now))
	for from, to := a, b; ; from, to = to, from {
		if messages++; messages > 5000 {
			t.Fatal("they never stop")
		}
		heard := to.hear(now, from.set.Host, m)
		if heard.Answer == nil {
			return messages
		}
		m = *heard.Answer
	}
}

// summary is what holds on a half, in a line.
func (h *half) summary(now time.Time) string {
	h.set.Expire(h.clock(now))
	var list []string
	for _, o := range h.set.List() {
		text := string(o.Kind) + " " + overrides.TargetOf(o).String()
		if o.Kind == event.SetWeight {
			text += fmt.Sprintf(" %d", o.Weight)
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}

func (h *half) wants(now time.Time, want string) {
	h.t.Helper()
	if got := h.summary(now); got != want {
		h.t.Errorf("%s has %q, want %q", h.set.Host, got, want)
	}
}

const day = 24 * time.Hour

func TestAHalfThatWasDownForADay(t *testing.T) {
	a, b := newHalf(t, "lb1", 0), newHalf(t, "lb2", 0)
	now := noon
	a.drain(now, "10.0.0.2", 0)
	a.drain(now, "10.0.0.3", 0)
	talk(t, now, a, b)
	b.wants(now, "drain 10.0.0.2, drain 10.0.0.3")
	a.end(now.Add(time.Hour), "10.0.0.2")
	a.drain(now.Add(time.Hour), "10.0.0.3", time.Hour) // over when the other half is back
	a.restart(now.Add(2 * time.Hour))
	now = now.Add(day)
	b.restart(now)
	b.wants(now, "drain 10.0.0.2, drain 10.0.0.3")
	talk(t, now, b, a)
	for _, h := range []*half{a, b} {
		h.wants(now, "")
		h.restart(now)
		h.wants(now, "")
	}
}

// TestClocksThatDiffer by ten minutes: what was said last holds, whoever's clock is ahead.
func TestClocksThatDiffer(t *testing.T) {
	for _, off := range []time.Duration{-10 * time.Minute, 10 * time.Minute} {
		a, b := newHalf(t, "lb1", off), newHalf(t, "lb2", 0)
		now := noon
		for round := range 6 {
			first, second := a, b
			if round%2 == 1 {
				first, second = b, a
			}
			first.drain(now, "10.0.0.2", 0)
			first.weigh(now, "10.0.0.3", round)
			talk(t, now, first, second)
			now = now.Add(time.Second)
			second.end(now, "10.0.0.2")
			second.weigh(now, "10.0.0.3", 10+round)
			talk(t, now, first, second)
			for _, h := range []*half{a, b} {
				h.wants(now, fmt.Sprintf("weight 10.0.0.3 %d", 10+round))
			}
			now = now.Add(time.Second)
		}
		a.drain(now, "10.0.0.4", time.Hour)
		talk(t, now, a, b)
		end := a.clock(now).Add(time.Hour)
		if got := b.set.Next(); !got.Equal(end) {
			t.Errorf("it ends at %v, want %v", got, end)
		}
		now = now.Add(2 * time.Hour)
		a.wants(now, "weight 10.0.0.3 15")
		b.wants(now, "weight 10.0.0.3 15")
	}
}

// TestAWrongClock of one half is not obeyed, is said, and is without a trace when it was set right.
func TestAWrongClock(t *testing.T) {
	for name, tc := range map[string]struct {
		off  time.Duration
		want bool // it is taken in at once
	}{
		"hours ahead": {5 * time.Hour, true},
		"years ahead": {10 * 365 * day, false},
		"the last":    {200 * 365 * day, false},
		"years ago":   {-30 * 365 * day, true},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := newHalf(t, "lb1", tc.off), newHalf(t, "lb2", 0)
			now := noon
			a.drain(now, "10.0.0.2", 0)
			a.drain(now, "10.0.0.3", 0)
			a.end(now, "10.0.0.3")
			heard := b.hear(now, "lb1", a.set.Tell(a.clock(now), a.set.Fresh()))
			if taken := len(heard.Changes) > 0; taken != tc.want || taken != (heard.Refused == nil) {
				t.Fatalf("taken in: %v, %v", taken, heard.Refused)
			}
			if heard.Refused != nil && (!strings.Contains(heard.Refused.Error(), "lb1") ||
				!strings.Contains(heard.Refused.Error(), "until the clocks agree")) {
				t.Errorf("refused: %v", heard.Refused)
			}
			b.weigh(now, "10.0.0.4", 7)
			if n := talk(t, now, b, a); n > 6 {
				t.Errorf("%d messages in vain", n)
			}
			a.off = 0 // its clock is set right
			a.restart(now)
			talk(t, now, a, b)
			b.wants(now, "drain 10.0.0.2, weight 10.0.0.4 7")
			a.wants(now, "drain 10.0.0.2, weight 10.0.0.4 7")
			for _, r := range append(a.set.Records(), b.set.Records()...) {
				if ahead := r.Stamp.Time().Sub(now); ahead > 6*time.Hour {
					t.Errorf("a stamp is %v ahead", ahead)
				}
			}
			now = now.Add(time.Second)
			b.end(now, "10.0.0.2")
			talk(t, now, a, b)
			a.wants(now, "weight 10.0.0.4 7")
		})
	}
}

func TestBothSayDifferentThingsWhileCutOff(t *testing.T) {
	a, b := newHalf(t, "lb1", 0), newHalf(t, "lb2", 0)
	now := noon
	a.drain(now, "10.0.0.2", 0)
	talk(t, now, a, b)
	a.end(now.Add(time.Minute), "10.0.0.2")
	b.drain(now.Add(2*time.Minute), "10.0.0.2", 0) // the last word
	b.weigh(now.Add(3*time.Minute), "10.0.0.3", 5)
	a.weigh(now.Add(4*time.Minute), "10.0.0.3", 9) // the last word
	a.weigh(now.Add(5*time.Minute), "10.0.0.4", 1) // at the very same time: that of the larger name
	b.weigh(now.Add(5*time.Minute), "10.0.0.4", 2)
	b.drain(now.Add(6*time.Minute), "10.0.0.5", 0)
	now = now.Add(time.Hour)
	talk(t, now, a, b)
	for _, h := range []*half{a, b} {
		h.wants(now, "drain 10.0.0.2, drain 10.0.0.5, weight 10.0.0.3 9, weight 10.0.0.4 2")
	}
	if n := talk(t, now, a, b); n != 1 {
		t.Errorf("halves that have the same need %d messages", n)
	}
}

// TestAnUnknownRealServer of the other half is kept and passed on.
func TestAnUnknownRealServer(t *testing.T) {
	a, b, c := newHalf(t, "lb1", 0), newHalf(t, "lb2", 0), newHalf(t, "lb3", 0)
	cfg := config(t, services)
	o := drain("[198.51.100.9]:tcp:8080", "[10.99.0.1]:tcp:8080", time.Time{})
	a.add(o)
	talk(t, noon, a, b)
	b.set.Follow(cfg, cfg)
	b.set.Reloaded(cfg, cfg)
	b.restart(noon)
	talk(t, noon, b, c)
	for _, h := range []*half{a, b, c} {
		h.wants(noon, "drain [10.99.0.1]:tcp:8080 in [198.51.100.9]:tcp:8080")
		if got := h.set.List()[0]; got.Stamp.Host != "lb1" || got.By != "root" || got.Reason != "kernel update" {
			t.Errorf("%s has %+v", h.set.Host, got)
		}
	}
	if ended := c.end(noon.Add(time.Minute), "[10.99.0.1]:tcp:8080"); len(ended) != 1 {
		t.Errorf("ended: %v", ended)
	}
	talk(t, noon.Add(time.Minute), c, b)
	talk(t, noon.Add(time.Minute), b, a)
	a.wants(noon.Add(time.Minute), "")
}

// groups is a configuration of two virtual servers, which balance the same whatever they are called.
func groups(t *testing.T, first, second string) *conf.Config {
	t.Helper()
	text := ""
	for n, name := range []string{first, second} {
		text += fmt.Sprintf("virtual_server_group %s {\n192.0.2.%d 80\n}\nvirtual_server group %s {\nprotocol TCP\n"+
			"lvs_sched rr\nlvs_method DR\nreal_server 10.0.0.%d 80 {\n}\n}\n", name, n+1, name, n+1)
	}
	return config(t, text)
}

// TestHalvesAreRenamedOneAfterTheOther: a drain is of the same virtual server on both at any time,
// and nothing has to be told.
func TestHalvesAreRenamedOneAfterTheOther(t *testing.T) {
	before := groups(t, "A", "B")
	for name, after := range map[string]*conf.Config{
		"one": groups(t, "C", "B"), "both": groups(t, "C", "D"), "they change places": groups(t, "B", "A"),
		"one takes the other": groups(t, "B", "C"),
	} {
		for _, restarted := range []bool{false, true} {
			t.Run(fmt.Sprint(name, restarted), func(t *testing.T) {
				a, b := newHalf(t, "lb1", 0), newHalf(t, "lb2", 0)
				first, second := after.VirtualServers[0].String(), after.VirtualServers[1].String()
				for _, h := range []*half{a, b} {
					h.set.Know(before)
				}
				a.add(drain("[A]:0", "10.0.0.1", time.Time{}))
				a.add(drain("[B]:0", "10.0.0.2", time.Time{}))
				talk(t, noon, a, b)
				digest := a.set.Digest()
				a.set.Follow(before, after)
				a.set.Know(after)
				if n := talk(t, noon, a, b); n != 1 || a.set.Digest() != digest {
					t.Errorf("a rename takes %d messages", n)
				}
				renamed := fmt.Sprintf("drain 10.0.0.1 in %s, drain 10.0.0.2 in %s", first, second)
				a.wants(noon, renamed)
				b.wants(noon, "drain 10.0.0.1 in [A]:0, drain 10.0.0.2 in [B]:0")

				a.add(drain(second, "10.0.0.2", noon.Add(time.Hour))) // in the place of the one before
				talk(t, noon, a, b)
				if list := b.set.List(); len(list) != 2 || list[1].VirtualServer != "[B]:0" || list[1].Until.IsZero() {
					t.Errorf("lb2 has %+v", list)
				}
				if restarted {
					b.restart(noon)
				} else {
					b.set.Follow(before, after)
				}
				b.set.Know(after)
				b.wants(noon, renamed)
				b.restart(noon) // a name that was learned is kept
				b.set.Know(after)
				b.wants(noon, renamed)
				b.end(noon.Add(time.Minute), "10.0.0.1")
				talk(t, noon.Add(time.Minute), a, b)
				a.wants(noon.Add(time.Minute), "drain 10.0.0.2 in "+second)

				a.add(drain(first, "10.0.0.1", time.Time{})) // is of what has the name now
				talk(t, noon.Add(time.Minute), a, b)
				a.wants(noon.Add(time.Minute), renamed)
				b.wants(noon.Add(time.Minute), renamed)
			})
		}
	}
}

// TestForOneHalfOnly: nothing of it is told, and it comes before what all have.
func TestForOneHalfOnly(t *testing.T) {
	a, b := newHalf(t, "lb1", 0), newHalf(t, "lb2", 0)
	now := noon
	local := weight("", "10.0.0.2", event.SourceOperator, 3)
	local.Local = true
	a.add(local)
	a.add(weight("", "10.0.0.2", event.SourceKernel, 4))
	if list := a.set.Records(); len(list) != 0 {
		t.Errorf("told: %v", list)
	}
	b.weigh(now, "10.0.0.2", 8)
	b.drain(now, "10.0.0.3", 0)
	talk(t, now, a, b)
	a.wants(now, "drain 10.0.0.3, weight 10.0.0.2 4, weight 10.0.0.2 3")
	b.wants(now, "drain 10.0.0.3, weight 10.0.0.2 8")

	if l := a.set.Lift(func(o event.Override) bool { return o.Kind == event.Drain }); len(l) != 1 {
		t.Errorf("lifted: %v", l)
	}
	talk(t, now, a, b)
	a.restart(now)
	a.wants(now, "weight 10.0.0.2 4, weight 10.0.0.2 3")
	b.wants(now, "drain 10.0.0.3, weight 10.0.0.2 8")
	if l := a.set.Lifted(); len(l) != 1 || l[0].RealServer != "10.0.0.3" {
		t.Errorf("lifted here: %v", l)
	}
	b.drain(now.Add(time.Minute), "10.0.0.3", time.Hour) // asked for anew
	b.drain(now.Add(time.Minute), "10.0.0.4", time.Hour)
	talk(t, now.Add(time.Minute), b, a)
	a.wants(now, "drain 10.0.0.3, drain 10.0.0.4, weight 10.0.0.2 4, weight 10.0.0.2 3")

	a.set.Lift(func(o event.Override) bool { return o.RealServer == "10.0.0.4" })
	now = now.Add(2 * time.Minute)
	a.end(now, "10.0.0.4") // on all
	a.weigh(now, "10.0.0.2", 20)
	talk(t, now, a, b)
	a.wants(now, "drain 10.0.0.3, weight 10.0.0.2 4, weight 10.0.0.2 20")
	b.wants(now, "drain 10.0.0.3, weight 10.0.0.2 20")
}

// TestWhatHasEndedIsKnownFor30Days, and then forgotten by all without coming back.
func TestWhatHasEndedIsKnownFor30Days(t *testing.T) {
	a, b, c := newHalf(t, "lb1", 0), newHalf(t, "lb2", 9*time.Minute), newHalf(t, "lb3", 0)
	now := noon
	for n := range 5 {
		a.drain(now, fmt.Sprintf("10.0.0.%d", n), 0)
	}
	talk(t, now, a, b)
	talk(t, now, a, c)
	for n := range 3 {
		a.end(now.Add(time.Hour), fmt.Sprintf("10.0.0.%d", n))
	}
	a.drain(now.Add(time.Hour), "10.0.0.3", time.Hour) // ends by itself
	talk(t, now.Add(time.Hour), a, b)

	now = now.Add(29 * day) // lb3 was away for less than 30 days
	for _, h := range []*half{a, b} {
		h.set.Forget(h.clock(now))
	}
	talk(t, now, c, a)
	for _, h := range []*half{a, b, c} {
		h.wants(now, "drain 10.0.0.4")
		if n := len(h.set.Records()); n != 5 {
			t.Errorf("%s has %d records, want 5", h.set.Host, n)
		}
	}

	now = noon.Add(30*day + time.Hour - 5*time.Minute) // which lb2 takes for more
	b.set.Forget(b.clock(now))
	a.set.Forget(a.clock(now))
	talk(t, now, a, b)
	if n, m := len(a.set.Records()), len(b.set.Records()); n != 5 || m != 2 {
		t.Errorf("lb1 has %d records and lb2 %d: what was forgotten has come back", n, m)
	}
	now = now.Add(2 * time.Hour)
	for _, h := range []*half{a, b, c} {
		h.set.Forget(h.clock(now))
		if n := len(h.set.Records()); n != 1 {
			t.Errorf("%s has %d records, want 1", h.set.Host, n)
		}
	}
	talk(t, now, a, b)
	talk(t, now, b, c)
	c.wants(now, "drain 10.0.0.4")
}

// TestAHalfThatWasAwayForMonths brings back what was ended meanwhile: nobody else knows of it.
func TestAHalfThatWasAwayForMonths(t *testing.T) {
	a, b := newHalf(t, "lb1", 0), newHalf(t, "lb2", 0)
	a.drain(noon, "10.0.0.2", 0)
	talk(t, noon, a, b)
	a.end(noon.Add(time.Hour), "10.0.0.2")
	now := noon.Add(60 * day)
	a.set.Forget(now)
	heard := a.hear(now, "lb2", b.set.Hello(now))
	heard = b.hear(now, "lb1", *heard.Answer)
	heard = a.hear(now, "lb2", *heard.Answer)
	a.wants(now, "drain 10.0.0.2")
	if len(heard.Changes) != 1 {
		t.Fatalf("changes: %v", heard.Changes)
	}
	if line, what, o := heard.Changes[0].Words(); line != "draining: lb1 asked for it" || what != "drain" ||
		!o.Since.Equal(noon) || o.By != "somebody on lb1" {
		t.Errorf("%q, %q, %+v", line, what, o)
	}
}

func TestAFileOfTheLastRelease(t *testing.T) {
	const text = `{
  "version": 1,
  "boot": "1f0c",
  "overrides": [
    {"real_server": "10.0.0.2", "kind": "drain", "weight": 0, "until": "0001-01-01T00:00:00Z", "reason": "update",
     "source": "operator", "since": "2026-01-02T11:00:00.123456789+01:00", "by": "eve"},
    {"virtual_server": "FWM 5", "real_server": "10.0.0.4", "kind": "weight", "weight": 3,
     "until": "2026-01-03T12:00:00Z", "source": "operator", "since": "2026-01-02T10:00:00Z"},
    {"virtual_server": "FWM 5", "real_server": "[10.0.0.4]:tcp:0", "kind": "weight", "weight": 4,
     "until": "0001-01-01T00:00:00Z", "source": "kernel", "since": "2026-01-02T10:00:00Z"}
  ]
}`
	a, b := newHalf(t, "lb1", 0), newHalf(t, "lb2", 0)
	file := filepath.Join(t.TempDir(), "overrides.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := a.set.Load(file, boot); err != nil {
		t.Fatal(err)
	}
	first := a.set.List()
	want := event.Stamp{At: time.Date(2026, 1, 2, 10, 0, 0, 123456789, time.UTC).UnixMicro(), Host: "lb1"}
	if len(first) != 3 || first[0].Stamp != want || first[0].By != "eve" || first[2].Weight != 4 ||
		first[2].Stamp != (event.Stamp{}) {
		t.Errorf("read: %+v", first)
	}
	a.restart(noon)
	if diff := cmp.Diff(first, a.set.List()); diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
	b.drain(noon, "10.0.0.2", time.Hour) // is later
	talk(t, noon, a, b)
	a.wants(noon.Add(2*time.Hour), "weight 10.0.0.4 in FWM 5 3, weight [10.0.0.4]:tcp:0 in FWM 5 4")
	b.wants(noon.Add(2*time.Hour), "weight 10.0.0.4 in FWM 5 3")
}

// TestHostileRecords of a peer are refused, each for itself.
func TestHostileRecords(t *testing.T) {
	good := overrides.Record{Override: drain("", "10.0.0.2", time.Time{})}
	good.Stamp = event.Stamp{At: noon.UnixMicro(), Host: "lb1"}
	other := good
	other.RealServer = "10.0.0.3"
	for name, change := range map[string]func(*overrides.Record){
		"no server":            func(r *overrides.Record) { r.RealServer = "" },
		"a word":               func(r *overrides.Record) { r.RealServer = "web" },
		"a long zone":          func(r *overrides.Record) { r.RealServer = "fe80::1%" + strings.Repeat("x", 1000) },
		"a long name":          func(r *overrides.Record) { r.VirtualServer = strings.Repeat("x", 1000) },
		"lines":                func(r *overrides.Record) { r.VirtualServer = "a\nb" },
		"an escape":            func(r *overrides.Record) { r.Reason = "\x1b[2J" },
		"not UTF-8":            func(r *overrides.Record) { r.By = "\xff\xfe" },
		"a long reason":        func(r *overrides.Record) { r.Reason = strings.Repeat("x", 1001) },
		"a long user":          func(r *overrides.Record) { r.By = strings.Repeat("x", 1001) },
		"a kind":               func(r *overrides.Record) { r.Kind = "levitate" },
		"a weight":             func(r *overrides.Record) { r.Kind, r.Weight = event.SetWeight, 65536 },
		"a negative weight":    func(r *overrides.Record) { r.Kind, r.Weight = event.SetWeight, -1 },
		"a drain with one":     func(r *overrides.Record) { r.Weight = 1 },
		"by hand":              func(r *overrides.Record) { r.Source = event.SourceKernel },
		"no source":            func(r *overrides.Record) { r.Source = "" },
		"for one half":         func(r *overrides.Record) { r.Local = true },
		"no host":              func(r *overrides.Record) { r.Stamp.Host = "" },
		"a long host":          func(r *overrides.Record) { r.Stamp.Host = strings.Repeat("h", 1000) },
		"no stamp":             func(r *overrides.Record) { r.Stamp.At = 0 },
		"a negative stamp":     func(r *overrides.Record) { r.Stamp.At = -1 << 63 },
		"the largest stamp":    func(r *overrides.Record) { r.Stamp.At = 1<<63 - 1 },
		"tomorrow and more":    func(r *overrides.Record) { r.Stamp.At = noon.Add(25 * time.Hour).UnixMicro() },
		"for a thousand years": func(r *overrides.Record) { r.Until = noon.AddDate(1000, 0, 0) },
		"a year of 12 digits":  func(r *overrides.Record) { r.Since = time.Unix(1<<50, 0) },
		"an end with a weight": func(r *overrides.Record) { r.Removed, r.Kind, r.Weight = true, event.SetWeight, 7 },
	} {
		b := newHalf(t, "lb2", 0)
		bad := good
		change(&bad)
		m := b.set.Merge(noon, []overrides.Record{bad, other})
		if m.Refused == nil || len(m.Changes) != 1 || len(b.set.List()) != 1 || len(m.Has) != 1 {
			t.Errorf("%s: %v, %v", name, m.Refused, b.set.List())
		}
		b.drain(noon, "10.0.0.9", 0)
		if at := b.set.List()[1].Stamp.Time(); at.Sub(noon).Abs() > time.Second {
			t.Errorf("%s: the next stamp is %v", name, at)
		}
		b.restart(noon)
	}
	for _, m := range []overrides.Message{
		{}, {Sum: 1}, {Sum: 1, Buckets: []byte{1, 2, 3}}, {Sum: 1, Buckets: make([]byte, 1<<20)},
		{Sum: 1, Answer: true}, {More: true, Records: []overrides.Record{{}}}, {Clock: time.Unix(1<<55, 0)},
		{Clock: time.Unix(-1<<60, 0), Has: []event.Stamp{{}}}, {Records: make([]overrides.Record, 10_000)},
	} {
		b := newHalf(t, "lb2", 0)
		b.drain(noon, "10.0.0.9", 0)
		b.hear(noon, "lb1", m)
		b.wants(noon, "drain 10.0.0.9")
	}
}

// TestAPeerFillsNoMemory: what is in force and what has ended are bounded.
func TestAPeerFillsNoMemory(t *testing.T) {
	b := newHalf(t, "lb2", 0)
	record := func(n int, removed bool) (r overrides.Record) {
		r.RealServer, r.Kind, r.Source, r.Removed = fmt.Sprintf("10.%d.%d.%d", n>>16, n>>8&255, n&255), event.Drain,
			event.SourceOperator, removed
		r.Since, r.Stamp = noon, event.Stamp{At: noon.UnixMicro() + int64(n), Host: "lb1"}
		return r
	}
	var list []overrides.Record
	for n := range overrides.Limit + 10 {
		list = append(list, record(n, false))
	}
	if m := b.set.Merge(noon, list); m.Refused == nil || len(m.Changes) != overrides.Limit {
		t.Errorf("%d changes, %v", len(m.Changes), m.Refused)
	}
	list = list[:30_000]
	for n := range list {
		list[n] = record(n, true)
		list[n].Stamp.At += 1_000_000
	}
	b.set.Merge(noon, list)
	if n := len(b.set.Records()); n > overrides.Limit-len(list)+20_000 {
		t.Errorf("%d records", n)
	}
	c := newHalf(t, "lb3", 0) // what is remembered is the same in another order
	slices.Reverse(list)
	c.set.Merge(noon, list)
	if n := len(c.set.Records()); n != 20_000 {
		t.Errorf("%d records of what has ended", n)
	}
	kept := make(map[event.Stamp]bool)
	for _, r := range b.set.Records() {
		kept[r.Stamp] = true
	}
	for _, r := range c.set.Records() {
		if !kept[r.Stamp] {
			t.Fatalf("halves forget different things: %v", r)
		}
	}
}

// TestManyAreTold in messages that are bounded, to a half that has none and one that has many.
func TestManyAreTold(t *testing.T) {
	a, b := newHalf(t, "lb1", 0), newHalf(t, "lb2", 0)
	for n := range 5000 {
		a.drain(noon, fmt.Sprintf("10.1.%d.%d", n>>8, n&255), 0)
		b.weigh(noon, fmt.Sprintf("10.1.%d.%d", n>>8, n&255), 7)
	}
	if m := a.set.Tell(noon, a.set.Fresh()); len(m.Records) != 0 || len(m.Buckets) == 0 {
		t.Errorf("%d records in one message", len(m.Records))
	}
	n := talk(t, noon, a, b)
	if a.set.Digest() != b.set.Digest() || len(b.set.List()) != 10_000 {
		t.Errorf("after %d messages lb2 has %d", n, len(b.set.List()))
	}
	a.drain(noon, "10.9.9.9", 0)
	if n := talk(t, noon, a, b); n > 5 {
		t.Errorf("one more takes %d messages", n)
	}
}

// packet is a message under way.
type packet struct {
	from, to int
	m        overrides.Message
}

// TestInterleavings: halves that say and end things while messages are lost, come twice and in
// another order, and that are started again from their files, have the same when all is quiet.
func TestInterleavings(t *testing.T) {
	for seed := range 1000 {
		r := rand.New(rand.NewSource(int64(seed)))
		halves := []*half{newHalf(t, "lb1", 0), newHalf(t, "lb2", 0), newHalf(t, "lb3", 0)}[:2+seed%2]
		for _, h := range halves {
			h.off = time.Duration(r.Intn(1200)-600) * time.Second
		}
		now, way := noon, []packet(nil)
		say := func(from int, m overrides.Message) {
			for to := range halves {
				if to != from {
					way = append(way, packet{from, to, m})
				}
			}
		}
		for range 60 {
			now = now.Add(time.Duration(r.Intn(int(time.Minute))))
			n := r.Intn(len(halves))
			h, server := halves[n], fmt.Sprintf("10.0.0.%d", 1+r.Intn(4))
			switch r.Intn(10) {
			case 0, 1:
				h.drain(now, server, time.Duration(r.Intn(2)*(1+r.Intn(20)))*time.Minute)
			case 2:
				h.weigh(now, server, r.Intn(3))
			case 3:
				h.end(now, server)
			case 4:
				say(n, h.set.Hello(h.clock(now)))
			case 5:
				h.restart(now)
			case 6:
				h.set.Expire(h.clock(now))
				h.set.Forget(h.clock(now))
			default:
				if len(way) == 0 {
					break
				}
				i := r.Intn(len(way)) // another order
				p := way[i]
				if r.Intn(4) > 0 { // else it comes again
					way = slices.Delete(way, i, i+1)
				}
				if r.Intn(4) == 0 {
					break // it is lost
				}
				if heard := halves[p.to].hear(now, halves[p.from].set.Host, p.m); heard.Answer != nil {
					way = append(way, packet{p.to, p.from, *heard.Answer})
				}
			}
			if fresh := h.set.Fresh(); len(fresh) > 0 {
				say(n, h.set.Tell(h.clock(now), fresh))
			}
		}
		now = now.Add(time.Hour) // what ends by itself has ended for all
		for range 2 {
			for n := range halves {
				talk(t, now, halves[n], halves[(n+1)%len(halves)])
			}
		}
		want := halves[0].summary(now)
		for _, h := range halves[1:] {
			if got := h.summary(now); got != want || h.set.Digest() != halves[0].set.Digest() {
				t.Fatalf("seed %d: lb1 has %q and %s %q", seed, want, h.set.Host, got)
			}
		}
		if len(halves) == 2 {
			sets := []overrides.Set{halves[0].set.Clone(), {Host: "lb4"}, {Host: "lb5"}}
			records := sets[0].Records()
			sets[1].Merge(now, records)
			r.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
			sets[2].Merge(now, append(records, records...))
			for _, s := range sets[1:] {
				if s.Digest() != sets[0].Digest() {
					t.Fatalf("seed %d: the order or the number of records matters", seed)
				}
			}
		}
	}
}

// TestAMessageThatIsABomb: a few megabytes of empty records would take hundreds of them in memory, and
// are not read; what halves say is read as it was said.
func TestAMessageThatIsABomb(t *testing.T) {
	for _, list := range []string{"records", "has"} {
		text := `{"` + list + `":[` + strings.Repeat("{},", 1<<20) + `{}]}`
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := overrides.ReadMessage([]byte(text))
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; err == nil || took > 64<<20 {
			t.Errorf("%s: %d bytes take %d in memory: %v", list, len(text), took, err)
		}
	}
	said := overrides.Message{
		Clock: time.Unix(1_700_000_000, 0).UTC(), Sum: 7, Buckets: []byte{1, 2}, Answer: true, More: true, Refused: "no",
		Records: []overrides.Record{{Removed: true, Override: event.Override{RealServer: "10.0.0.2", Kind: event.Drain}}},
		Has:     []event.Stamp{{At: 5, Host: "lb1"}},
	}
	text, err := json.Marshal(said)
	if err != nil {
		t.Fatal(err)
	}
	if heard, err := overrides.ReadMessage(text); err != nil || !reflect.DeepEqual(heard, said) {
		t.Errorf("said\n%+v\nheard\n%+v: %v", said, heard, err)
	}
}
