package conf

import "strconv"

// Numbers that the kernel gives names to (linux/rtnetlink.h).
const (
	TableMain = 254
	// ProtocolKeepalived marks what keepalived, and director, have put there.
	ProtocolKeepalived = 18
)

var knownScopes = map[string]uint8{"global": 0, "universe": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255}

// ScopeNumber is the number of a scope's name or text, and whether it is one.
func ScopeNumber(s string) (uint8, bool) {
	if n, ok := knownScopes[s]; ok || s == "" {
		return n, true
	}
	n, err := strconv.ParseUint(s, 0, 8)
	return uint8(n), err == nil
}
