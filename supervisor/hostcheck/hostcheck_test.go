package hostcheck

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/virtualserver/ipvs"
)

// goodHost has all that goodConfig needs.
func goodHost() Host {
	return Host{
		interfaces: map[string]hostInterface{
			"lo": {up: true},
			"eth0": {up: true, networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.5/24"),
				netip.MustParsePrefix("fe80::1/64")}},
			"eth1": {up: true, networks: []netip.Prefix{netip.MustParsePrefix("10.1.0.5/24")}},
		},
		user:    func(name string) bool { return name == "root" || name == "scripts" },
		group:   func(name string) bool { return name == "root" },
		program: func(string) (error, error) { return nil, nil },
		file:    func(string) error { return nil },
		there:   func(string) error { return nil },
		notFIFO: func(string) bool { return false },
		resolve: func(string) error { return nil },
		ipvs:    func() error { return nil },
		module:  func(string) presence { return present },
		feature: func(ipvs.Feature) presence { return present },
		setting: settings(nil),
		way:     func(netip.Addr) (string, error) { return "eth0", nil },
	}
}

// settings are those of a host that director may change, but for those of values.
func settings(values map[string]sysctl) func(string) sysctl {
	good := map[string]string{"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1"}
	return func(name string) sysctl {
		if s, ok := values[name]; ok {
			return s
		}
		if v, ok := good[name]; ok {
			return sysctl{v, true}
		}
		return sysctl{"0", true}
	}
}

const goodConfig = `global_defs {
    script_user scripts
    notification_email { a@example.org }
    smtp_server mail.example.org
}
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    virtual_ipaddress {
        10.0.0.100
        10.1.0.100/24 dev eth1
    }
    track_interface {
        eth1
    }
    notify "/usr/bin/tell me"
}
virtual_server 10.0.0.100 80 {
    lb_algo wlc
    lb_kind NAT
    protocol TCP
    real_server 10.1.0.11 80 {
        notify_down "/usr/bin/tell down" root wheel
        MISC_CHECK {
            misc_path "/usr/bin/probe"
        }
    }
}
`

