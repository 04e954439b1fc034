package lvs

import (
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
)

// TestASourceAddressThatIsNotOurs is said once, and is a problem for as long as it lasts. All
// else is in service.
func TestASourceAddressThatIsNotOurs(t *testing.T) {
	pool, elsewhere := netip.MustParseAddr("10.0.0.9"), netip.MustParseAddr("203.0.113.9")
	bubble(t, func(r *rig) {
		var has atomic.Bool
		r.addresses = func() ([]netip.Addr, error) {
			if has.Load() {
				return []netip.Addr{pool, elsewhere}, nil
			}
			return []netip.Addr{pool}, nil
		}
		cfg := withFullNAT(first)
		cfg.VirtualServers[0].LocalAddresses = []netip.Addr{pool, elsewhere}
		r.configure(1, cfg, nil)
		r.has(first)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if got := last(r, tableOf); !strings.HasPrefix(got.Refused, "local_address 203.0.113.9 of ") {
			t.Errorf("the table was told as %+v", got)
		}
		if n := strings.Count(r.log.String(), "203.0.113.9"); n != 1 {
			t.Errorf("it was said %d times:\n%s", n, r.log.String())
		}
		has.Store(true)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got := last(r, tableOf); got.Refused != "" {
			t.Errorf("with the address the table was told as %+v", got)
		}
	})
}

// TestASourceAddressThatTheConfigurationBrings is there when it is needed: on the master.
func TestASourceAddressThatTheConfigurationBrings(t *testing.T) {
	a := netip.MustParseAddr("192.0.2.9")
	cfg := withFullNAT(first)
	cfg.VirtualServers[0].LocalAddresses = []netip.Addr{a}
	if foreignPool(cfg, nil) == "" {
		t.Error("nothing is said of an address that nobody brings")
	}
	cfg.Instances = []*conf.Instance{{ExcludedAddresses: []conf.Address{{Prefix: netip.PrefixFrom(a, 24)}}}}
	if text := foreignPool(cfg, nil); text != "" {
		t.Error(text)
	}
}
