//go:build linux

package native_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
	"github.com/vishvananda/netlink"
)

// TestInterfaceThatIsNotThereYet: an instance without its interface is in FAULT, and goes into
// service when the interface appears.
func TestInterfaceThatIsNotThereYet(t *testing.T) {
	stage.Require(t)
	l := lab.New(t)
	network := l.Network("late")
	h := l.Host("dir1")
	d := pair.Start(t, stage.Director(), h, strings.ReplaceAll(soloConf, "eth0", "eth7"))
	time.Sleep(time.Second) // long enough to become MASTER, were it there
	if !d.Running() {
		t.Fatal("director has ended")
	}
	h.Attach(network, "eth7", "192.0.2.2/24")
	l.Until(10*time.Second, "the virtual address is on the new interface", func() bool {
		return h.HasAddress("eth7", pair.VIP)
	})
}

// soloConf is a router alone on its network.
const soloConf = `vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    version 3
    priority 200
    advert_int 0.1
    virtual_ipaddress {
        ` + pair.VIP + `/24
    }
}
`

// TestRefusesASecondDirector: two daemons with the same virtual router in one
// network namespace would fight, so the second does not start, and says why.
func TestRefusesASecondDirector(t *testing.T) {
	stage.Require(t)
	for _, sameRunDir := range []bool{true, false} {
		t.Run(fmt.Sprintf("same run directory %v", sameRunDir), func(t *testing.T) {
			l := lab.New(t)
			h := l.Host("dir1")
			h.Attach(l.Network("front"), "eth0", "192.0.2.2/24")
			d := pair.Start(t, stage.Director(), h, soloConf)
			l.Until(10*time.Second, "the first one is MASTER", func() bool { return h.HasAddress("eth0", pair.VIP) })

			runDir := filepath.Join(h.Dir(), "second")
			if sameRunDir {
				runDir = pair.RunDir(h)
			}
			conf := h.WriteFile("second.conf", soloConf)
			out, err := h.Output(stage.Director().Path, "run", "-f", conf, "--run-dir", runDir, "--state-dir", runDir+"-state")
			if err == nil || !strings.Contains(out, "director") {
				t.Errorf("the second director: %v\n%s", err, out)
			}
			l.Logf("it says: %s", strings.TrimSpace(out))
			if !d.Running() || !h.HasAddress("eth0", pair.VIP) {
				t.Error("the first director has ended or lost its address")
			}
		})
	}
}

// TestNoIPVSInTheKernel: without IPVS in the kernel, director does not start with a configuration
// that has virtual servers. One line says what is missing, and director applies nothing.
func TestNoIPVSInTheKernel(t *testing.T) {
	stage.Require(t)
	if _, err := netlink.GenlFamilyGet("IPVS"); err == nil {
		t.Skip("SKIP: this machine's kernel has IPVS")
	}
	l := lab.New(t)
	h := l.Host("dir1")
	h.Attach(l.Network("front"), "eth0", "192.0.2.2/24")
	conf := h.WriteFile("lb.conf",
		soloConf+"virtual_server "+pair.VIP+" 80 {\n    lb_algo rr\n    lb_kind NAT\n    protocol TCP\n"+
			"    real_server 192.0.2.11 80 {\n    }\n}\n")
	state := filepath.Join(h.Dir(), "state")
	if err := os.MkdirAll(state, 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := h.Output(stage.Director().Path, "run", "-f", conf, "--run-dir", filepath.Join(h.Dir(), "run"),
		"--state-dir", state)
	if err == nil {
		t.Errorf("director ended with status 0, want a failure:\n%s", out)
	}
	if !strings.Contains(out, "IPVS") {
		t.Errorf("director does not name what is missing:\n%s", out)
	}
	if h.HasAddress("eth0", pair.VIP) {
		t.Error("the virtual address is there though director did not start")
	}
}
