//go:build linux

package pair

import (
	"fmt"

	"github.com/lvs-director/director/integration/lab"
)

// Namespaced is a director that starts in an empty network namespace and finds
// others by name (net_namespace): that of its host as HostNamespace, and More.
type Namespaced struct {
	Director
	// More are processes that live in further namespaces, by their names.
	More map[string]*lab.Process
}

// HostNamespace is the name of the host's network namespace.
const HostNamespace = "lab"

func (n Namespaced) command(h *lab.Host, conf, run, state string) (lab.Command, error) {
	c, err := n.Director.command(h, conf, run, state)
	if err != nil {
		return c, err
	}
	// The names are in a private /run, so this machine's /run is not changed.
	script := "set -e; mount -t tmpfs tmpfs /run; mkdir /run/netns; "
	bind := func(name, namespace string) string {
		return fmt.Sprintf("touch /run/netns/%s; mount --bind %s /run/netns/%[1]s; ", name, namespace)
	}
	script += bind(HostNamespace, "/proc/self/ns/net")
	for name, process := range n.More {
		script += bind(name, fmt.Sprintf("/proc/%d/ns/net", process.Pid))
	}
	script += `exec unshare --net "$@"`
	c.Argv = append([]string{"unshare", "--mount", "sh", "-c", script, "sh"}, c.Argv...)
	return c, nil
}

// Name implements Kind.
func (n Namespaced) Name() string { return n.Director.Name() + "-namespaced" }
