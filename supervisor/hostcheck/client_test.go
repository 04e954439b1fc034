package hostcheck

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
)

const clientConfig = `vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    virtual_ipaddress {
        10.0.0.100
    }
}
virtual_server 10.0.0.100 80 {
    lb_algo wlc
    lb_kind DR
    protocol TCP
    real_server 10.0.0.11 80 {
        TCP_CHECK {
            as_client
        }
    }
    real_server 10.0.0.12 80 {
        TCP_CHECK {
            as_client
        }
    }
}
`

// TestWhatChecksAsClientNeed: what this host lacks for checks that go the way of a client's packet is known
// before any of them is UNKNOWN.
func TestWhatChecksAsClientNeed(t *testing.T) {
	deaf := "14 warning: net.ipv4.conf.eth0.accept_local is 0: while this host has 10.0.0.100 it drops the answers to " +
		"checks as_client, which are UNKNOWN then (sysctl -w net.ipv4.conf.eth0.accept_local=1)"
	for name, tc := range map[string]struct {
		old, new string
		values   map[string]sysctl
		way      func(netip.Addr) (string, error)
		change   func(*Host)
		want     []string
	}{
		"packets with our own address are dropped": {want: []string{deaf}},
		"they are taken":            {values: map[string]sysctl{"net.ipv4.conf.eth0.accept_local": {"1", true}}},
		"they are taken everywhere": {values: map[string]sysctl{"net.ipv4.conf.all.accept_local": {"1", true}}},
		"the answers come from another interface": {
			way: func(netip.Addr) (string, error) { return "eth1.7", nil },
			values: map[string]sysctl{"net.ipv4.conf.eth1/7.rp_filter": {"1", true},
				"net.ipv4.conf.eth1/7.accept_local": {"1", true}},
			want: []string{"14 warning: net.ipv4.conf.eth1/7.rp_filter is 1: answers to checks as_client come on eth1.7 from " +
				"10.0.0.100, which is for eth0: they are dropped, and the checks are UNKNOWN (sysctl -w " +
				"net.ipv4.conf.eth1/7.rp_filter=2)"}},
		"they come from another interface, which takes them": {
			way: func(netip.Addr) (string, error) { return "eth1", nil },
			values: map[string]sysctl{"net.ipv4.conf.eth1.accept_local": {"1", true},
				"net.ipv4.conf.all.rp_filter": {"2", true}},
		},
		"no route to the virtual address": {
			values: map[string]sysctl{"net.ipv4.conf.eth0.accept_local": {"1", true}},
			way: func(a netip.Addr) (string, error) {
				if a.String() == "10.0.0.100" {
					return "", errors.New("network is unreachable")
				}
				return "eth0", nil
			},
			want: []string{
				"14 warning: as_client: this host has no route to 10.0.0.100 (network is unreachable): the check is UNKNOWN " +
					"while it has not the address"}},
		"IPv6": {old: clientConfig, new: strings.NewReplacer("10.0.0.", "2001:db8::").Replace(clientConfig),
			change: func(h *Host) {
				eth0 := h.interfaces["eth0"]
				eth0.networks = append(eth0.networks, netip.MustParsePrefix("2001:db8::5/64"))
				h.interfaces["eth0"] = eth0
			}},
		"at their own address": {old: "            as_client\n", new: ""},
	} {
		t.Run(name, func(t *testing.T) {
			text := clientConfig
			if tc.old != "" {
				text = strings.ReplaceAll(text, tc.old, tc.new)
			}
			cfg, findings := load.LoadText("lb.conf", text, load.Options{})
			if conf.HasErrors(findings) {
				t.Fatal(findings)
			}
			h := goodHost()
			h.setting = settings(tc.values)
			if tc.way != nil {
				h.way = tc.way
			}
			if tc.change != nil {
				tc.change(&h)
			}
			if diff := cmp.Diff(tc.want, shortOf(Findings(cfg, h))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}
