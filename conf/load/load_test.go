package load_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/conf/syntax"
)

// load reads text and fails the test on errors.
func loaded(t *testing.T, text string) (*conf.Config, []conf.Finding) {
	t.Helper()
	cfg, findings := load.LoadText("test.conf", text, load.Options{ConfigID: "test", FS: syntax.Memory{}})
	if conf.HasErrors(findings) {
		t.Fatalf("errors: %v", findings)
	}
	return cfg, findings
}

const pair = `
global_defs {
    router_id lb1
    vrrp_garp_master_repeat 3
}
vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority 150
    advert_int 0.25
    version 3
    virtual_ipaddress {
        10.0.0.100/24
        10.0.0.101 dev eth1 label eth1:1
    }
    notify_master "/bin/echo 'a b' master" nobody
}
virtual_server 10.0.0.100 80 {
    delay_loop 6
    lb_algo wrr
    lb_kind NAT
    protocol TCP
    retry 2
    real_server 192.168.1.1 8080 {
        weight 3
        TCP_CHECK { connect_timeout 2 }
    }
    real_server 192.168.1.2 {
        retry 4
        HTTP_GET {
            url { path /health }
            warmup 0
        }
    }
}
`

// TestFallAndRiseAreInherited as retry is, whose other word fall is.
func TestFallAndRiseAreInherited(t *testing.T) {
	cfg, findings := loaded(t, `
virtual_server 10.0.0.100 80 {
    lb_algo rr
    lb_kind NAT
    protocol TCP
    fall 4
    rise 3
    real_server 192.168.1.1 80 {
        TCP_CHECK { }
        MISC_CHECK { misc_path "/bin/true" }
        TCP_CHECK {
            retry 7
            rise 1
        }
    }
    real_server 192.168.1.2 80 {
        fall 1
        rise 2
        TCP_CHECK { }
        TCP_CHECK { fall 2 }
    }
    real_server 192.168.1.3 80 {
        retry 8
        DNS_CHECK { }
    }
}
`)
	if len(findings) != 0 {
		t.Errorf("findings: %v", findings)
	}
	var got []string
	for _, r := range cfg.VirtualServers[0].RealServers {
		for _, c := range r.Checkers {
			got = append(got, fmt.Sprintf("retry %d rise %d", c.Retries, c.Rise))
		}
	}
	want := []string{"retry 3 rise 3", "retry 3 rise 3", "retry 7 rise 1", "retry 0 rise 2", "retry 1 rise 2",
		"retry 8 rise 3"}
	if !slices.Equal(got, want) {
		t.Errorf("checks have %q, want %q", got, want)
	}
}

func TestLoadFillsInDefaultsAndInheritance(t *testing.T) {
	cfg, findings := loaded(t, pair)
	if len(findings) != 0 {
		t.Errorf("findings of a good file: %v", findings)
	}
	in := cfg.Instances[0]
	if in.VRID != 51 || in.Priority != 150 || in.AdvertInterval != 250*time.Millisecond || in.Version != 3 || !in.Preempt {
		t.Errorf("instance: %+v", in)
	}
	if in.GARP.MasterRepeat != 3 || in.GARP.LowerPrioRepeat != 3 || in.GARP.MasterDelay != 5*time.Second {
		t.Errorf("GARP: %+v", in.GARP)
	}
	if got := in.Addresses[0]; got.Device != "eth0" || got.Prefix != netip.MustParsePrefix("10.0.0.100/24") {
		t.Errorf("first address: %+v", got)
	}
	if got := in.Addresses[1]; got.Device != "eth1" || got.Label != "eth1:1" || got.Prefix.Bits() != 32 {
		t.Errorf("second address: %+v", got)
	}
	if got := in.Notify.Master; len(got.Argv) != 3 || got.Argv[1] != "a b" || got.User != "nobody" {
		t.Errorf("notify_master: %+v", got)
	}
	v := cfg.VirtualServers[0]
	if v.String() != "[10.0.0.100]:tcp:80" || v.Scheduler != "wrr" {
		t.Errorf("virtual server: %+v", v)
	}
	tcp := v.RealServers[0].Checkers[0]
	if v.RealServers[0].Weight != 3 || tcp.Timeout != 2*time.Second || tcp.Retries != 2 || tcp.RetryDelay != time.Second ||
		tcp.Interval != 6*time.Second || tcp.ConnectPort != 8080 {
		t.Errorf("TCP_CHECK: %+v", tcp)
	}
	web := v.RealServers[1].Checkers[0]
	if v.RealServers[1].Key.Port != 80 || web.Retries != 4 || web.RetryDelay != 3*time.Second || web.Warmup != 0 ||
		web.HTTP.URLs[0].Statuses[0] != (conf.StatusRange{From: 200, To: 299}) {
		t.Errorf("HTTP_GET: %+v %+v", web, web.HTTP)
	}
}

