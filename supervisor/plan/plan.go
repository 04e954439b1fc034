package plan

import (
	"fmt"
	"io"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/table"
	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/track"
)

// Plan is what would change, a sentence each.
type Plan struct {
	// Restart are changes that a reload cannot make.
	Restart []string `json:"needs_restart,omitempty"`
	// Unknown is what could not be looked at.
	Unknown []string `json:"unknown,omitempty"`

	Clients   []string `json:"clients_notice"`
	Slowly    []string `json:"leaves_slowly"`
	Quiet     []string `json:"nobody_notices"`
	Untouched []string `json:"untouched"`
	// Foreign is what the kernel has that is not configured. It stays.
	Foreign []string `json:"not_asked_for"`
}

// Nothing says that nothing would change, and that this is certain.
func (p Plan) Nothing() bool {
	return len(p.Restart)+len(p.Unknown)+len(p.Clients)+len(p.Slowly)+len(p.Quiet) == 0
}

// Facts are what is known beside the configurations. Zero values are unknown.
type Facts struct {
	// Instances are the states of the running instances, by name.
	Instances map[string]event.VRRPState
	// Table is the kernel's IPVS table; nil when it is not known. In a plan
	// against a running director only keys and weights are looked at.
	Table table.Table
	// Connections are those of the kernel's real servers.
	Connections map[Server]Connections
	// Host is what instances need of this host; nil when it is not known.
	Host *track.Host
	// Addresses are on the host's interfaces.
	Addresses []link.HostAddress
	// Routing is what the kernel has of routes and rules; nil when it is not
	// known. AgainstKernel alone looks at it.
	Routing *Routing
	// Unknown says what could not be looked at, in words.
	Unknown []string
	// WithoutEffect says which words about the kernel's state are not acted on:
	// whoever acts on them now leaves a gap. AgainstKernel alone looks at it.
	WithoutEffect []string
}

// Server is a real server in the kernel's table.
type Server struct {
	Service conf.ServiceKey
	Real    conf.ServerKey
}

// Connections of a real server.
type Connections struct{ Active, Inactive int }

// headings of the five parts, in their order.
var headings = [...]string{
	"what clients notice",
	"what leaves slowly",
	"what nobody notices",
	"what is untouched",
	"what the kernel has that is not configured, and keeps",
}

// DefaultLines is how many lines of a part are written unless more are asked for.
const DefaultLines = 40

// Write writes the plan for people, with at most lines lines in each part; 0 is all.
func (p Plan) Write(w io.Writer, lines int) error {
	var b strings.Builder
	for _, r := range p.Restart {
		fmt.Fprintf(&b, "NOT BY A RELOAD: %s\n", r)
	}
	for _, u := range p.Unknown {
		fmt.Fprintf(&b, "NOT KNOWN: %s\n", u)
	}
	parts := [...][]string{p.Clients, p.Slowly, p.Quiet, p.Untouched, p.Foreign}
	if p.Nothing() {
		b.WriteString("nothing would change\n")
	}
	for i, part := range parts {
		if p.Nothing() && len(part) == 0 {
			continue
		}
		fmt.Fprintf(&b, "%s:\n", headings[i])
		if len(part) == 0 {
			b.WriteString("  nothing\n")
		}
		for n, line := range part {
			if lines > 0 && n == lines {
				fmt.Fprintf(&b, "  ... and %d more\n", len(part)-n)
				break
			}
			fmt.Fprintf(&b, "  %s\n", line)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
