package agree_test

import (
	"testing"
	"time"

	"github.com/lvs-director/director/workers/front/peer/agree"
)

// TestOneConnectionStays: whatever the order in which two directors see their two connections, both keep
// the same one.
func TestOneConnectionStays(t *testing.T) {
	type conn struct{ by, to string }
	keeps := func(own string, order ...conn) conn {
		var there *conn
		link := func(c conn) agree.Link {
			if c.by == own {
				return agree.Link{ID: c.to, Dialed: true}
			}
			return agree.Link{ID: c.by}
		}
		for _, c := range order {
			if there == nil || agree.Replaces(own, link(*there), link(c)) {
				there = &c
			}
		}
		return *there
	}
	ab, ba := conn{"a", "b"}, conn{"b", "a"}
	want := ab
	for _, order := range [][]conn{{ab, ba}, {ba, ab}} {
		for _, own := range []string{"a", "b"} {
			if got := keeps(own, order...); got != want {
				t.Errorf("%s keeps %v of %v", own, got, order)
			}
		}
	}
	if !agree.Replaces("a", agree.Link{ID: "b", Dialed: true}, agree.Link{ID: "c"}) {
		t.Error("a peer that was started again is not listened to")
	}
	if !agree.Replaces("b", agree.Link{ID: "a"}, agree.Link{ID: "a"}) {
		t.Error("a peer that dials again is not listened to")
	}
}

// TestTwoDirectorsAsOnePeer: a process that comes back after another says that there are two; one that was
// started again does not.
func TestTwoDirectorsAsOnePeer(t *testing.T) {
	var s agree.Seen
	for n, c := range []struct {
		id  string
		two bool
	}{{"a", false}, {"a", false}, {"b", false}, {"c", false}, {"b", true}, {"c", true}, {"d", false}} {
		if got := s.Comes(c.id); got != c.two {
			t.Errorf("step %d, %s: two is %v", n, c.id, got)
		}
	}
}

// TestPace: what is said at once may be much, and what is said all the time is bounded.
func TestPace(t *testing.T) {
	p := agree.Pace{PerSecond: 10, AtOnce: 5}
	now := time.Unix(1000, 0)
	for n := range 5 {
		if w := p.Take(now, 1); w != 0 {
			t.Errorf("number %d waits %v", n, w)
		}
	}
	if w := p.Take(now, 1); w != 100*time.Millisecond {
		t.Errorf("the one too many waits %v", w)
	}
	if w := p.Take(now.Add(time.Minute), 5); w != 0 {
		t.Errorf("after a minute it waits %v", w)
	}
}

// TestGreetings: a greeting that cannot be is refused.
func TestGreetings(t *testing.T) {
	const id = `"id":"00112233445566778899aabbccddeeff"`
	for text, good := range map[string]bool{
		`{"protocol":1,"oldest":1,"name":"lb1",` + id + `}`:                              true,
		`{"protocol":7,"oldest":2,"name":"lb1","more":[1],` + id + `}`:                   true,
		`{"protocol":1,"oldest":2,"name":"lb1",` + id + `}`:                              false,
		`{"protocol":1,"oldest":1,"name":"",` + id + `}`:                                 false,
		`{"protocol":1,"oldest":1,"name":"\u001b[2J",` + id + `}`:                        false,
		`{"protocol":1,"oldest":1,"name":"lb1","id":"00"}`:                               false,
		`{"protocol":1,"oldest":1,"name":"lb1","id":"zz112233445566778899aabbccddeeff"}`: false,
		`[]`: false,
	} {
		if _, err := agree.Read([]byte(text)); (err == nil) != good {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestWhoIsRefusedOwesNothing: a minute of a thousand attempts a second is forgotten when it is over.
func TestWhoIsRefusedOwesNothing(t *testing.T) {
	p := agree.Pace{PerSecond: 5, AtOnce: 10}
	now := time.Unix(1_700_000_000, 0)
	taken := 0
	for range 60_000 {
		if p.Try(now, 1) {
			taken++
		}
		now = now.Add(time.Millisecond)
	}
	if taken < 300 || taken > 311 {
		t.Errorf("%d are taken in a minute, want 5 a second", taken)
	}
	if now = now.Add(time.Second); !p.Try(now, 1) {
		t.Error("a second later nobody is taken")
	}
}
