package load_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/conf/syntax"
)

// instance is a good instance with more lines before its addresses.
func instance(name string, vrid int, more, addresses string) string {
	return fmt.Sprintf(
		"vrrp_instance %s {\n interface eth0\n virtual_router_id %d\n %s\n virtual_ipaddress {\n %s\n }\n}\n",
		name,
		vrid,
		more,
		addresses,
	)
}

// service is a virtual server with more lines of its own and of its real server.
func service(more, real string) string {
	return "virtual_server 192.0.2.10 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n " + more +
		"\n real_server 10.0.0.1 80 {\n " + real + "\n }\n}\n"
}

// TestMeaningIsKeepalived: what keepalived 2.2.7 makes of a value or a missing
// one, director makes of it too, and both say so or neither.
func TestMeaningIsKeepalived(t *testing.T) {
	first := func(c *conf.Config) *conf.Instance { return c.Instances[0] }
	real := func(c *conf.Config) *conf.RealServer { return c.VirtualServers[0].RealServers[0] }
	group := "vrrp_script s {\n script /bin/true\n weight -10\n}\ntrack_file f {\n file /f\n}\n" +
		"vrrp_sync_group G {\n group {\n A\n B\n }\n track_script {\n s\n }\n track_file {\n f weight 2\n }\n" +
		" track_interface {\n eth7 weight -20\n }\n}\n" +
		instance("A", 1, "track_script {\n s\n }", "192.0.2.1") + instance("B", 2, "", "192.0.2.2")
	for _, tc := range []struct {
		name, text string
		code       string // of the warning or error; "" when nothing is said
		got        func(c *conf.Config) any
		want       any
	}{
		{"a sync group's script counts for every member", group, "",
			func(c *conf.Config) any { return c.SyncGroups[0].TrackScripts }, "[{s -10 false}]"},
		{"a sync group's file", group, "", func(c *conf.Config) any { return c.SyncGroups[0].TrackFiles }, "[{f 2 false}]"},
		{"a sync group's interface", group, "", func(c *conf.Config) any { return c.SyncGroups[0].TrackInterfaces },
			"[{eth7 -20 false}]"},
		{"a member's own weight does not count", group, "", func(c *conf.Config) any { return first(c).TrackScripts }, "[]"},

		{"IPv6 of 128 bits is deprecated", instance("A", 1, "", "2001:db8::5/128"), "",
			func(c *conf.Config) any { return first(c).Addresses[0].PreferredLifetime }, "0s"},
		{"IPv6 of 64 bits is not", instance("A", 1, "", "2001:db8::5/64"), "",
			func(c *conf.Config) any { return first(c).Addresses[0].PreferredLifetime == conf.Forever }, true},
		{"a label of IPv6", instance("A", 1, "", "2001:db8::5/64 label eth0:1"), "ipv6-option",
			func(c *conf.Config) any { return first(c).Addresses[0].Label }, ""},
		{"a scope of IPv6", instance("A", 1, "", "2001:db8::5/64 scope link"), "ipv6-option",
			func(c *conf.Config) any { return first(c).Addresses[0].Scope }, ""},
		{"an interval beyond version 3", instance("A", 1, "version 3\n advert_int 77", "192.0.2.1"), "out-of-range",
			func(c *conf.Config) any { return first(c).AdvertInterval }, "40.95s"},
		{"native_ipv6 fixes the family", instance("A", 1, "native_ipv6\n no_virtual_ipaddress", "192.0.2.1"), "family",
			func(c *conf.Config) any { return first(c).IPv6 }, true},
		{"unicast_src_ip fixes the family", instance("A", 1, "unicast_src_ip 192.0.2.7\n unicast_peer {\n 192.0.2.8\n }",
			"2001:db8::5"), "family", func(c *conf.Config) any { return first(c).IPv6 }, false},
		{"an address fixes it before", strings.Replace(instance("A", 1, "", "2001:db8::5"), "}\n}",
			"}\n unicast_src_ip 192.0.2.7\n}", 1), "family", func(c *conf.Config) any { return first(c).IPv6 }, true},
		{"strict and unicast", instance("A", 1, "strict_mode on\n unicast_peer {\n 192.0.2.8\n }", "192.0.2.1"), "strict",
			func(c *conf.Config) any { return len(first(c).UnicastPeers) }, 1},
		{"notify_deleted alone", instance("A", 1, "notify_deleted\n notify /bin/true", "192.0.2.1"), "",
			func(c *conf.Config) any { return first(c).Notify.SayDeleted }, true},
		{"a value that is missing", instance("A", 1, "garp_extra_if", "192.0.2.1"), "missing-value",
			func(c *conf.Config) any { return first(c).GARPExtraInterval }, "0s"},
		{"router_id without a value", "global_defs {\n router_id\n}\n" + instance("A", 1, "", "192.0.2.1"), "missing-value",
			func(c *conf.Config) any { return c.Global.RouterID }, ""},
		{"smtp_helo_name without a value", "global_defs {\n smtp_helo_name\n}\n" + instance("A", 1, "", "192.0.2.1"), "",
			func(c *conf.Config) any { return c.Global.SMTPHello }, ""},
		{"an end of keepalived", instance("A", 1, "advert_int", "192.0.2.1"), "missing-parameter",
			func(c *conf.Config) any { return first(c).AdvertInterval }, "1s"},
		{"an unknown block beside an include of nothing", "foo_bar {\n x\n}\ninclude nothing*.conf\n", "unknown-keyword",
			func(c *conf.Config) any { return len(c.Instances) }, 0},
		{"check_unicast_src takes no value", instance("A", 1, "unicast_src_ip 192.0.2.251\nunicast_peer {\n192.0.2.252\n}\n"+
			"check_unicast_src check_unicast_src", "192.0.2.1"), "",
			func(c *conf.Config) any { return first(c).CheckUnicastSource }, true},
		{"use_pid_dir", "use_pid_dir\n" + instance("A", 1, "", "192.0.2.1"), "",
			func(c *conf.Config) any { return c.UsePIDDir }, true},

		{"a firewall mark has no port", strings.Replace(service("", ""),
			"192.0.2.10 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP", "fwmark 5 {\n lb_algo rr\n lb_kind NAT", 1), "",
			func(c *conf.Config) any { return real(c).Key.Port }, uint16(0)},
		{"its checks have", strings.Replace(service("", "TCP_CHECK {\n }"),
			"192.0.2.10 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP", "fwmark 5 {\n lb_algo rr\n lb_kind NAT", 1), "",
			func(c *conf.Config) any { return real(c).Checkers[0].ConnectPort }, uint16(80)},
		{"a group of marks needs no protocol",
			"virtual_server_group G {\n fwmark 5\n}\nvirtual_server group G {\n lb_algo rr\n lb_kind NAT\n" +
				" real_server 10.0.0.1 80 {\n }\n}\n", "", func(c *conf.Config) any { return len(c.VirtualServers) }, 1},
		{"a family of a group's mark",
			"virtual_server_group G {\n fwmark 5 inet6\n}\nvirtual_server group G {\n lb_algo rr\n lb_kind NAT\n" +
				" real_server 2001:db8::1 80 {\n }\n}\n", "",
			func(c *conf.Config) any { return c.VirtualServers[0].Services[0].String() }, "FWM 5 inet6"},
		{"no word of a file check", "track_file f {\n file /f\n}\n" +
			service("", "FILE_CHECK {\n track_file f\n retry 3\n }"), "unknown-keyword",
			func(c *conf.Config) any { return len(real(c).Checkers) }, 1},
		{"no word of a script's check", service("", "MISC_CHECK {\n misc_path /bin/true\n connect_timeout 3\n }"),
			"unknown-keyword", func(c *conf.Config) any { return len(real(c).Checkers) }, 1},
		{"lb_kind of a real server", service("", "lb_kind DR"), "unknown-keyword",
			func(c *conf.Config) any { return real(c).Forward.String() }, "NAT"},

		{"a virtual server of an empty group",
			"virtual_server_group web {\n}\nvirtual_server_group wed {\n 192.0.2.10 80\n}\nvirtual_server group web {\n" +
				" real_server 10.0.0.1 80 {\n }\n}\n", "not-found", func(c *conf.Config) any { return len(c.VirtualServers) }, 0},

		// Numbers at the edge of what keepalived takes.
		{"a large weight", service("", "weight 100000"), "", func(c *conf.Config) any { return real(c).Weight }, 100000},
		{"a weight above all", service("", "weight 2147483648"), "out-of-range",
			func(c *conf.Config) any { return real(c).Weight }, 1},
		{"a virtual server's weight", service("weight 100000", ""), "", func(c *conf.Config) any { return real(c).Weight },
			100000},
		{"a virtual server's weight of 0", service("weight 0", ""), "out-of-range",
			func(c *conf.Config) any { return real(c).Weight }, 1},
		{"weights of 0", service("", "weight 0"), "no-weight", func(c *conf.Config) any { return real(c).Weight }, 0},
		{"a check once a day", service("delay_loop 86400", "TCP_CHECK {\n }"), "",
			func(c *conf.Config) any { return real(c).Checkers[0].Interval }, (24 * time.Hour).String()},
		{"a long warmup", service("", "TCP_CHECK {\n warmup 100000\n }"), "",
			func(c *conf.Config) any { return real(c).Checkers[0].Warmup }, (100000 * time.Second).String()},
		{"a long pause", service("", "TCP_CHECK {\n delay_before_retry 4294967296\n }"), "",
			func(c *conf.Config) any { return real(c).Checkers[0].RetryDelay }, (4294967296 * time.Second).String()},
		{"a long timeout", service("connect_timeout 4295", "TCP_CHECK {\n }"), "out-of-range",
			func(c *conf.Config) any { return real(c).Checkers[0].Timeout }, "5s"},
		{"retry 0 of a virtual server", service("retry 0", "TCP_CHECK {\n }"), "out-of-range",
			func(c *conf.Config) any { return real(c).Checkers[0].Retries }, 1},
		{"retry 0 of a check", service("", "TCP_CHECK {\n retry 0\n }"), "",
			func(c *conf.Config) any { return real(c).Checkers[0].Retries }, 0},
		{"many retries", service("retry 4294967295", "TCP_CHECK {\n }"), "",
			func(c *conf.Config) any { return real(c).Checkers[0].Retries }, 4294967295},
		{"garp_master_delay", instance("A", 1, "garp_master_delay 4295", "192.0.2.1"), "out-of-range",
			func(c *conf.Config) any { return first(c).GARP.MasterDelay }, "5s"},
		{"garp_master_refresh", instance("A", 1, "garp_master_refresh 4294967295", "192.0.2.1"), "",
			func(c *conf.Config) any { return first(c).GARP.MasterRefresh }, (4294967295 * time.Second).String()},
		{"priority 0", instance("A", 1, "priority 0", "192.0.2.1"), "out-of-range",
			func(c *conf.Config) any { return first(c).Priority }, uint8(100)},
		{"priority 256", instance("A", 1, "priority 256", "192.0.2.1"), "out-of-range",
			func(c *conf.Config) any { return first(c).Priority }, uint8(100)},
		{"smtp_connect_timeout 0", "global_defs {\n smtp_connect_timeout 0\n}\n" + instance("A", 1, "", "192.0.2.1"),
			"out-of-range", func(c *conf.Config) any { return c.Global.SMTPTimeout }, "1s"},
		{"a reply that cannot be", service("", "UDP_CHECK {\n min_reply_length 256\n }"), "reply-length",
			func(c *conf.Config) any { return real(c).Checkers[0].UDP.MinReply }, 256},
		{"bfd in parts of milliseconds", "bfd_instance b {\n neighbor_ip 192.0.2.9\n min_rx 1.5\n}\n" +
			instance("A", 1, "", "192.0.2.1"), "", func(c *conf.Config) any { return c.BFDs[0].MinRx }, "1.5ms"},
		{"bfd idle", "bfd_instance b {\n neighbor_ip 192.0.2.9\n idle_tx 101\n}\n" + instance("A", 1, "", "192.0.2.1"),
			"out-of-range", func(c *conf.Config) any { return c.BFDs[0].IdleTx }, "1s"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg, findings := load.LoadText("t.conf", tc.text, load.Options{FS: syntax.Memory{}})
			said := tc.code == ""
			for _, f := range findings {
				if f.Severity == conf.Note || f.Unserved || f.Code == "script-security" {
					continue
				}
				if tc.code == "" {
					t.Errorf("said: %v", f)
				}
				said = said || f.Code == tc.code
			}
			if !said {
				t.Errorf("no %s in %v", tc.code, findings)
			}
			if got, want := fmt.Sprint(tc.got(cfg)), fmt.Sprint(tc.want); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// TestTextsOfFindings: what is said helps the one who wrote it.
func TestTextsOfFindings(t *testing.T) {
	for _, tc := range []struct{ name, text, want, never string }{
		{"an empty group is no misspelt one",
			"virtual_server_group web {\n}\nvirtual_server_group wed {\n 192.0.2.10 80\n}\nvirtual_server group web {\n" +
				" real_server 10.0.0.1 80 {\n }\n}\n",
			"virtual_server_group web cannot be used", "wed?"},
		{"a script without a script", "vrrp_script web {\n}\nvrrp_script wed {\n script /bin/true\n}\n" +
			instance("A", 1, "track_script {\n web\n }", "192.0.2.1"),
			"track script web cannot be used", "wed?"},
		{"a file with an include", "include more/*.conf\nglobal_defss {\n}\n", "unknown keyword", "not a configuration"},
		{"a file without", "<html>\n", "this is not a configuration", "unknown keyword"},
		{"a word of a template", instance("A", 1, "garp_interval 3", "192.0.2.1"), "vrrp_garp_interval in global_defs", ""},
		{"another", instance("A", 1, "notify_primary /bin/true", "192.0.2.1"), "write notify_master", ""},
		{"a mask", instance("A", 1, "net_mask 255.255.255.0", "192.0.2.1"), "IP/MASK", ""},
		{"a block without braces", instance("A", 1, "track_interface eth0", "192.0.2.1"),
			"keepalived takes the lines of the next block", ""},
		{"an address twice", instance("A", 1, "", "192.0.2.1") + instance("B", 2, "", "192.0.2.1"),
			"vrrp_instance B has the virtual address 192.0.2.1 of vrrp_instance A", ""},
		{"a weight and nopreempt", "vrrp_script s {\n script /bin/true\n weight -10\n}\n" +
			instance("A", 1, "nopreempt\n track_script {\n s\n }", "192.0.2.1"), "moves no address", ""},
		{"no weight and nopreempt", "vrrp_script s {\n script /bin/true\n}\n" +
			instance("A", 1, "nopreempt\n track_script {\n s\n }", "192.0.2.1"), "", "moves no address"},
		{"a command in quotes", "vrrp_track_process p {\n process \"nginx -g x\"\n full_command\n}\n", "is one word", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, findings := load.LoadText("t.conf", tc.text, load.Options{FS: syntax.Memory{}})
			var b strings.Builder
			if err := conf.WriteFindings(&b, findings, false); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(b.String(), tc.want) || tc.never != "" && strings.Contains(b.String(), tc.never) {
				t.Errorf("want %q and never %q in\n%s", tc.want, tc.never, b.String())
			}
		})
	}
}

// TestFindingsComeInTheOrderOfTheText, also of files that are included.
func TestFindingsComeInTheOrderOfTheText(t *testing.T) {
	files := syntax.Memory{
		"main.conf": "aaa {\n}\ninclude z.conf\nbbb {\n}\ninclude a.conf\nccc {\n}\n" + instance("A", 1, "", "192.0.2.1"),
		"z.conf":    "zzz {\n}\n", "a.conf": "yyy {\n}\n",
	}
	_, findings := load.Load("main.conf", load.Options{FS: files})
	var got []string
	for _, f := range findings {
		if f.Code == "unknown-keyword" {
			got = append(got, f.Pos.String())
		}
	}
	want := "main.conf:1:1 z.conf:1:1 main.conf:4:1 a.conf:1:1 main.conf:7:1"
	if strings.Join(got, " ") != want {
		t.Errorf("order %v, want %s", got, want)
	}
}
