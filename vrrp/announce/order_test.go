package announce_test

import (
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/vrrp/announce"
	"github.com/lvs-director/director/vrrp/link"
)

// recorder remembers the last byte of each address that was announced.
type recorder struct {
	mu   sync.Mutex
	list []byte
}

func (r *recorder) Announce(_ link.Interface, a netip.Addr) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, a.As4()[3])
	return nil
}

func (r *recorder) AnnounceReply(i link.Interface, a netip.Addr) error { return r.Announce(i, a) }
func (r *recorder) Close() error                                       { return nil }

// TestOrderOfAnnouncements: every address is announced once before any is
// announced again; more addresses of an owner end nothing, any other job of it does.
func TestOrderOfAnnouncements(t *testing.T) {
	eth0 := link.Interface{Index: 2, Name: "eth0", HardwareAddr: []byte{2, 0, 0, 0, 0, 1}, Up: true}
	pacing := announce.NewPacing(&conf.Config{Global: conf.Global{GARPInterval: 10 * time.Millisecond}})
	job := func(owner string, count int, also bool, addresses ...byte) announce.Job {
		j := announce.Job{Owner: owner, Count: count, Also: also}
		for _, a := range addresses {
			j.Targets = append(j.Targets, pacing.Targets(eth0, netip.AddrFrom4([4]byte{10, 0, 0, a}))...)
		}
		return j
	}
	for name, c := range map[string]struct {
		first, later []announce.Job // at once, and 15 ms later, when two have left
		want         []byte
	}{
		"rounds": {
			first: []announce.Job{job("a", 2, false, 1, 2), job("b", 2, false, 3)},
			want:  []byte{1, 2, 3, 1, 2, 3},
		},
		"also": {
			first: []announce.Job{job("a", 2, false, 1, 2, 3), job("b", 1, false, 9)},
			later: []announce.Job{job("a", 2, true, 4, 5)},
			want:  []byte{1, 2, 3, 9, 4, 5, 1, 2, 3, 4, 5},
		},
		"also, at once": {
			first: []announce.Job{job("a", 1, false, 1), job("a", 1, false, 2), job("a", 1, true, 3)},
			want:  []byte{2, 3},
		},
		"instead": {
			first: []announce.Job{job("a", 2, false, 1, 2, 3), job("a", 2, true, 4), job("b", 1, false, 9)},
			later: []announce.Job{job("a", 1, false, 5)},
			want:  []byte{1, 2, 9, 5},
		},
		"the end of all": {
			first: []announce.Job{job("a", 2, false, 1, 2, 3), job("a", 2, true, 4)},
			later: []announce.Job{job("a", 0, false)},
			want:  []byte{1, 2},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &recorder{}
				a := announce.New(r, slog.New(slog.DiscardHandler))
				go a.Run()
				a.Put(c.first...)
				time.Sleep(15 * time.Millisecond)
				a.Put(c.later...)
				time.Sleep(time.Second)
				synctest.Wait()
				if diff := cmp.Diff(c.want, r.list); diff != "" {
					t.Errorf("announced (-want +got):\n%s", diff)
				}
				a.Close()
				synctest.Wait()
			})
		})
	}
}
