package hostcheck

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/supervisor/plan"
)

// TestNamespacesOfTheConfiguration: the host is looked at where the configuration
// will run, and a namespace that is not there is said.
func TestNamespacesOfTheConfiguration(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: only root can make a network namespace")
	}
	name := fmt.Sprintf("director-check-%d", os.Getpid())
	if out, err := exec.Command("ip", "netns", "add", name).CombinedOutput(); err != nil {
		t.Skipf("SKIP: no network namespace with a name can be made: %v: %s", err, out)
	}
	t.Cleanup(func() { exec.Command("ip", "netns", "del", name).Run() })
	for _, args := range []string{"link add in0 type veth peer name in1", "addr add 192.0.2.251/24 dev in0",
		"link set in0 alias somebody's"} {
		args = "-n " + name + " " + args
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	cfg := &conf.Config{Path: "a.conf", NetworkNamespace: name,
		Announces: []*conf.Announce{{Interface: "in0"}, {Interface: "not-there"}}}
	h, err := ThisHost(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if i, ok := h.interfaces["in0"]; !ok || len(h.interfaces) != 3 || len(i.networks) != 1 || i.alias != "somebody's" {
		t.Errorf("the interfaces are %+v", h.interfaces)
	}
	var f plan.Facts
	Look(&f, cfg)
	if f.Host == nil || len(f.Host.Interfaces) != 3 || len(f.Addresses) == 0 || len(f.Unknown) > 0 {
		t.Errorf("a plan knows %+v", f)
	}
	// Of net_namespace_ipvs only the IPVS table is read.
	Look(&f, &conf.Config{Path: "a.conf", IPVSNamespace: name})
	if _, ok := f.Host.Interfaces["in0"]; ok {
		t.Errorf("the interfaces are those of net_namespace_ipvs: %+v", f.Host.Interfaces)
	}
	f = plan.Facts{}
	Look(&f, &conf.Config{Path: "a.conf", IPVSNamespace: "no-such-namespace"})
	if f.Table != nil || !strings.Contains(strings.Join(f.Unknown, ""), "ip netns add no-such-namespace") {
		t.Errorf("the table is %v, unknown is %q", f.Table, f.Unknown)
	}

	cfg = &conf.Config{Path: "a.conf", IPVSNamespace: "no-such-namespace"}
	if h, err = ThisHost(cfg); err != nil {
		t.Fatal(err)
	}
	found := Findings(cfg, h)
	if len(found) == 0 || found[0].Severity != conf.Error || !strings.Contains(found[0].Message, "no-such-namespace") {
		t.Errorf("found %v", found)
	}
}
