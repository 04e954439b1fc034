package words_test

import (
	"testing"
	"time"

	"github.com/lvs-director/director/words"
)

func TestAge(t *testing.T) {
	now := time.Unix(1e9, 0)
	for d, want := range map[time.Duration]string{
		-time.Second:                            "0ms",
		20 * time.Millisecond:                   "20ms",
		59 * time.Second:                        "59s",
		61 * time.Second:                        "1m1s",
		time.Hour + 2*time.Minute + time.Second: "1h2m",
		50*time.Hour + time.Minute:              "2d2h",
	} {
		if got := words.Age(now, now.Add(-d)); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	if got := words.Age(now, time.Time{}); got != "-" {
		t.Errorf("no time at all: %q", got)
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0 errors", 1: "1 error", 2: "2 errors"} {
		if got := words.Count(n, "error"); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 250 * time.Millisecond: "250ms", 10 * time.Second: "10s", time.Minute: "1m", 10 * time.Minute: "10m",
		90 * time.Second: "1m30s", time.Hour: "1h", 90 * time.Minute: "1h30m", 20 * time.Hour: "20h",
		time.Hour + time.Second: "1h0m1s", -time.Hour: "-1h",
	} {
		if got := words.Duration(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
