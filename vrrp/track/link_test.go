package track_test

import (
	"testing"
	"time"

	"github.com/lvs-director/director/vrrp/track"
)

func TestALinkCountsWhenItLasts(t *testing.T) {
	const sec = time.Second
	type sight struct {
		at   time.Duration
		what string // up, down, gone, or look
		want bool   // counts as up afterwards
	}
	for _, c := range []struct {
		name     string
		down, up time.Duration
		sights   []sight
	}{
		{"without delays", 0, 0, []sight{{0, "up", true}, {sec, "down", false}, {sec + 1, "up", true}}},
		{"the first state counts at once", 5 * sec, 5 * sec, []sight{{0, "down", false}}},
		{"down for long enough", 2 * sec, 0, []sight{
			{0, "up", true}, {sec, "down", true}, {3*sec - 1, "look", true}, {3 * sec, "look", false}, {4 * sec, "up", true}}},
		{"a short loss", 2 * sec, 0, []sight{
			{0, "up", true}, {sec, "down", true}, {2 * sec, "up", true}, {2500 * time.Millisecond, "down", true},
			{4 * sec, "look", true}, {4500 * time.Millisecond, "look", false}}},
		{"told twice is not longer", 2 * sec, 0, []sight{
			{0, "up", true}, {sec, "down", true}, {2 * sec, "down", true}, {3 * sec, "down", false}}},
		{"up for long enough", 0, 3 * sec, []sight{
			{0, "down", false}, {sec, "up", false}, {2 * sec, "down", false}, {3 * sec, "up", false},
			{6*sec - 1, "look", false}, {6 * sec, "look", true}}},
		{"gone is down at once, and begins anew", 9 * sec, 9 * sec, []sight{
			{0, "up", true}, {sec, "gone", false}, {2 * sec, "up", true}, {3 * sec, "down", true}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := track.Link{Down: c.down, Up: c.up}
			start := time.Unix(1_000_000_000, 0)
			for _, s := range c.sights {
				now := start.Add(s.at)
				switch s.what {
				case "look":
					l.Elapse(now)
				case "gone":
					l.Forget()
				default:
					l.See(now, s.what == "up")
				}
				if got := l.IsUp(); got != s.want {
					t.Errorf("%s at %v: counts as up: %v, want %v", s.what, s.at, got, s.want)
				}
			}
		})
	}
}
