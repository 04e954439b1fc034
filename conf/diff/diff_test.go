package diff_test

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/diff"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/conf/syntax"
)

// summary says what changes, one line each, without what is untouched.
func summary(d diff.Difference) []string {
	var list []string
	fields := func(prefix string, changes []diff.FieldChange) {
		for _, f := range changes {
			list = append(list, strings.TrimSpace(prefix+" "+f.Keyword)+": "+f.Old+" -> "+f.New)
		}
	}
	fields("global", d.Global)
	fields("restart", d.Fixed)
	for _, c := range d.Instances {
		if c.Action != diff.Untouched {
			list = append(list, c.Action.String()+" "+c.Name)
			fields(c.Name, c.Fields)
		}
	}
	for _, c := range d.Servers {
		if c.Action == diff.Untouched {
			continue
		}
		list = append(list, c.Action.String()+" "+c.Name)
		fields(c.Name, c.Fields)
		for _, r := range c.RealServers {
			if r.Action != diff.Untouched {
				list = append(list, r.Action.String()+" "+r.Name)
				fields(r.Name, r.Fields)
			}
		}
	}
	for _, c := range d.Others {
		if c.Action != diff.Untouched {
			list = append(list, c.Action.String()+" "+c.Block+" "+c.Name)
			fields(c.Name, c.Fields)
		}
	}
	return list
}

// loaded reads text and fails the test on errors.
func loaded(t *testing.T, text string) *conf.Config {
	t.Helper()
	cfg, findings := load.LoadText("test.conf", text, load.Options{ConfigID: "test", FS: syntax.Memory{}})
	if conf.HasErrors(findings) {
		t.Fatalf("errors: %v", findings)
	}
	return cfg
}

const running = `
net_namespace one
global_defs { router_id lb1 }
vrrp_script web {
    script "/bin/true"
}
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    virtual_ipaddress {
        10.0.0.100/24
        10.0.0.101/24
    }
    authentication {
        auth_type PASS
        auth_pass first
    }
    track_script {
        web
    }
}
vrrp_instance VI_2 {
    interface eth1
    virtual_router_id 52
    virtual_ipaddress { 10.0.1.100 }
}
virtual_server_group G {
    10.0.0.7 80
    10.0.0.8 80
}
virtual_server group G {
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server 10.1.0.9 80 { }
}
virtual_server 10.0.0.100 80 {
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server 10.1.0.1 80 {
        TCP_CHECK { }
    }
    real_server 10.1.0.2 80 { }
}
virtual_server 10.0.0.100 53 {
    lb_algo rr
    lb_kind NAT
    protocol UDP
    real_server 10.1.0.1 53 { }
}
`

