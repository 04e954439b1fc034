package load_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
)

// TestBFD: what a session is with keepalived's words, and what is said of one that cannot be or that a
// neighbor would not have.
func TestBFD(t *testing.T) {
	whole := func(change func(*conf.BFDInstance)) *conf.BFDInstance {
		b := &conf.BFDInstance{
			Name: "b", Neighbor: "192.0.2.9", MinRx: 10 * time.Millisecond, MinTx: 10 * time.Millisecond,
			IdleTx: time.Second, Multiplier: 5, TTL: 255,
		}
		if change != nil {
			change(b)
		}
		return b
	}
	key := func(a conf.BFDAuth) func(*conf.BFDInstance) { return func(b *conf.BFDInstance) { b.Auth = &a } }
	type bfd = conf.BFDInstance
	removed := (*bfd)(nil)
	for name, c := range map[string]struct {
		lines string // behind neighbor_ip 192.0.2.9, which a line may change
		want  *bfd   // nil is that there is none
		says  string // of a finding, with its severity and place; empty is that nothing is said
	}{
		"defaults": {"", whole(nil), ""},
		"all": {"source_ip 192.0.2.1\nmin_rx 300\nmin_tx 300\nidle_tx 2000\nmultiplier 3\npassive\nmultihop\nttl 64\n" +
			"max_hops 2\nweight -5 reverse\nvrrp\nchecker\n", whole(func(b *bfd) {
			b.Source, b.MinRx, b.MinTx = "192.0.2.1", 300*time.Millisecond, 300*time.Millisecond
			b.IdleTx, b.Multiplier, b.Passive, b.Multihop = 2*time.Second, 3, true, true
			b.TTL, b.MaxHops, b.Weight, b.Reverse, b.VRRP, b.Checker = 64, 2, -5, true, true, true
		}), ""},
		"an interval of 0": {"min_rx 0\n", whole(nil), "warning 3:8 min_rx 0 is outside of 1 to 4294967"},
		"the slowest":      {"min_rx 4294967\n", whole(func(b *bfd) { b.MinRx = 4294967 * time.Millisecond }), ""},
		"idle below 1 s":   {"idle_tx 999\n", whole(nil), "warning 3:9 idle_tx 999 is outside of 1000"},
		"multiplier 256":   {"multiplier 256\n", whole(nil), "outside of 1 to 255"},
		"one lost packet": {"multiplier 1\n", whole(func(b *bfd) { b.Multiplier = 1 }),
			"note 3:1 (b) with multiplier 1"},
		"a long interval": {"min_tx 3000\n", whole(func(b *bfd) { b.MinTx, b.IdleTx = 3*time.Second, 3*time.Second }),
			"warning 1:1 (b) idle_tx 1s is less than min_tx 3s"},
		"no address": {"neighbor_ip router1\n", whole(nil), `"router1" is not an IP address for neighbor_ip`},
		"a group": {"neighbor_ip 224.0.0.5\n", removed,
			"warning 1:1 bfd_instance b is removed: neighbor_ip 224.0.0.5"},
		"any":              {"neighbor_ip 0.0.0.0\n", removed, "bfd_instance b is removed"},
		"of a link":        {"neighbor_ip fe80::9\n", removed, "no interface is named (write fe80::9%eth0)"},
		"of a link, named": {"neighbor_ip fe80::9%eth0\n", whole(func(b *bfd) { b.Neighbor = "fe80::9%eth0" }), ""},
		"zone of no link":  {"neighbor_ip 2001:db8::9%eth0\n", whole(nil), "is not an IP address"},
		"another family": {"source_ip 2001:db8::1\n", whole(nil),
			"warning 3:1 (b) source_ip 2001:db8::1 is of another family"},
		"itself": {"source_ip 192.0.2.9\n", removed, "neighbor_ip 192.0.2.9 is its own source_ip"},
		"a TTL of one hop": {"ttl 64\n", whole(func(b *bfd) { b.TTL = 64 }),
			"warning 3:1 (b) neighbors of one hop take only what has a TTL of 255"},
		"an IPv6 hop limit": {"hoplimit 64\n", whole(func(b *bfd) { b.TTL = 64 }),
			"warning 3:1 (b) neighbors of one hop"},
		"hops of one hop": {"max_hops 3\n", whole(func(b *bfd) { b.MaxHops = 3 }),
			"note 3:1 (b) max_hops 3 takes packets"},
		"no hops of several": {"multihop\n", whole(func(b *bfd) { b.Multihop = true }),
			"warning 3:1 (b) with multihop and max_hops 0"},
		"hops of a link": {"neighbor_ip fe80::9%eth0\nmultihop\nmax_hops 3\n",
			whole(func(b *bfd) { b.Neighbor, b.MaxHops = "fe80::9%eth0", 3 }),
			"multihop is ignored"},
		"signed": {"meticulous_sha1 7 hex:0102\n", whole(key(conf.BFDAuth{KeyID: 7, Key: "\x01\x02"})),
			""},
		"signed by a text": {"meticulous_sha1 0 secrecy\n", whole(key(conf.BFDAuth{Key: "secrecy"})), ""},
		"signed by a file": {"meticulous_sha1 255 file:/etc/bfd.key\n",
			whole(key(conf.BFDAuth{KeyID: 255, KeyFile: "/etc/bfd.key"})),
			""},
		"a long key": {"meticulous_sha1 1 hex:" + strings.Repeat("5a", 21) + "\n", whole(nil),
			"error 3:1 the key of meticulous_sha1 has 21 bytes"},
		"an odd key": {"meticulous_sha1 1 hex:5a5\n", whole(nil),
			"error 3:1 meticulous_sha1: what is behind hex:"},
		"an empty key": {"meticulous_sha1 1 hex:\n", whole(nil),
			"error 3:1 the key of meticulous_sha1 has 0 bytes"},
		"no number": {"meticulous_sha1 secrecy file:/etc/bfd.key\n", whole(nil),
			"error 3:1 meticulous_sha1 needs the number"},
		"a number too large": {"meticulous_sha1 256 secrecy\n", whole(nil),
			"error 3:1 meticulous_sha1 needs the number"},
		"a folder": {"meticulous_sha1 1 file:bfd.key\n", whole(nil), "error 3:1 the file of a key"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, findings := load.LoadText("lb.conf", "bfd_instance b {\nneighbor_ip 192.0.2.9\n"+c.lines+"}\n", load.Options{})
			said := ""
			for _, f := range findings {
				if f.Code == "not-served" || f.Code == "repeated" { // of BFD as a whole, and of the second neighbor_ip
					continue
				}
				said += fmt.Sprintf("%s %d:%d %s\n", f.Severity, f.Pos.Line, f.Pos.Col, f.Message)
				if strings.Contains(f.Message+f.Hint+f.Line, "secrecy") || strings.Contains(f.Message+f.Line, "5a5") {
					t.Errorf("a finding shows the key: %v", f)
				}
			}
			if c.says == "" && said != "" || !strings.Contains(said, c.says) {
				t.Errorf("said %q, want %q", said, c.says)
			}
			var got *bfd
			if len(cfg.BFDs) > 0 {
				got = cfg.BFDs[0]
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("read %+v, want %+v", got, c.want)
			}
		})
	}
}

