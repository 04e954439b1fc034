package main

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/lvs-director/director/virtualserver/ipvs"
)

// TestATableWithoutIPVS: no IPVS is not an empty table, and an import of nothing
// is not a configuration.
func TestATableWithoutIPVS(t *testing.T) {
	n := newNode(t)
	empty := n.program("empty", strings.NewReader("# nothing\n"))
	n.says(1, "ipvs import "+empty, "there is no virtual server in "+empty)
	if d, err := ipvs.Open(); err == nil {
		d.Close()
		t.Skip("SKIP: this kernel has IPVS")
	}
	n.says(1, "ipvs", "the kernel has no IPVS")
	n.says(1, "ipvs import", "the kernel has no IPVS")
}

// TestVRRPWithoutIPVS: a virtual server in the file, and a kernel that has no IPVS,
// keep no virtual address away; status says what is not served.
func TestVRRPWithoutIPVS(t *testing.T) {
	n := newNode(t)
	if d, err := ipvs.Open(); err == nil {
		d.Close()
		t.Skip("SKIP: this kernel has IPVS")
	} else if !errors.Is(err, ipvs.ErrNoIPVS) {
		t.Fatal(err)
	}
	n.writeText("vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n version 3\n advert_int 0.1\n" +
		" virtual_ipaddress {\n  " + vip1 + "\n }\n}\n" +
		"virtual_server 10.77.0.10 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n" +
		" real_server 10.77.0.20 80 {\n  weight 1\n }\n}\n")
	n.start()
	n.until("it is in service", func() bool { return strings.Contains(n.log.String(), "msg=\"in service\"") })
	n.until("the VIP is here", func() bool { return strings.Contains(n.addresses(), vip1) })
	n.says(2, "status", "MASTER", "the kernel has no IPVS")
	if got := strings.Count(n.log.String(), "the kernel has no IPVS"); got > 3 {
		t.Errorf("%d lines say that there is no IPVS", got)
	}
	n.says(0, "reload", "")
	n.stop(syscall.SIGTERM)
	n.has()
}
