package table

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/lvs-director/director/conf"
)

// JournalKey is the text under which a service is written to the journal of
// what is ours: "service tcp 10.0.0.1:80", "service tcp [2001:db8::1]:80",
// "service fwmark 5 inet6".
func JournalKey(k conf.ServiceKey) string {
	if k.FWMark != 0 {
		family := "inet"
		if k.IPv6 {
			family = "inet6"
		}
		return fmt.Sprintf("service fwmark %d %s", k.FWMark, family)
	}
	return fmt.Sprintf("service %s %s", k.Protocol, netip.AddrPortFrom(k.Address, k.Port))
}

// ParseJournalKey is the inverse of JournalKey; ok is false for the keys of
// other owners and for what is not a key.
func ParseJournalKey(text string) (key conf.ServiceKey, ok bool) {
	words := strings.Fields(text)
	switch {
	case len(words) == 4 && words[0] == "service" && words[1] == "fwmark":
		mark, err := strconv.ParseUint(words[2], 10, 32)
		if err != nil || mark == 0 || words[3] != "inet" && words[3] != "inet6" {
			return key, false
		}
		key = conf.ServiceKey{FWMark: uint32(mark), IPv6: words[3] == "inet6"}
	case len(words) == 3 && words[0] == "service":
		at, err := netip.ParseAddrPort(words[2])
		if err != nil {
			return key, false
		}
		for _, p := range []conf.Protocol{conf.TCP, conf.UDP, conf.SCTP} {
			if p.String() == words[1] {
				key = conf.ServiceKey{Protocol: p, Address: at.Addr(), Port: at.Port()}
			}
		}
	}
	return key, key != conf.ServiceKey{}
}
