package announce

import (
	"errors"
	"log/slog"
	"net/netip"
	"sync/atomic"
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

// brokenAnnouncer fails until it is whole.
type brokenAnnouncer struct {
	countingAnnouncer
	whole atomic.Bool
	tries atomic.Int64
}

func (b *brokenAnnouncer) Announce(i link.Interface, a netip.Addr) error {
	if b.tries.Add(1); !b.whole.Load() {
		return errors.New("network is down")
	}
	return b.countingAnnouncer.Announce(i, a)
}

// TestAnAnnouncementThatWasNotSentIsStillOwed: an interface takes a moment to
// work again, and neighbours hear each announcement that was asked for.
func TestAnAnnouncementThatWasNotSentIsStillOwed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kernel := &brokenAnnouncer{}
		a := New(kernel, slog.New(slog.DiscardHandler))
		go a.Run()
		a.Put(Job{Owner: "VI_1", Count: 2, Targets: []Target{{addr: netip.MustParseAddr("10.0.0.1")}}})
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if tries := kernel.tries.Load(); tries < 3 || tries > 20 {
			t.Errorf("%d attempts in 3 s", tries)
		}
		kernel.whole.Store(true)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if kernel.countingAnnouncer != 2 {
			t.Errorf("%d announcements were sent, want 2", kernel.countingAnnouncer)
		}
		kernel.whole.Store(false)
		kernel.tries.Store(0)
		a.Put(Job{Owner: "VI_1", Count: 1, Targets: []Target{{addr: netip.MustParseAddr("10.0.0.1")}}})
		time.Sleep(time.Hour)
		synctest.Wait()
		if tries := kernel.tries.Load(); tries > 30 {
			t.Errorf("%d attempts in an hour: it is never given up", tries)
		}
		a.Close()
		synctest.Wait()
	})
}
