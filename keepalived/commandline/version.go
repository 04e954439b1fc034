package commandline

import (
	"fmt"
	"time"
)

// Version is the keepalived whose interfaces these are.
const Version = "2.2.7"

// VersionText is what -v prints. Readers take the second word of the first line, cut one
// "v" and want numbers with dots between; they want a second line, and look for
// --enable-json.
func VersionText(program string, built time.Time) string {
	return fmt.Sprintf(`%s

This is director %s, which speaks for keepalived.

configure options: --enable-json
Config options:  LVS VRRP VRRP_VMAC JSON NFTABLES

System options:  LIBNL3 RTA_ENCAP IFA_PROTO NETNS
`, Banner(built), program)
}

// Banner is what keepalived calls itself, with its version and its date.
func Banner(built time.Time) string {
	return fmt.Sprintf("Keepalived v%s (%s)", Version, built.UTC().Format("01/02,2006"))
}