func TestHostFindings(t *testing.T) {
	text := strings.Replace(goodConfig, " wheel", "", 1)
	const server = "[10.0.0.100]:tcp:80, real server [10.1.0.11]:tcp:80: "
	for name, tc := range map[string]struct {
		old, new string
		change   func(*Host)
		want     []string
	}{
		"all is well": {},
		"a real server that is this host": {old: "lb_kind NAT", new: "lb_kind DR\nreal_server 10.0.0.5 80 { weight 1 }",
			want: []string{"18 note: [10.0.0.100]:tcp:80: its real server 10.0.0.5 is this host: it is in the IPVS table only " +
				"while this host is MASTER of VI_1"}},
		"a real server that is this host, said": {old: "lb_kind NAT",
			new: "lb_kind DR\nonly_on_master\nreal_server 10.0.0.5 80 { weight 1 }"},
		"a real server that is this host, of an address of no instance": {old: "virtual_server 10.0.0.100 80 {",
			new: "virtual_server 10.0.0.200 80 {\nreal_server 10.0.0.5 80 {\nlvs_method DR\n}", want: []string{
				"18 warning: [10.0.0.200]:tcp:80: its real server 10.0.0.5 is this host, and no vrrp_instance is known to have " +
					"its address: what another director passes to this one may be passed on again"}},
		"no interface": {change: func(h *Host) { delete(h.interfaces, "eth0") }, want: []string{
			"7 warning: VI_1: this host has no interface eth0: the instance is in FAULT until there is one"}},
		"a link that is down": {change: func(h *Host) {
			h.interfaces["eth0"] = hostInterface{networks: h.interfaces["eth0"].networks}
		},
			want: []string{
				"7 warning: VI_1: interface eth0 is down: the instance is in FAULT until it is up"}},
		"no interface that is tracked": {old: "        eth1\n", new: "        eth2\n", want: []string{
			"13 warning: this host has no interface eth2, which is tracked"}},
		"no address to send from": {change: func(h *Host) { h.interfaces["eth0"] = hostInterface{up: true} }, want: []string{
			"7 warning: VI_1: interface eth0 has no IPv4 address to send advertisements from",
			"9 note: VI_1: 10.0.0.100 is in no network of eth0 (it has none of that family): it is reached by a route only"}},
		"another source": {old: "virtual_router_id 51", new: "virtual_router_id 51\nmcast_src_ip 10.0.0.6", want: []string{
			"9 warning: VI_1: this host has no address 10.0.0.6 to send advertisements from"}},
		"another network": {old: "10.0.0.100\n", new: "192.0.2.1\n", want: []string{
			"9 note: VI_1: 192.0.2.1 is in no network of eth0 (it has 10.0.0.0/24): it is reached by a route only"}},
		"a virtual address that is there": {change: func(h *Host) {
			h.interfaces["eth0"] = hostInterface{up: true, networks: []netip.Prefix{
				netip.MustParsePrefix("10.0.0.5/24"), netip.MustParsePrefix("10.0.0.100/32")}}
		}, want: []string{
			"9 warning: VI_1: 10.0.0.100/32 is on eth0 already, and director did not add it and does not remove it: " +
				"while the instance is not MASTER two hosts answer for it"}},
		"one that a director has put there": {change: func(h *Host) {
			vip := netip.MustParsePrefix("10.0.0.100/32")
			h.interfaces["eth0"] = hostInterface{up: true, networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.5/24"), vip},
				marked: map[netip.Prefix]bool{vip: true}}
		}},
		"the owner's own": {old: "virtual_router_id 51", new: "virtual_router_id 51\npriority 255", change: func(h *Host) {
			h.interfaces["eth0"] = hostInterface{up: true, networks: []netip.Prefix{
				netip.MustParsePrefix("10.0.0.5/24"), netip.MustParsePrefix("10.0.0.100/32")}}
		}},
		"full NAT with an address of another host": {old: "lb_kind NAT",
			new: "lb_kind FNAT\nlocal_address 10.1.0.5 10.0.0.100 10.1.0.6", want: []string{
				"21 warning: local_address 10.1.0.6 is not an address of this host: answers of the real servers do not come back"}},
		"the only peer is this host": {old: "virtual_router_id 51",
			new: "virtual_router_id 51\nunicast_peer {\n10.0.0.5\n}", want: []string{
				"10 warning: VI_1: the only peer 10.0.0.5 is this host: no other router hears it"}},
		"all peers are this host": {old: "virtual_router_id 51",
			new: "virtual_router_id 51\nunicast_peer {\n10.0.0.5\n10.1.0.5\n}", want: []string{
				"10 warning: VI_1: all peers are this host (10.0.0.5, 10.1.0.5): no other router hears it"}},
		"one of the peers is this host": {old: "virtual_router_id 51",
			new: "virtual_router_id 51\nunicast_peer {\n10.0.0.5\n10.0.0.6\n}", want: []string{
				"10 note: VI_1: peer 10.0.0.5 is this host"}},
		"a small MTU": {change: func(h *Host) {
			h.interfaces["eth0"] = hostInterface{up: true, networks: h.interfaces["eth0"].networks, mtu: 56}
		}, want: []string{
			"11 warning: VI_1: an advertisement on eth0, MTU 56, holds 1 virtual address: " +
				"the last one, 10.1.0.100, is not advertised"}},
		"gateways that are reached": {old: "virtual_router_id 51",
			new: "virtual_router_id 51\nvirtual_routes {\n10.9.0.0/16 via 10.5.0.1\n10.8.0.0/16 via 10.1.0.1\n" +
				"10.7.0.0/16 via 10.5.0.1 dev eth0 onlink\n10.5.0.0/24 dev eth1 metric 7\n}"},
		"a gateway in no network of its interface": {old: "virtual_router_id 51",
			new: "virtual_router_id 51\nvirtual_routes {\n10.9.0.0/16 via 10.5.0.1\n10.8.0.0/16 via 10.1.0.1 dev eth0\n}",
			want: []string{
				"10 warning: VI_1: gateway 10.5.0.1 is in no network of this host: the kernel refuses the route to 10.9.0.0/16",
				"11 warning: VI_1: gateway 10.1.0.1 is in no network of eth0: the kernel refuses the route to 10.8.0.0/16"}},
		"a source of a route": {old: "virtual_router_id 51",
			new: "virtual_router_id 51\nvirtual_routes {\n10.9.0.0/16 dev eth0 src 10.0.0.100\n" +
				"10.8.0.0/16 dev eth0 src 10.0.0.9\n}",
			want: []string{
				"11 warning: VI_1: source 10.0.0.9 is not an address of this host: the kernel refuses the route to 10.8.0.0/16"}},
		"packets are not forwarded": {change: func(h *Host) {
			h.setting = settings(map[string]sysctl{"net.ipv4.ip_forward": {"0", true}})
		}, want: []string{
			"20 warning: net.ipv4.ip_forward is 0: clients get no answers from real servers reached by NAT " +
				"(sysctl -w net.ipv4.ip_forward=1)"}},
		"packets are not forwarded in a container": {change: func(h *Host) {
			h.setting = settings(map[string]sysctl{"net.ipv4.ip_forward": {"0", false}})
		}, want: []string{
			"20 warning: net.ipv4.ip_forward is 0: clients get no answers from real servers reached by NAT " +
				"(start the container with --sysctl net.ipv4.ip_forward=1)"}},
		"a setting of IPVS in a container": {old: "    script_user scripts\n",
			new: "    script_user scripts\n    ipvs {\n        sloppy_tcp 1\n        conn_reuse_mode 0\n    }\n",
			change: func(h *Host) {
				h.setting = settings(map[string]sysctl{"net.ipv4.vs.sloppy_tcp": {"0", false},
					"net.ipv4.vs.conn_reuse_mode": {"0", false}})
			}, want: []string{
				"4 warning: net.ipv4.vs.sloppy_tcp is 0, the configuration wants 1, and it cannot be set here: /proc/sys is " +
					"read-only (start the container with --sysctl net.ipv4.vs.sloppy_tcp=1, or with --privileged)"}},
		"full NAT in a container": {old: "lb_kind NAT", new: "lb_kind FNAT", change: func(h *Host) {
			h.setting = settings(map[string]sysctl{"net.ipv4.vs.conntrack": {"", false}})
		}, want: []string{
			"18 warning: net.ipv4.vs.conntrack is not known, the configuration wants 1, and it cannot be set here: " +
				"/proc/sys is read-only (start the container with --sysctl net.ipv4.vs.conntrack=1, or with --privileged)"}},
		"a virtual MAC in a container": {old: "virtual_router_id 51", new: "virtual_router_id 51\nuse_vmac",
			change: func(h *Host) {
				h.setting = settings(map[string]sysctl{"net.ipv4.conf.all.arp_filter": {"1", false},
					"net.ipv6.conf.default.accept_ra": {"1", false}, "net.ipv6.conf.default.autoconf": {"0", false}})
			}, want: []string{
				"9 warning: VI_1: net.ipv4.conf.all.arp_filter is 1: nobody answers ARP for virtual addresses on a virtual " +
					"interface (start the container with --sysctl net.ipv4.conf.all.arp_filter=0)",
				"9 warning: VI_1: net.ipv6.conf.default.accept_ra is 1, a virtual interface wants 0, and it cannot be set here: " +
					"/proc/sys is read-only (start the container with --sysctl net.ipv6.conf.default.accept_ra=0, or with " +
					"--privileged)"}},
		"a container without privileges": {change: func(h *Host) { h.inner = true }, want: []string{
			"18 warning: virtual servers are not served here: the kernel refuses IPVS in this user namespace (a container " +
				"without privileges)"}},
		"no user": {change: func(h *Host) { h.user = func(string) bool { return false } }, want: []string{
			"2 warning: script_user: this host has no user scripts: the script does not run",
			"23 warning: " + server + "notify_down: this host has no user root: the script does not run"}},
		"no group": {old: "down\" root", new: "down\" root wheel", want: []string{
			"23 warning: " + server + "notify_down: this host has no group wheel: the script does not run"}},
		"no user is named": {old: "script_user scripts", new: "router_id r", want: []string{
			"lb.conf note: this host has no user keepalived_script: scripts that name no user run as the user director runs " +
				"as"}},
		"no program": {change: func(h *Host) {
			h.program = func(name string) (error, error) {
				if name == "/usr/bin/probe" {
					return errors.New("/usr/bin/probe is not executable"), nil
				}
				return nil, nil
			}
		}, want: []string{"25 warning: " + server + "misc_path: /usr/bin/probe is not executable"}},
		"one program of many checks": {old: "            misc_path", new: "            misc_path \"/usr/bin/probe x\"\n" +
			"        }\n        MISC_CHECK {\n            misc_path", change: func(h *Host) {
			h.program = func(name string) (error, error) {
				if name == "/usr/bin/probe" {
					return errors.New("/usr/bin/probe is not executable"), nil
				}
				return nil, nil
			}
		}, want: []string{"25 warning: " + server + "misc_path: /usr/bin/probe is not executable (and 1 more check)"}},
		"a program that others can replace": {change: func(h *Host) {
			h.program = func(string) (error, error) { return nil, errors.New("/usr can be written") }
		}, old: "script_user scripts", new: "script_user root\nenable_script_security", want: []string{
			"17 warning: VI_1: notify: it is not run: /usr can be written",
			"24 warning: " + server + "notify_down: it is not run: /usr can be written",
			"26 warning: " + server + "misc_path: it is not run: /usr can be written"}},
		"no IPVS": {change: func(h *Host) { h.ipvs = func() error { return errors.New("none") } },
			want: []string{"18 error: none"}},
		"no scheduler": {change: func(h *Host) { h.module = func(string) presence { return absent } }, want: []string{
			"19 warning: this kernel has no scheduler wlc (module ip_vs_wlc): virtual server [10.0.0.100]:tcp:80 " +
				"is not served"}},
		"no modules for full NAT": {old: "lb_kind NAT", new: "lb_kind FNAT", change: func(h *Host) {
			h.module = func(name string) presence {
				if strings.HasPrefix(name, "nft_masq") || name == "nft_chain_nat_ipv4" {
					return absent
				}
				return present
			}
		}, want: []string{"20 warning: this kernel has no masquerading in nftables (module nft_masq or nft_masq_ipv4): " +
			"virtual server [10.0.0.100]:tcp:80 is not served"}},
		"no SCTP": {old: "protocol TCP", new: "protocol SCTP", change: func(h *Host) {
			h.feature = func(f ipvs.Feature) presence {
				if f == ipvs.SCTP {
					return absent
				}
				return present
			}
		}, want: []string{"21 warning: this kernel has no SCTP in IPVS (CONFIG_IP_VS_PROTO_SCTP): " +
			"virtual server [10.0.0.100]:sctp:80 is not served"}},
		"modules are not known": {change: func(h *Host) { h.module = func(string) presence { return notKnown } }},
		"no mail server": {change: func(h *Host) {
			h.resolve = func(name string) error {
				return errors.New(name +
					" is unknown")
			}
		}, want: []string{
			"4 warning: smtp_server: mail.example.org is unknown"}},
	} {
		t.Run(name, func(t *testing.T) {
			changed := strings.Replace(text, tc.old, tc.new, 1)
			if tc.old != "" && changed == text {
				t.Fatal("nothing was replaced")
			}
			cfg, findings := load.LoadText("lb.conf", changed, load.Options{})
			if conf.HasErrors(findings) {
				t.Fatal(findings)
			}
			h := goodHost()
			if tc.change != nil {
				tc.change(&h)
			}
			got := shortOf(Findings(cfg, h))
			slices.Sort(tc.want)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// shortOf are findings as "LINE SEVERITY: TEXT", sorted, with what to do about a setting.
func shortOf(findings []conf.Finding) (list []string) {
	for _, f := range findings {
		place, _ := strings.CutPrefix(f.Pos.String(), "lb.conf:")
		line, _, _ := strings.Cut(place, ":")
		text := f.Message
		if strings.Contains(text, "net.ip") {
			text += " (" + f.Hint + ")"
		}
		list = append(list, line+" "+f.Severity.String()+": "+text)
	}
	slices.Sort(list)
	return list
}

// TestThisHostCanBeAsked: the real one, as far as every host is the same.
func TestThisHostCanBeAsked(t *testing.T) {
	h, err := ThisHost(&conf.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if !h.user("root") || !h.user("0") || h.user("no such user") || !h.group("root") || h.group("no such group") {
		t.Error("users or groups")
	}
	if missing, _ := h.program("sh"); missing != nil {
		t.Error(missing)
	}
	for _, name := range []string{"no-such-program", "/no/such/program", "/etc/passwd", "/etc"} {
		if missing, _ := h.program(name); missing == nil {
			t.Errorf("%s is a program", name)
		}
	}
	if _, unsafe := h.program(writeProgram(t)); unsafe == nil {
		t.Error("a program in a directory of everybody is safe")
	}
	if device, err := h.way(netip.MustParseAddr("127.0.0.1")); err != nil || device != "lo" {
		t.Errorf("the way to this host: %s, %v", device, err)
	}
	if h.module("no_such_module") == present {
		t.Error("no_such_module is there")
	}
}

func writeProgram(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	name := dir + "/program"
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"), 0o777); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestNoFIFO: what stands at the path of a FIFO and is none is said, and nothing of a path that is free.
func TestNoFIFO(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events")
	cfg, _ := load.LoadText("t.conf", "global_defs {\n    vrrp_notify_fifo "+path+"\n}\n", load.Options{})
	said := func() string {
		h, err := ThisHost(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(Findings(cfg, h))
	}
	if got := said(); strings.Contains(got, path) {
		t.Errorf("a path that is free: %s", got)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := said(); !strings.Contains(got, "vrrp_notify_fifo: "+path+" is there and no FIFO") {
		t.Errorf("a regular file: %s", got)
	}
}
