package announce

import (
	"log/slog"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/vrrp/link"
)

// countingAnnouncer counts what it is told to announce.
type countingAnnouncer int

func (c *countingAnnouncer) Announce(link.Interface, netip.Addr) error      { *c++; return nil }
func (c *countingAnnouncer) AnnounceReply(link.Interface, netip.Addr) error { *c++; return nil }
func (c *countingAnnouncer) Close() error                                   { return nil }

// TestAnAnnouncementThatSleptIsNotSent: a process that was stopped between two
// announcements leaves its engine the time to find out that another is MASTER.
func TestAnAnnouncementThatSleptIsNotSent(t *testing.T) {
	for _, lost := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			var sent countingAnnouncer
			a := New(&sent, slog.New(slog.DiscardHandler))
			job := Job{Owner: "VI_1", Count: 3, Targets: []Target{{pause: time.Second, addr: netip.MustParseAddr("10.0.0.1")}}}
			a.take([]Job{job})
			if wait := a.work(); sent != 1 || wait != time.Second {
				t.Fatalf("%d announcements and then a pause of %v, want 1 and 1s", sent, wait)
			}
			time.Sleep(10 * time.Second)
			wait := a.work()
			if sent != 1 || wait <= 0 {
				t.Fatalf("%d announcements after a sleep of 10 s, want none of them now", sent)
			}
			want := countingAnnouncer(3)
			if lost {
				a.take([]Job{{Owner: "VI_1"}})
				want = 1
			}
			for range 3 {
				time.Sleep(wait)
				wait = a.work()
			}
			if sent != want {
				t.Errorf("mastership lost: %v; %d announcements in all, want %d", lost, sent, want)
			}
		})
	}
}
