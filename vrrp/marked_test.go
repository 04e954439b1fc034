package vrrp_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/vrrptest"
)

// TestWhatCarriesTheMarkGoesAtTheStart: a container was killed and its files
// are gone; the kernel still knows what was ours.
func TestWhatCarriesTheMarkGoesAtTheStart(t *testing.T) {
	for _, tt := range []struct {
		name    string
		alone   bool
		marked  bool
		unknown bool // whether what is in no configuration stays
		vip     bool // whether the configured address stays
	}{
		{name: "alone", alone: true, marked: true},
		{name: "with another director", marked: true, unknown: true},
		{name: "without marks", alone: true, vip: true, unknown: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &vrrptest.Wire{}
				b := newNode(t, w, "10.0.0.2/24")
				b.engine.Stop(true)
				put := b.host.Put
				if tt.marked {
					put = b.host.PutMarked
				}
				put("eth0", vip)
				put("eth0", "10.0.0.77/32") // of an earlier configuration
				b.alone = tt.alone
				b.run()
				b.apply(instance("VI", 100, vip))
				b.want("VI", event.Backup)
				b.wantAddress(tt.vip, vip)
				b.wantAddress(tt.unknown, "10.0.0.77/32")
				shown := slices.ContainsFunc(b.trouble(), func(p event.Problem) bool {
					return p.Kind == event.Stray && strings.Contains(p.String(), "ip address del 10.0.0.77/32 dev eth0")
				})
				if want := tt.marked && !tt.alone; shown != want {
					t.Errorf("it is shown: %v, want %v: %v", shown, want, b.trouble())
				}
				if shown { // until it is gone
					b.host.Take("eth0", "10.0.0.77/32")
					after(time.Minute)
					if left := b.trouble(); len(left) != 0 {
						t.Errorf("it is gone: %v", left)
					}
				}
				b.wantAddress(true, "10.0.0.2/24")
			})
		})
	}
}

// TestAVirtualAddressOfABackupIsAProblem: two hosts answer for it, and the
// command that ends it is said.
func TestAVirtualAddressOfABackupIsAProblem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a, b := pair(t)
		after(5 * time.Second)
		if got := append(a.trouble(), b.trouble()...); len(got) != 0 {
			t.Errorf("problems of a healthy pair: %v", got)
		}
		b.host.Put("eth0", vip)
		after(5 * time.Second)
		got := b.trouble()
		if len(got) != 1 || got[0].Kind != event.Conflict || len(got[0].Instances) != 1 || got[0].Instances[0] != "VI" {
			t.Fatalf("problems: %v, want one conflict of VI", got)
		}
		if n := b.log.count("ip address del " + vip + " dev eth0"); n != 1 {
			t.Errorf("it was logged %d times, want once:\n%s", n, b.log)
		}
		b.host.Take("eth0", vip)
		after(5 * time.Second)
		if got := b.trouble(); len(got) != 0 {
			t.Errorf("problems after it was removed: %v", got)
		}
		// As MASTER it is its own.
		a.crash(w)
		after(10 * time.Second)
		b.want("VI", event.Master)
		if got := b.trouble(); len(got) != 0 {
			t.Errorf("problems of a MASTER: %v", got)
		}
	})
}

// TestAVirtualAddressIsAConflictWithAnyPrefixAndDevice: neighbours are answered
// all the same; on lo it is a real server's of direct routing.
func TestAVirtualAddressIsAConflictWithAnyPrefixAndDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, b := pair(t)
		b.host.Plug(3, "eth1", w, "10.1.0.2/24")
		b.host.Plug(4, "lo", w, "127.0.0.1/8")
		bare, _, _ := strings.Cut(vip, "/")
		for _, c := range []struct{ device, prefix string }{{"eth0", bare + "/28"}, {"eth1", bare + "/24"}} {
			b.host.Put(c.device, c.prefix)
			after(5 * time.Second)
			want := "remove it with ip address del " + c.prefix + " dev " + c.device
			if got := b.trouble(); len(got) != 1 || got[0].Kind != event.Conflict || got[0].Error != want {
				t.Errorf("problems: %v, want one conflict: %s", got, want)
			}
			b.host.Take(c.device, c.prefix)
			after(5 * time.Second)
		}
		b.host.Put("lo", bare+"/32")
		after(5 * time.Second)
		if got := b.trouble(); len(got) != 0 {
			t.Errorf("problems: %v", got)
		}
	})
}

func TestTheOwnersAddressIsNoProblem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newNode(t, &vrrptest.Wire{}, "10.0.0.2/24")
		b.host.Put("eth0", vip)
		b.apply(with(instance("VI", 255, vip), func(i *conf.Instance) {}))
		after(5 * time.Second)
		b.host.SetUp("eth0", false)
		after(5 * time.Second)
		if got := b.trouble(); len(got) != 0 {
			t.Errorf("problems: %v", got)
		}
	})
}

// TestRoutesAndRulesWithAProtocolOfTheirOwnGoAtTheStart: they do not carry the
// mark, but stand in the configuration exactly as in the kernel.
func TestRoutesAndRulesWithAProtocolOfTheirOwnGoAtTheStart(t *testing.T) {
	const (
		route = "10.79.0.0/16 dev eth0 protocol 4 table 77"
		rule  = "from 10.89.0.0/16 table 100 priority 802 protocol 4"
	)
	for _, c := range []struct {
		name        string
		route, rule string // as the next configuration has them
		stays       bool
	}{
		{"the same configuration", route, rule, false},
		{"another route and rule", "10.79.0.0/16 via 10.0.0.9 dev eth0 protocol 4 table 77",
			"from 10.89.0.0/16 table 100 priority 803 protocol 4", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &vrrptest.Wire{}
				a := newNode(t, w, "10.0.0.1/24")
				a.masterOf(routed(t, route, rule, ""))
				made := a.host.RouteTexts()
				if len(made) != 2 {
					t.Fatalf("a MASTER has %v", made)
				}
				a.engine.Stop(false)                          // as if killed
				a.journal = &journal{held: map[string]bool{}} // the directories are deleted
				a.run()
				a.applyConfig(routed(t, c.route, c.rule, ""), nil)
				after(time.Second)
				a.want("VI", event.Backup)
				if c.stays {
					a.wantRoutes(made...)
				} else {
					a.wantRoutes()
				}
			})
		})
	}
}
