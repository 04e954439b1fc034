package load_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
)

// TestMoreAddressesThanAnAdvertisementHolds: as in keepalived, what does not fit
// moves to the excluded addresses, and is served.
func TestMoreAddressesThanAnAdvertisementHolds(t *testing.T) {
	var lines []string
	for i := range 260 {
		lines = append(lines, fmt.Sprintf("10.0.%d.%d", 1+i/250, 1+i%250))
	}
	cfg, findings := load.LoadText("t.conf", unicast("virtual_ipaddress {", strings.Join(lines, "\n"), "}",
		"virtual_ipaddress_excluded {", "10.0.9.1", "}"), load.Options{})
	in := cfg.Instances[0]
	if len(in.Addresses) != conf.MostAdvertised || len(in.ExcludedAddresses) != 6 {
		t.Errorf("%d addresses, %d excluded; want 255 and 6", len(in.Addresses), len(in.ExcludedAddresses))
	}
	if got := in.ExcludedAddresses[0].Prefix.Addr().String(); got != "10.0.2.6" {
		t.Errorf("the first that does not fit is %s", got)
	}
	want := "t.conf:260:1: warning: (A) an advertisement holds 255 addresses: the 5 from 10.0.2.6 to 10.0.2.10 move to " +
		"virtual_ipaddress_excluded"
	if len(findings) != 1 || findings[0].String() != want {
		t.Errorf("said %v\nwant %s", findings, want)
	}
}