func TestDiff(t *testing.T) {
	for _, test := range []struct {
		name     string
		old, new string // replaced in the running configuration
		want     []string
	}{
		{"nothing", "", "", nil},
		{"comments and blanks", "router_id lb1 }", "router_id   lb1 # me\n}", nil},
		{"order of blocks", "virtual_server 10.0.0.100 53 {\n    lb_algo rr\n",
			"virtual_server 10.0.0.100 53 {\n# first\nlvs_sched rr\n", nil},
		{"order of real servers", "    real_server 10.1.0.1 80 {\n        TCP_CHECK { }\n    }\n" +
			"    real_server 10.1.0.2 80 { }\n",
			"    real_server 10.1.0.2 80 { }\n    real_server 10.1.0.1 80 {\n        TCP_CHECK { }\n    }\n", nil},
		{"a word of global_defs", "router_id lb1", "router_id lb2", []string{"global router_id: lb1 -> lb2"}},
		{"a namespace", "net_namespace one", "net_namespace two", []string{"restart net_namespace: one -> two"}},
		{"the name of an instance", "vrrp_instance VI_2", "vrrp_instance inside",
			[]string{"changed inside", "inside vrrp_instance: VI_2 -> inside"}},
		{"a VRID is another instance", "virtual_router_id 52", "virtual_router_id 53",
			[]string{"added VI_2", "removed VI_2"}},
		{"an interface is another instance", "interface eth1", "interface eth2", []string{"added VI_2", "removed VI_2"}},
		{"unicast is no other instance", "virtual_router_id 52", "virtual_router_id 52\nunicast_peer { 10.0.1.2 }",
			[]string{"changed VI_2", "VI_2 unicast_peer:  -> 10.0.1.2"}},
		{"a priority", "virtual_router_id 52", "virtual_router_id 52\npriority 90",
			[]string{"changed VI_2", "VI_2 priority: 100 -> 90"}},
		{"addresses", "10.0.0.101/24", "10.0.0.102/24 label eth0:2", []string{"changed VI_1",
			"VI_1 virtual_ipaddress:  -> 10.0.0.102/24 dev eth0 label eth0:2",
			"VI_1 virtual_ipaddress: 10.0.0.101/24 dev eth0 -> "}},
		{"the order of addresses", "        10.0.0.100/24\n        10.0.0.101/24",
			"        10.0.0.101/24\n        10.0.0.100/24",
			[]string{"changed VI_1", "VI_1 vrrp_instance (order):  -> "}},
		{"a secret", "auth_pass first", "auth_pass second", []string{"changed VI_1",
			"VI_1 authentication auth_pass: ******** -> ********"}},
		{"an inherited value", "router_id lb1", "router_id lb1\nvrrp_garp_master_repeat 2", []string{
			"global vrrp_garp_master_repeat: 5 -> 2", "global vrrp_garp_lower_prio_repeat: 5 -> 2",
			"changed VI_1", "VI_1 garp_master_repeat: 5 -> 2", "VI_1 garp_lower_prio_repeat: 5 -> 2",
			"changed VI_2", "VI_2 garp_master_repeat: 5 -> 2", "VI_2 garp_lower_prio_repeat: 5 -> 2"}},
		{"a script", `script "/bin/true"`, `script "/bin/false"`, []string{"changed vrrp_script web",
			`web script: /bin/true -> /bin/false`}},
		{"a protocol is another service", "protocol UDP", "protocol TCP",
			[]string{"added [10.0.0.100]:tcp:53", "removed [10.0.0.100]:udp:53"}},
		{"a scheduler", "lb_algo rr\n    lb_kind NAT\n    protocol UDP",
			"lb_algo sh\n    sh-port\n    lb_kind NAT\n    protocol UDP",
			[]string{"changed [10.0.0.100]:udp:53", "[10.0.0.100]:udp:53 lvs_sched: rr -> sh",
				"[10.0.0.100]:udp:53 sh-port:  -> on",
				"[10.0.0.100]:udp:53 end_flows_on_failure: true -> false"}},
		{"a weight", "real_server 10.1.0.2 80 { }", "real_server 10.1.0.2 80 {\nweight 5\n}",
			[]string{"changed [10.0.0.100]:tcp:80", "changed [10.1.0.2]:tcp:80", "[10.1.0.2]:tcp:80 weight: 1 -> 5"}},
		{"a real server", "real_server 10.1.0.2 80", "real_server 10.1.0.3 80",
			[]string{"changed [10.0.0.100]:tcp:80", "added [10.1.0.3]:tcp:80", "removed [10.1.0.2]:tcp:80"}},
		{"a check", "TCP_CHECK { }", "TCP_CHECK {\nretry 3\n}", []string{"changed [10.0.0.100]:tcp:80",
			"changed [10.1.0.1]:tcp:80", "[10.1.0.1]:tcp:80 TCP_CHECK retry: 1 -> 3"}},
		{"a member of a group", "10.0.0.8 80", "10.0.0.9 80", []string{"changed [G]:0",
			"[G]:0 virtual_server_group:  -> [10.0.0.9]:tcp:80", "[G]:0 virtual_server_group: [10.0.0.8]:tcp:80 -> "}},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := strings.Replace(running, test.old, test.new, 1)
			if test.old != "" && text == running {
				t.Fatal("nothing was replaced")
			}
			before := loaded(t, running)
			after := loaded(t, text)
			d := diff.Diff(before, after)
			if diff := cmp.Diff(test.want, summary(d)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if d.Empty() != (test.want == nil) {
				t.Errorf("Empty is %v", d.Empty())
			}
		})
	}
}

