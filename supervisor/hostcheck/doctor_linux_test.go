package hostcheck

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/doctor"
	"github.com/lvs-director/director/netns"
)

// ailing is a configuration for a host on which little is as it should be.
const ailing = `net_namespace %s
vrrp_instance V {
    interface in0
    virtual_router_id 51
    virtual_ipaddress {
        192.0.2.10/32
    }
}
virtual_server 192.0.2.10 80 {
    lb_algo rr
    lb_kind DR
    protocol TCP
    real_server 10.0.0.2 80 {
    }
}
virtual_server 192.0.2.11 443 {
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server 10.9.9.9 80 {
    }
}
virtual_server fwmark 7 {
    lb_algo rr
    lb_kind NAT
    real_server 10.0.0.2 80 {
    }
}
`

// TestSymptoms: what doctor finds is what is there, in the network namespace of the
// configuration: addresses, settings, routes, ARP, filters and marks.
func TestSymptoms(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: only root can make a network namespace")
	}
	name, real := fmt.Sprintf("director-doctor-%d", os.Getpid()), fmt.Sprintf("director-server-%d", os.Getpid())
	run := func(argv ...string) {
		t.Helper()
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v: %s", argv, err, out)
		}
	}
	in := func(namespace, command string) {
		t.Helper()
		run(append([]string{"ip", "netns", "exec", namespace}, strings.Fields(command)...)...)
	}
	set := func(namespace, setting, value string) {
		t.Helper()
		err := netns.Do(namespace, func() error {
			return os.WriteFile("/proc/sys/net/ipv4/"+setting, []byte(value), 0)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	filter := func(change func(*nftables.Conn)) {
		t.Helper()
		err := netns.Do(name, func() error {
			c, err := nftables.New()
			if err != nil {
				return err
			}
			change(c)
			return c.Flush()
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []string{name, real} {
		if out, err := exec.Command("ip", "netns", "add", n).CombinedOutput(); err != nil {
			t.Skipf("SKIP: no network namespace with a name can be made: %v: %s", err, out)
		}
		t.Cleanup(func() { exec.Command("ip", "netns", "del", n).Run() })
	}
	in(name, "ip link add in0 type veth peer name eth0 netns "+real)
	in(real, "ip addr add 10.0.0.2/24 dev eth0")
	in(real, "ip addr add 192.0.2.10/32 dev lo") // and nothing keeps it from answering ARP
	in(real, "ip link set lo up")
	in(real, "ip link set eth0 up")
	in(name, "ip addr add 10.0.0.1/24 dev in0")
	in(name, "ip addr add 192.0.2.10/32 dev lo") // in0 is where it belongs
	in(name, "ip link set lo up")
	in(name, "ip link set in0 up")
	set(name, "ip_forward", "0")
	set(name, "conf/all/rp_filter", "1")
	drop := nftables.ChainPolicyDrop
	f := &nftables.Table{Family: nftables.TableFamilyINet, Name: "f"}
	input := &nftables.Chain{Table: f, Name: "input", Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookInput,
		Priority: nftables.ChainPriorityFilter, Policy: &drop}
	filter(func(c *nftables.Conn) {
		c.AddTable(f)
		c.AddChain(input)
	})

	look := func() map[string]string {
		t.Helper()
		cfg, findings := load.LoadText("t", fmt.Sprintf(ailing, name), load.Options{})
		if conf.HasErrors(findings) {
			t.Fatal(findings)
		}
		facts, err := Symptoms(cfg)
		if err != nil {
			t.Fatal(err)
		}
		found := make(map[string]string)
		for _, f := range doctor.Examine(facts) {
			found[f.Code] += f.Cause + " (" + f.Evidence + ")\n"
		}
		return found
	}
	found := look()
	for code, want := range map[string]string{
		"ip-forward":     "net.ipv4.ip_forward = 0",
		"rp-filter":      "in0",
		"vip-place":      "it is on lo",
		"arp":            "10.0.0.2 answers ARP",
		"no-route":       "10.9.9.9",
		"filter-vrrp":    "table f, chain input",
		"filter-service": "port 443",
		"mark":           "mark 7",
	} {
		if !strings.Contains(found[code], want) {
			t.Errorf("%s: found %q, want %q", code, found[code], want)
		}
	}

	set(real, "conf/all/arp_ignore", "1")
	in(name, "ip addr del 192.0.2.10/32 dev lo")
	in(name, "ip route add 10.9.9.0/24 via 10.0.0.2")
	set(name, "ip_forward", "1")
	set(name, "conf/all/rp_filter", "0")
	set(name, "conf/in0/rp_filter", "0")
	in(name, "ip addr add 203.0.113.1/32 dev lo") // which 10.0.0.2 has no route to
	filter(func(c *nftables.Conn) {
		accept := &expr.Verdict{Kind: expr.VerdictAccept}
		rule := func(chain *nftables.Chain, list ...expr.Any) {
			c.AddRule(&nftables.Rule{Table: f, Chain: chain, Exprs: list})
		}
		rule(input, &expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{112}}, accept)
		rule(input, &expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{1}}, accept) // ICMP
		for _, port := range []uint16{80, 443} {
			rule(input, &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
				&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binary.BigEndian.AppendUint16(nil, port)}, accept)
		}
		pre := c.AddChain(&nftables.Chain{Table: f, Name: "pre", Type: nftables.ChainTypeFilter,
			Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityMangle})
		rule(pre, &expr.Immediate{Register: 1, Data: binary.NativeEndian.AppendUint32(nil, 7)},
			&expr.Meta{Key: expr.MetaKeyMARK, Register: 1, SourceRegister: true})
	})
	found = look()
	for _, code := range []string{"ip-forward", "rp-filter", "vip-place", "arp", "no-route", "filter-vrrp",
		"filter-service", "mark"} {
		if found[code] != "" {
			t.Errorf("cured, and still found: %s", found[code])
		}
	}
	if !strings.Contains(found["nat-gateway"], "10.9.9.9") {
		t.Errorf("a NAT real server behind a router: found %v", found)
	}
	if !strings.Contains(found["nat-gateway"], "none from 203.0.113.1") {
		t.Errorf("a NAT real server without this host as its gateway: found %v", found)
	}

	// A chain that accepts has a rule that drops.
	early := &nftables.Chain{Table: f, Name: "early", Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityRaw}
	filter(func(c *nftables.Conn) {
		c.AddChain(early)
		c.AddRule(&nftables.Rule{Table: f, Chain: early, Exprs: []expr.Any{
			&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{112}},
			&expr.Verdict{Kind: expr.VerdictDrop},
		}})
	})
	found = look()
	if !strings.Contains(found["filter-vrrp"], "table f, chain early has a rule that drops protocol 112") {
		t.Errorf("a rule that drops advertisements: found %v", found)
	}

	gone, _ := load.LoadText("t", fmt.Sprintf(ailing, "no-such-namespace"), load.Options{})
	if _, err := Symptoms(gone); err == nil || !strings.Contains(err.Error(), "no-such-namespace") {
		t.Errorf("a namespace that is not there: %v", err)
	}
}
