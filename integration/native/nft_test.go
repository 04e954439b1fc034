//go:build linux

package native_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/debian"
)

// TestNftListsOurTables: the operator's nft shows every table that director makes, with the mark
// that status names. Debian's nft used to end with a failed assertion at rules whose lengths it
// does not know; then nobody can list or save the host's rules.
func TestNftListsOurTables(t *testing.T) {
	t.Parallel()
	w := watch(t)
	cache, err := debian.OpenCache(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	program, err := cache.Program(t.Context(), "nftables", "usr/sbin/nft")
	if err != nil {
		t.Fatal(err)
	}
	nft := append(append([]string{"env"}, program.Env()...), program.Path)
	w.start(w.a, base(150, "no_accept")+`
virtual_server 192.0.2.20 80 {
    lvs_sched rr
    lvs_method FNAT
    protocol TCP
    real_server 198.51.100.21 80 {
    }
}
virtual_server 2001:db8::20 80 {
    lvs_sched rr
    lvs_method FNAT
    protocol TCP
    local_address 2001:db8::1 2001:db8::2
    real_server 2001:db8:1::21 80 {
    }
}
virtual_server match shop {
    lvs_sched rr
    lvs_method DR
    match {
        192.0.2.30 tcp 80 443
    }
    mark 4660
    real_server 198.51.100.21 {
    }
}
`)
	wanted := []string{"table inet director {", "table inet director-marks {", "table inet director-fullnat {",
		"192.0.2.10", "192.0.2.20 . tcp . 80 . 198.51.100.21", "192.0.2.30 . tcp . 80 : 0x00001234", "masquerade", "snat ip6"}
	var listed string
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("nft: %v\n%s", err, listed)
		}
	})
	w.Until(20*time.Second, "the tables are listed", func() bool {
		listed, err = w.a.Output(append(nft, "list", "ruleset")...)
		for _, text := range wanted {
			if err != nil || !strings.Contains(listed, text) {
				return false
			}
		}
		return true
	})
}
