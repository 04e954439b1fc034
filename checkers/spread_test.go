package checkers_test

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
)

// TestManyNewChecksDoNotBeginAtOnce: a reload that adds many checks with warmup 0 spreads them over
// a second, or their delay_loop; a few begin at once.
func TestManyNewChecksDoNotBeginAtOnce(t *testing.T) {
	for _, test := range []struct {
		name     string
		count    int
		interval time.Duration
		span     time.Duration
	}{
		{"one", 1, 10 * time.Second, 0},
		{"a hundred", 100, 10 * time.Second, 0},
		{"a thousand", 1000, 10 * time.Second, time.Second},
		{"a thousand, often", 1000, 400 * time.Millisecond, 400 * time.Millisecond},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(verdicts(true))
				old := tcpChecker()
				l.Apply(config([]conf.Checker{old}), nil)
				pause(5 * time.Second)
				l.do(func() { l.begun, l.began = nil, time.Now() })
				lists := [][]conf.Checker{{old}}
				for i := range test.count {
					c := tcpChecker()
					c.Interval = test.interval
					c.ConnectIP = netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})
					lists = append(lists, []conf.Checker{c})
				}
				l.Apply(config(lists...), nil)
				pause(max(test.span, time.Millisecond))
				l.Close()
				first, tenths, latest := map[string]bool{}, map[time.Duration]int{}, time.Duration(0)
				for _, run := range l.begun {
					when, name, _ := strings.Cut(run, " ")
					at, err := time.ParseDuration(when)
					if err != nil {
						t.Fatal(err)
					}
					if !first[name] {
						first[name], latest = true, max(latest, at)
						tenths[at.Truncate(100*time.Millisecond)]++
					}
				}
				if len(first) != test.count || latest > test.span || !strings.HasPrefix(l.begun[0], "0s ") {
					t.Errorf("%d of %d have begun, the last one after %v", len(first), test.count, latest)
				}
				if test.span == 0 {
					return
				}
				share := test.count * int(100*time.Millisecond) / int(test.span)
				for at, n := range tenths {
					if n > share*3/2 {
						t.Errorf("%d begin at %v, want about %d", n, at, share)
					}
				}
			})
		})
	}
}
