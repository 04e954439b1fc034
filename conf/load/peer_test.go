package load_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
)

// TestPeer: who the peer is and where it is waited for; a peer without a whole key, or that would be
// listened to on every network, is an error.
func TestPeer(t *testing.T) {
	key := "key hex:" + strings.Repeat("5a", 32) + "\n"
	const metrics = "metrics {\nlisten 192.0.2.1 3781\n}\n"
	virtual := "vrrp_instance VI_1 {\ninterface eth0\nvirtual_router_id 51\nvirtual_ipaddress {\n192.0.2.9/24\n}\n}\n"
	whole := conf.Secret(strings.Repeat("Z", 32))
	at := netip.MustParseAddr("192.0.2.2")
	for name, c := range map[string]struct {
		text string
		want conf.Peer
		says string // of an error; empty is none
	}{
		"plain": {"peer 192.0.2.2 {\n" + key + "}\n", conf.Peer{Address: at, Port: 3781, Key: whole}, ""},
		"all of it": {"peer 192.0.2.2 4000 {\nkey file:/etc/peer.key\nlisten 192.0.2.1 5000\n}\n", conf.Peer{
			Address: at, Port: 4000, KeyFile: "/etc/peer.key", Listen: netip.MustParseAddrPort("192.0.2.1:5000")}, ""},
		"the port of the peer": {"peer 192.0.2.2 4000 {\n" + key + "listen 192.0.2.1\n}\n", conf.Peer{
			Address: at, Port: 4000, Key: whole, Listen: netip.MustParseAddrPort("192.0.2.1:4000")}, ""},
		"wildcard":   {"peer 192.0.2.2 {\n" + key + "listen 0.0.0.0\n}\n", conf.Peer{}, "every network"},
		"family":     {"peer 192.0.2.2 {\n" + key + "listen 2001:db8::1\n}\n", conf.Peer{}, "another family"},
		"no key":     {"peer 192.0.2.2 {\n}\n", conf.Peer{}, "has no key"},
		"misspelt":   {"peer 192.0.2.2 {\nkeys file:/etc/peer.key\n}\n", conf.Peer{}, "has no key"},
		"short":      {"peer 192.0.2.2 {\nkey hex:5a5a\n}\n", conf.Peer{}, "has 2 bytes, and must have 32"},
		"long":       {"peer 192.0.2.2 {\nkey hex:" + strings.Repeat("5a", 33) + "\n}\n", conf.Peer{}, "has 33 bytes"},
		"a password": {"peer 192.0.2.2 {\nkey hunter2\n}\n", conf.Peer{}, "must be file:PATH, or hex:"},
		"a folder":   {"peer 192.0.2.2 {\nkey file:peer.key\n}\n", conf.Peer{}, "from the root"},
		"a name":     {"peer lb2.example.com {\n" + key + "}\n", conf.Peer{}, "peer lb2.example.com is not served"},
		"joined":     {"peer 192.0.2.12:3781 {\n" + key + "}\n", conf.Peer{}, "a peer is an address, and a port"},
		"port 0":     {"peer 192.0.2.12 0 {\n" + key + "}\n", conf.Peer{}, "is not served"},
		"a link":     {"peer fe80::1 {\n" + key + "}\n", conf.Peer{}, "no interface is named"},
		"a virtual address": {"peer 192.0.2.9 {\n" + key + "}\n" + virtual, conf.Peer{},
			"192.0.2.9, a virtual address of vrrp_instance VI_1"},
		"at a virtual address": {"peer 192.0.2.2 {\n" + key + "listen 192.0.2.9\n}\n" + virtual, conf.Peer{},
			"is met at 192.0.2.9"},
		"this host":    {"peer 127.0.0.1 {\n" + key + "}\n", conf.Peer{}, "is this host itself"},
		"this host, 6": {"peer ::1 {\n" + key + "}\n", conf.Peer{}, "is this host itself"},
		"no block":     {"peer 192.0.2.2\n", conf.Peer{}, "peer needs a block"},
		"no address":   {"peer {\n" + key + "}\n", conf.Peer{}, "peer has no value"},
		"met at a name": {"peer 192.0.2.2 {\n" + key + "listen lb1\n}\n", conf.Peer{},
			"an IP address, and a port if it is another one"},
		"where metrics are": {"peer 192.0.2.2 {\n" + key + "listen 192.0.2.1\n}\n" + metrics, conf.Peer{},
			"metrics and peer 192.0.2.2 would both listen"},
		"a group": {"peer 224.0.0.18 {\n" + key + "}\n", conf.Peer{}, "not the address of another director"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, findings := load.LoadText("lb.conf", c.text, load.Options{})
			said := ""
			for _, f := range findings {
				if f.Severity == conf.Error {
					said += f.Message + "\n"
				}
				if strings.Contains(f.Message+f.Hint+f.Line, "hunter2") || strings.Contains(f.Message+f.Line, "5a5a") {
					t.Errorf("a finding shows the key: %v", f)
				}
			}
			switch {
			case c.says == "" && said != "", c.says != "" && !strings.Contains(said, c.says):
				t.Errorf("errors %q, want %q", said, c.says)
			case c.says == "" && (len(cfg.Peers) != 1 || *cfg.Peers[0] != c.want):
				t.Errorf("read %+v, want %+v", cfg.Peers, c.want)
			}
		})
	}
	many := ""
	for n := range 9 {
		many += "peer 192.0.2." + string(rune('1'+n)) + " {\n" + key + "}\n"
	}
	if cfg, findings := load.LoadText("lb.conf", many, load.Options{}); len(cfg.Peers) != 8 || !conf.HasErrors(findings) {
		t.Errorf("of nine peers %d are taken", len(cfg.Peers))
	}
}