// TestBFDSessionsAreToldApart: of two sessions between the same addresses the first one stays.
func TestBFDSessionsAreToldApart(t *testing.T) {
	session := func(name, lines string) string {
		return "bfd_instance " + name + " {\nneighbor_ip 192.0.2.9\n" + lines + "}\n"
	}
	text := session("a", "") + session("b", "") + session("c", "source_ip 192.0.2.1\n") +
		session("d", "multihop\nmax_hops 2\n") + instance("V", 51, "track_bfd {\na\nb\n}\n", "192.0.2.100")
	cfg, findings := load.LoadText("lb.conf", text, load.Options{})
	names := ""
	for _, b := range cfg.BFDs {
		names += b.Name
	}
	if names != "acd" {
		t.Errorf("kept %q, want acd", names)
	}
	if got := cfg.Instances[0].TrackBFDs; len(got) != 1 || got[0].Name != "a" {
		t.Errorf("tracked %v", got)
	}
	wantSaid(t, findings, "bfd_instance b is removed: bfd_instance a has the same addresses, at lb.conf:1:1")
	wantSaid(t, findings, "(V) bfd b cannot be used: it is ignored")
}

// TestBFDRestrictions: vrrp and checker say who may follow a session, and both or neither that all may.
func TestBFDRestrictions(t *testing.T) {
	for words, c := range map[string]struct{ vrrp, checker bool }{
		"": {true, true}, "vrrp\nchecker\n": {true, true}, "vrrp\n": {true, false}, "checker\n": {false, true},
	} {
		text := "bfd_instance b {\nneighbor_ip 192.0.2.9\n" + words + "}\n" +
			instance("V", 51, "track_bfd {\nb weight 5\n}\n", "192.0.2.100") +
			"vrrp_sync_group G {\ngroup {\nV\n}\ntrack_bfd {\nb\n}\n}\n" +
			"announce A {\nvirtual_ipaddress { 203.0.113.1 }\ntrack_bfd { b }\n}\n" +
			"virtual_server 203.0.113.1 80 {\nlvs_sched mh\nmh-port\nlvs_method DR\nprotocol TCP\n" +
			"real_server 192.0.2.10 80 {\nalpha\n" +
			"BFD_CHECK {\nname b\n}\n}\n}\n"
		cfg, findings := load.LoadText("lb.conf", text, load.Options{})
		if got := len(cfg.SyncGroups[0].TrackBFDs) == 1 && len(cfg.Announces[0].TrackBFDs) == 1; got != c.vrrp {
			t.Errorf("%q: tracked %t, want %t", words, got, c.vrrp)
		}
		if !c.vrrp {
			wantSaid(t, findings, "(V) bfd_instance b is for checks only (checker): it is not tracked")
		}
		check := cfg.VirtualServers[0].RealServers[0].Checkers[0]
		if got := check.BFD == "b"; got != c.checker || got != check.Alpha {
			t.Errorf("%q: checked %+v, want %t", words, check, c.checker)
		}
		if !c.checker {
			wantSaid(t, findings, "bfd_instance b of BFD_CHECK is for VRRP only (vrrp): the check is not run, and the real "+
				"server counts as up")
		}
	}
}

func wantSaid(t *testing.T, findings []conf.Finding, what string) {
	t.Helper()
	text := ""
	for _, f := range findings {
		text += f.Message + "\n"
	}
	if !strings.Contains(text, what) {
		t.Errorf("said\n%swant %q", text, what)
	}
}