func TestDiffTellsOtherChecks(t *testing.T) {
	before := loaded(t, running)
	after := loaded(t, strings.Replace(running, "TCP_CHECK { }", "PING_CHECK { }", 1))
	for _, c := range diff.Diff(before, after).Servers {
		for _, r := range c.RealServers {
			if r.Action == diff.Changed && !r.Checkers {
				t.Errorf("%s: the checks are others", r.Name)
			}
		}
	}
}

// TestANewPeerShowsWhatItSays, and no value that nobody has written.
func TestANewPeerShowsWhatItSays(t *testing.T) {
	const peer = "peer 192.0.2.2 {\n key file:/etc/peer.key\n listen 192.0.2.1\n}\n"
	d := diff.Diff(loaded(t, ""), loaded(t, peer))
	var shown []string
	for _, f := range d.Global {
		shown = append(shown, f.Keyword+" "+f.New)
	}
	for _, f := range d.Others {
		for _, f := range f.Fields {
			shown = append(shown, f.Keyword+" "+f.New)
		}
	}
	text := strings.Join(shown, "\n")
	if strings.Contains(text, "allow_wildcard") || !strings.Contains(text, "listen 192.0.2.1 3781") ||
		!strings.Contains(text, "peer.key") {
		t.Errorf("it shows\n%s", text)
	}
}

// TestDiffShowsEveryField changes each field by itself and wants to see it
// under a keyword.
func TestDiffShowsEveryField(t *testing.T) {
	loaded := func() *conf.Config {
		cfg, findings := load.Load("../testdata/effective/everything.conf", load.Options{})
		if conf.HasErrors(findings) {
			t.Fatal(findings)
		}
		return cfg
	}
	before := loaded()
	web := func(c *conf.Config) *conf.RealServer { return c.VirtualServers[0].RealServers[0] }
	for name, block := range map[string]func(*conf.Config) any{
		"Global":         func(c *conf.Config) any { return &c.Global },
		"Instance":       func(c *conf.Config) any { return c.Instances[0] },
		"VirtualServer":  func(c *conf.Config) any { return c.VirtualServers[0] },
		"Match":          func(c *conf.Config) any { return c.VirtualServers[3].Match },
		"RealServer":     func(c *conf.Config) any { return web(c) },
		"Checker":        func(c *conf.Config) any { return &c.VirtualServers[2].RealServers[0].Checkers[0] },
		"HTTP":           func(c *conf.Config) any { return c.VirtualServers[2].RealServers[0].Checkers[0].HTTP },
		"URL":            func(c *conf.Config) any { return &c.VirtualServers[2].RealServers[0].Checkers[0].HTTP.URLs[0] },
		"Misc":           func(c *conf.Config) any { return web(c).Checkers[2].Misc },
		"UDP":            func(c *conf.Config) any { return web(c).Checkers[3].UDP },
		"Script":         func(c *conf.Config) any { return c.Scripts[0] },
		"File":           func(c *conf.Config) any { return c.Files[0] },
		"Process":        func(c *conf.Config) any { return c.Processes[0] },
		"BFD":            func(c *conf.Config) any { return c.BFDs[0] },
		"BFDAuth":        func(c *conf.Config) any { return c.BFDs[0].Auth },
		"Announce":       func(c *conf.Config) any { return c.Announces[0] },
		"SyncGroup":      func(c *conf.Config) any { return c.SyncGroups[0] },
		"Authentication": func(c *conf.Config) any { return &c.Instances[0].Auth },
		"Metrics":        func(c *conf.Config) any { return &c.Metrics },
		"Web":            func(c *conf.Config) any { return &c.Web },
		"WebActions":     func(c *conf.Config) any { return &c.Web.Actions },
		"HMAC":           func(c *conf.Config) any { return c.Instances[1].HMAC },
	} {
		typ := reflect.TypeOf(block(loaded())).Elem()
		for i := range typ.NumField() {
			field := typ.Field(i)
			if notShown[name+"."+field.Name] {
				continue
			}
			after := loaded()
			value := reflect.ValueOf(block(after)).Elem().Field(i)
			if !mutate(value) {
				continue
			}
			lines := summary(diff.Diff(before, after))
			if len(lines) == 0 || strings.Contains(strings.Join(lines, "\n"), "(order)") ||
				strings.Contains(strings.Join(lines, "\n"), "global_defs:") {
				t.Errorf("%s.%s: %q", name, field.Name, lines)
			}
		}
	}
}