func TestLoadAppliesWhatTrackersSay(t *testing.T) {
	cfg, _ := loaded(t, `
vrrp_script web {
    script "/bin/true" nobody
    interval 0.5
    weight -30
}
track_file drain {
    file /run/drain
}
vrrp_instance A {
    interface eth0
    virtual_router_id 1
    virtual_ipaddress { 10.0.0.1 }
    track_script {
        web
        late weight 5 reverse
    }
    track_file {
        drain weight 3
    }
    track_virtual_server {
        10.0.0.1 80 weight 20
        10.0.0.9 80
    }
}
vrrp_script late {
    script /bin/false
}
virtual_server 10.0.0.1 80 {
    lvs_sched rr
    lvs_method NAT
    protocol TCP
    real_server 10.1.0.1 { }
}
`)
	in := cfg.Instances[0]
	for _, test := range []struct {
		name      string
		got, want []conf.Track
	}{
		{"scripts", in.TrackScripts, []conf.Track{{Name: "web", Weight: -30}, {Name: "late", Weight: 5, Reverse: true}}},
		{"files", in.TrackFiles, []conf.Track{{Name: "drain", Weight: 3}}},
		{"virtual servers", in.TrackVirtualServers, []conf.Track{{Name: "[10.0.0.1]:tcp:80", Weight: 20}}},
	} {
		if diff := cmp.Diff(test.want, test.got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", test.name, diff)
		}
	}
	if s := cfg.Scripts[0]; s.Timeout != 500*time.Millisecond || s.Script.User != "nobody" {
		t.Errorf("script: %+v", s)
	}
}

// TestLoadPlacesAddressesOnTheVirtualMAC: naming the instance's own interface
// is saying nothing, as with keepalived 2.2.7.
func TestLoadPlacesAddressesOnTheVirtualMAC(t *testing.T) {
	cfg, _ := loaded(t, "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n version 3\n use_vmac\n"+
		" virtual_ipaddress {\n 10.0.0.1/24\n 10.0.0.2/24 dev eth0\n 10.0.0.3/24 dev eth1\n }\n}\n")
	for n, want := range []bool{true, true, false} {
		if a := cfg.Instances[0].Addresses[n]; a.UseVMAC != want {
			t.Errorf("%s on the virtual MAC of %s: %v, want %v", a.Prefix, a.Device, a.UseVMAC, want)
		}
	}
}

func TestLoadExpandsGroups(t *testing.T) {
	cfg, _ := loaded(t, `
virtual_server group G {
    lvs_sched rr
    lvs_method NAT
    protocol TCP
    real_server 10.1.0.1 { }
}
virtual_server_group G {
    10.0.0.1-2 80
    10.0.1.0/31 80
    fwmark 7
}
`)
	v := cfg.VirtualServers[0]
	var got []string
	for _, k := range v.Services {
		got = append(got, k.String())
	}
	want := []string{"[10.0.0.1]:tcp:80", "[10.0.0.2]:tcp:80", "[10.0.1.0]:tcp:80", "[10.0.1.1]:tcp:80", "FWM 7"}
	if diff := cmp.Diff(want, got); diff != "" || v.String() != "[G]:0" {
		t.Errorf("%s (-want +got)\n%s", v, diff)
	}
}

func TestLoadStrict(t *testing.T) {
	text := in("    prioritty 5")
	for name, test := range map[string]struct {
		text string
		opts load.Options
		want bool
	}{
		"lenient":        {text, load.Options{}, false},
		"option":         {text, load.Options{Strict: true}, true},
		"keyword":        {"global_defs { strict_config }\n" + text, load.Options{}, true},
		"keyword is off": {"global_defs { strict_config no }\n" + text, load.Options{}, false},
		"notes only":     {in("    priority 5 6"), load.Options{Strict: true}, false},
	} {
		if _, findings := load.LoadText("t.conf", test.text, test.opts); conf.HasErrors(findings) != test.want {
			t.Errorf("%s: %v", name, findings)
		}
	}
}

func TestLoadCompat(t *testing.T) {
	text := "global_defs {\n    strict_config\n}\n" + in("    notify \"/bin/echo "+strings.Repeat("x", 1100)+"\"")
	_, findings := load.LoadText("t.conf", text, load.Options{Compat: true})
	var got []string
	for _, f := range findings {
		got = append(got, f.Code)
	}
	if diff := cmp.Diff([]string{"own-keyword", "long-line"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if _, findings := load.LoadText("t.conf", text, load.Options{}); len(findings) != 0 {
		t.Errorf("without Compat: %v", findings)
	}
}

func TestLoadOfWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	loop := filepath.Join(dir, "loop.conf")
	for name, path := range map[string]string{
		"no such file":    filepath.Join(dir, "missing.conf"),
		"is a directory":  dir,
		"binary":          write("junk.conf", "\x7fELF\x00\x01\x02"+strings.Repeat("\xff\x00", 100)),
		"limit":           write("large.conf", strings.Repeat("vrrp_instance\n", 50<<20/14)),
		"includes itself": write("loop.conf", "include "+loop+"\n"),
	} {
		cfg, findings := load.Load(path, load.Options{})
		if cfg == nil || len(findings) != 1 || findings[0].Severity != conf.Error ||
			!strings.Contains(findings[0].Message, name) || !strings.Contains(findings[0].String(), path) {
			t.Errorf("%s: %v", name, findings)
		}
	}
}

func TestWriteFindingsForATerminal(t *testing.T) {
	files := syntax.Memory{
		"main.conf": "include sub/*.conf\n",
		"sub/a.conf": "vrrp_instance A {\n\tinterface eth0\n\tvirtual_router_id 1\n\tvirtual_ipaddress { 10.0.0.1 }\n" +
			"\tprioritty 5\n}\n",
	}
	_, findings := load.Load("main.conf", load.Options{FS: files})
	var b bytes.Buffer
	if err := conf.WriteFindings(&b, findings, true); err != nil {
		t.Fatal(err)
	}
	want := "sub/a.conf:5:2: warning: unknown keyword \"prioritty\" in vrrp_instance: the line is ignored\n" +
		"\tprioritty 5\n\t^\n" +
		"  included at main.conf:1:9\n" +
		"  did you mean priority?\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
