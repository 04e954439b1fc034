package probe_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
)

// A real server that is this host itself refuses: it is dead, and not "this host drops answers".
func TestAsClientOfThisHost(t *testing.T) {
	p := newProber(t)
	r := run(t, p, &conf.Checker{Kind: conf.TCPCheck, ConnectIP: netip.MustParseAddr("127.0.0.50"), ConnectPort: 4242,
		AsClient: true, Server: netip.MustParseAddr("127.0.0.1"), FWMark: conf.FirstCheckMark, Timeout: 2 * time.Second})
	if r.Local || r.OK {
		t.Errorf("a refusal that arrived is taken for answers that do not: %+v", r)
	}
}