// notShown are fields that follow from others, and identities.
var notShown = map[string]bool{
	"HTTP.SSL":                  true, // that of the SSL block, which is shown
	"RealServer.Tunnel":         true, // this one is DR, which has none
	"Instance.FilterTable":      true, // nftables in global_defs
	"Authentication.Pass":       true, // nothing without a type
	"Checker.BFD":               true, // this one is SSL_GET
	"Checker.Server":            true, // the real server's address
	"UDP.Reply":                 true, // the half that any reply has
	"Instance.IPv6":             true, // of the addresses
	"Instance.Routes":           true, // shown as they were written
	"Instance.Rules":            true,
	"VirtualServer.RealServers": true, // looked at below
	"Match.Name":                true,
	"Match.Mark":                true, // it is the one of the services
	"Checker.HTTP":              true,
	"VirtualServer.Key":         true,
	"RealServer.Key":            true,
	"RealServer.Protocol":       true,
	"Checker.Kind":              true,
	"Script.Name":               true,
	"File.Name":                 true,
	"Process.Name":              true,
	"BFD.Name":                  true,
	"Announce.Name":             true,
	"SyncGroup.Name":            true,
	"UDP.ReplyMask":             true, // of the reply
}

// mutate changes a value, and reports whether it could.
func mutate(v reflect.Value) bool {
	switch x := v.Addr().Interface().(type) {
	case *netip.Addr:
		*x = netip.MustParseAddr("192.0.2.77")
		return true
	case *netip.AddrPort:
		*x = netip.MustParseAddrPort("192.0.2.77:9000")
		return true
	case *netip.Prefix:
		*x = netip.MustParsePrefix("192.0.2.77/32")
		return true
	case *conf.Choice:
		*x = conf.Yes + conf.No - max(*x, conf.Yes)
		return true
	case *conf.Script:
		x.Argv, x.Command = []string{"/x"}, "/x"
		return true
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.String:
		v.SetString(v.String() + "1")
	case reflect.Int, reflect.Int64:
		if v.Type() == reflect.TypeFor[time.Duration]() {
			v.SetInt(max(v.Int(), 0) + int64(time.Second))
		} else {
			v.SetInt(max(v.Int(), 0) + 1)
		}
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		if v.Uint() < 2 {
			v.SetUint(v.Uint() + 1)
		} else {
			v.SetUint(v.Uint() - 1)
		}
	case reflect.Slice:
		if v.Len() == 0 {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			return mutate(v.Index(0))
		}
		return mutate(v.Index(0))
	case reflect.Struct:
		return mutate(v.Field(0))
	case reflect.Pointer:
		if v.IsNil() {
			return false
		}
		v.Set(reflect.Zero(v.Type()))
	default:
		return false
	}
	return true
}
