package hostcheck_test

import (
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/lvs-director/director/supervisor/hostcheck"
)

// TestLinks: the interfaces and addresses of this host are those that others see.
func TestLinks(t *testing.T) {
	links, err := hostcheck.Links()
	if err != nil {
		t.Fatal(err)
	}
	list, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	if len(links) != len(list) {
		t.Errorf("%d interfaces, want %d", len(links), len(list))
	}
	for _, i := range list {
		var want []netip.Prefix
		addresses, err := i.Addrs()
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range addresses {
			want = append(want, netip.MustParsePrefix(a.String()))
		}
		is := links[i.Name]
		if up := i.Flags&net.FlagUp != 0 && i.Flags&net.FlagRunning != 0; is.Up != up || !slices.Equal(is.Addresses, want) {
			t.Errorf("%s: %+v, want up %t and %v", i.Name, is, up, want)
		}
	}
}
