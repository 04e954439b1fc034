//go:build linux

package native_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

const asDumpsConf = `global_defs {
    router_id lb1
    script_user root
    enable_script_security
    vrrp_garp_master_delay 4
}
vrrp_script chk_ok {
    script "/usr/bin/true"
    interval 1
    weight 20
    rise 2
    fall 3
}
vrrp_script chk_bad {
    script "/usr/bin/false"
    interval 1
    weight 5
}
vrrp_track_process absent {
    process there_is_no_such_program
    weight 3
}
vrrp_sync_group G {
    group {
        VI_1
        VI_3
    }
    global_tracking
    notify_master /usr/bin/true
}
vrrp_instance VI_1 {
    interface eth0
    state BACKUP
    virtual_router_id 51
    priority 100
    advert_int 1
    authentication {
        auth_type PASS
        auth_pass s3cret
    }
    virtual_ipaddress {
        10.9.0.100/24
        10.9.0.101/24 dev eth0 label eth0:1
    }
    virtual_ipaddress_excluded {
        10.9.0.150
    }
    virtual_routes {
        198.51.100.0/24 via 10.9.0.9 dev eth0
    }
    virtual_rules {
        from 198.51.100.0/24 table 7 priority 1000
    }
    track_interface {
        eth0
    }
    notify_master "/usr/bin/true master"
    notify "/usr/bin/true"
    smtp_alert
}
vrrp_instance VI_2 {
    interface eth0
    version 3
    virtual_router_id 52
    priority 90
    advert_int 0.5
    nopreempt
    unicast_src_ip 10.9.0.2
    unicast_peer {
        10.9.0.3
    }
    virtual_ipaddress {
        10.9.0.200/24
    }
    track_script {
        chk_ok
        chk_bad
    }
    track_process {
        absent
    }
}
vrrp_instance VI_3 {
    interface eth0
    virtual_router_id 53
    priority 110
    advert_int 1
    virtual_ipaddress {
        10.9.0.210/24
    }
}
`

// meant are the lines of the dumps that only one of the two programs writes, and why. Each row has to be
// needed: with the next difference that is mended one goes.
var meant = []struct {
	of, lines, why string
}{
	{"keepalived", ` (Checkers log all failures|No test config before reload|Default interface|Disable local IGMP|LVS flush on ` +
		`stop|FIFO write vrrp states on reload|VRRP notify priority changes|Gratuitous ARP for each secondary VMAC|nftables ` +
		`without counters|libnftnl version|M(ax|in) auto priority|(VRRP|Checker|BFD) (process|don't|realtime)|SNMP|DBus|` +
		`\w+_rcv_bufs|rs_init_notifies|no_checker_emails|rx_bufs_multiples|umask).*`,
		"settings of its processes and sockets, or of what director has not"},
	{"keepalived", ` Dynamic interfaces = false`, "director waits for interfaces always"},
	{"director", ` Dynamic interfaces = true`, "director waits for interfaces always"},
	{"director", ` Program = director .*`, "who wrote the dump"},
	{"keepalived", ` Default script uid:gid 0:0`, "director has the name of the user"},
	{"director", ` Default script user = root`, "director has the name of the user"},
	{"keepalived", ` Gratuitous ARP lower priority (delay|repeat) = 4294967295`, "its parent has no value of these"},
	{"director", ` Gratuitous ARP lower priority (delay|repeat) = \d`, "keepalived's parent has no value of these"},
	{"keepalived", `   Read timeout = .*`, "a timer of its scheduler"},
	{"keepalived", `   fd_in \d+, fd_out \d+`, "file descriptors"},
	{"keepalived", `(------< VRRP Sockpool >------| fd_in \d+ fd_out = \d+|   (Interface = eth0|Family = .*|Protocol = .*|` +
		`Type = .*|Address = .*|Rx buf size = .*|VRRP instances)|     VI_\d vrid \d+)`, "its sockets"},
	{"keepalived", `   Password = s3cret`, "director writes no password"},
	{"director", `   Password = \*{8}`, "director writes no password"},
	{"keepalived", `     prepend 198.51.100.0/24 via inet 10.9.0.9 dev eth0 proto 18`, "routes are as ip(8) takes them"},
	{"director", `     198.51.100.0/24 via 10.9.0.9 dev eth0`, "routes are as ip(8) takes them"},
	{"keepalived", `     from 198.51.100.0/24 priority 1000 tos 0x0 protocol 18 lookup 7`, "rules are as ip(8) takes them"},
	{"director", `     from 198.51.100.0/24 table 7 priority 1000`, "rules are as ip(8) takes them"},
	{"keepalived", `   \w+ state transition script = .*, uid:gid 0:0`, "director has the user that is configured"},
	{"director", `   \w+ state transition script = '[^,]*'`, "director has the user that is configured"},
	{"keepalived", `   Unicast checksum compatibility = no`, "a setting that director has not"},
	{"keepalived", `   sync group tracking weight set`, "director says it of sync_group_tracking_weight alone"},
	{"keepalived", `   Timeout = 0 sec`, "director ends a script after its interval"},
	{"director", `   Timeout = 1 sec`, "director ends a script after its interval"},
	{"keepalived", `   (Script uid:gid = 0:0|VRRP instances :|Current processes = 0|(Fork|Terminate) delay timer not running)`,
		"its own inside"},
	{"keepalived", `   State = UP, RUNNING, no broadcast, loopback, no multicast`, "flags of an interface that nothing asks for"},
	{"director", `   State = UP, RUNNING`, "flags of an interface that nothing asks for"},
	{"keepalived", `   (Seen up|Delayed state change|(Up|Down) debounce timer|HW Type|MAC broadcast|NIC netlink|Reset ARP|Reset ` +
		`promote|Original (arp_|promote)|Tracking VRRP instances).*`, "what it notes of interfaces"},
	{"keepalived", `     VI_\d, weight 0`, "what it notes of interfaces"},
	{"director", `  (Authentication Extension Errors:|  (Missing|Malformed|Unknown Key|Invalid HMAC|Stale|Replay): 0)`,
		"auth_hmac, which keepalived has since 2.4"},
	{"keepalived", `"auth_data":"s3cret"`, "director writes no password"},
	{"director", `"auth_data":"\*{8}"`, "director writes no password"},
	{"director", `"auth_ext_\w+":0`, "auth_hmac, which keepalived has since 2.4"},
	{"keepalived", `"v(routes|rules)":.*`, "routes and rules are as ip(8) takes them"},
	{"director", `"v(routes|rules)":.*`, "routes and rules are as ip(8) takes them"},
	{"director", `"track_process":\["absent"\]`, "in keepalived only of processes that run"},
}

// changing is what differs between two runs of one program.
var changing = regexp.MustCompile(`(Last transition = |"last_transition":|index = |MAC = |IPv6 address = fe80|Sent: |` +
	`"advert_sent":).*`)

// TestDumpsAsKeepalived: the same life of the same configuration makes the same lines of keepalived.data,
// keepalived_parent.data and keepalived.stats in the same order, and the same keys of keepalived.json, but for
// the differences that are meant.
func TestDumpsAsKeepalived(t *testing.T) {
	var told [2]map[string][]string
	for n, name := range []string{"keepalived", "director"} {
		told[n] = liveWithDumps(t, name)
	}
	needed := make([]bool, len(meant))
	for _, file := range []string{"keepalived.data", "keepalived_parent.data", "keepalived.stats", "keepalived.json"} {
		ours, theirs := onlyIn(told[0][file], told[1][file])
		for n, lines := range [][]string{ours, theirs} {
			of := []string{"keepalived", "director"}[n]
			for _, line := range lines {
				if m := meantBy(of, line); m < 0 {
					t.Errorf("%s: only %s has %q", file, of, line)
				} else {
					needed[m] = true
				}
			}
		}
	}
	for n, m := range meant {
		if !needed[n] {
			t.Errorf("no line of %s is %s any more", m.of, m.lines)
		}
	}
	if d := cmp.Diff(told[0]["log"], told[1]["log"]); d != "" {
		t.Errorf("log (-keepalived +director):\n%s", d)
	}
}

func meantBy(of, line string) int {
	for n, m := range meant {
		if m.of == of && regexp.MustCompile("^(?:"+m.lines+")$").MatchString(line) {
			return n
		}
	}
	return -1
}

// onlyIn are the lines of a and of b that are not in a longest common sequence of both.
func onlyIn(a, b []string) (ofA, ofB []string) {
	length := make([][]int, len(a)+1) // of the longest of a[i:] and b[j:]
	for i := range length {
		length[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if length[i][j] = max(length[i+1][j], length[i][j+1]); a[i] == b[j] {
				length[i][j] = length[i+1][j+1] + 1
			}
		}
	}
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] == b[j]:
			i, j = i+1, j+1
		case length[i+1][j] >= length[i][j+1]:
			ofA = append(ofA, a[i])
			i++
		default:
			ofB = append(ofB, b[j])
			j++
		}
	}
	return append(ofA, a[i:]...), append(ofB, b[j:]...)
}

// liveWithDumps is a program that becomes MASTER of all, is asked for its dumps and for a reload, and stops.
func liveWithDumps(t *testing.T, name string) map[string][]string {
	t.Helper()
	stage.Require(t)
	l := lab.New(t)
	h := l.Host("lb")
	h.Attach(l.Network("front"), "eth0", "10.9.0.2/24")
	env := []string{"TMPDIR=" + h.Dir()}
	var p *lab.Process
	if name == "keepalived" {
		k := stage.Keepalived()
		k.Env = append(slices.Clone(k.Env), env...)
		p = pair.Start(t, k, h, asDumpsConf).Process
	} else {
		conf := h.WriteFile("lb.conf", asDumpsConf)
		at := func(s string) string { return filepath.Join(h.Dir(), s) }
		p = h.StartCommand(lab.Command{Name: "director", Env: env, Argv: []string{stage.Director().Path,
			"-n", "-l", "-D", "-P", "-f", conf, "-p", at("main.pid"), "-r", at("vrrp.pid"),
			"--run-dir", at("run"), "--state-dir", at("state"), "--log-format", "keepalived"}})
	}
	masters := func() (n int) {
		for _, line := range p.Log() {
			if strings.HasSuffix(line.Text, "Entering MASTER STATE") {
				n++
			}
		}
		return n
	}
	l.Until(30*time.Second, "all are MASTER", func() bool { return masters() == 3 })
	texts := make(map[string][]string)
	ask := func(s syscall.Signal, names ...string) {
		p.Signal(s)
		for _, name := range names {
			l.Until(10*time.Second, name+" is written", func() bool {
				text, err := os.ReadFile(filepath.Join(h.Dir(), name))
				texts[name] = linesOf(string(text))
				whole := strings.HasSuffix(string(text), "\n") || json.Valid(text)
				if name == "keepalived.data" { // its last part is of this interface
					whole = whole && strings.Contains(string(text), "Name = eth0")
				}
				return err == nil && whole
			})
		}
	}
	// All are MASTER, the scripts have had their results, and the addresses are there.
	settled := map[string]int{
		"   State = MASTER": 3, " VRRP Sync Group = G, MASTER": 1, "   Effective priority = 110": 2, "   Status = GOOD": 1,
		"   State = idle": 2, "     10.9.0.150 dev eth0 scope global set": 1,
		"     10.9.0.210/24 dev eth0 scope global set": 1,
	}
	l.Until(20*time.Second, "all has settled", func() bool {
		os.Remove(filepath.Join(h.Dir(), "keepalived.data"))
		ask(syscall.SIGUSR1, "keepalived.data", "keepalived_parent.data")
		has := make(map[string]int)
		for _, line := range texts["keepalived.data"] {
			has[line]++
		}
		for line, n := range settled {
			if has[line] != n {
				return false
			}
		}
		return true
	})
	ask(syscall.SIGUSR2, "keepalived.stats")
	ask(syscall.Signal(36), "keepalived.json")
	p.Signal(syscall.SIGHUP)
	l.Until(10*time.Second, "the reload is done", func() bool { return p.Printed(time.Time{}, "Reload complete") })
	p.Stop(10 * time.Second)
	texts["log"] = said(p)
	return texts
}

// linesOf are the lines of a dump, without what changes; of a JSON document each key is one.
func linesOf(text string) []string {
	if strings.HasPrefix(text, "[") {
		text = regexp.MustCompile(`,"|[{}]+,?`).ReplaceAllStringFunc(text, func(s string) string {
			return "\n" + strings.TrimLeft(s, ",{}")
		})
	}
	var list []string
	for line := range strings.Lines(text) {
		if line = changing.ReplaceAllString(strings.TrimSuffix(line, "\n"), "${1}*"); line != "" {
			list = append(list, line)
		}
	}
	return list
}

// known are lines of the log that both have, of the parent and of the VRRP process.
var known = []*regexp.Regexp{
	regexp.MustCompile(`(Starting Keepalived v|Running on Linux|Command line:|Starting VRRP child|Startup complete|` +
		`Reloading \.\.\.|Reload complete|Stopping|Stopped Keepalived v).*`),
	regexp.MustCompile(`(\(VI_2\) (Entering MASTER|Receive|sent 0).*|Stopped($| -).*)`),
}

// values are what in them is not the same.
var values = regexp.MustCompile(`(pid=|Keepalived v[0-9.]+|Stopped -|Command line:|Running on Linux).*`)

// said is the log of both kinds of process, each in its order.
func said(p *lab.Process) (list []string) {
	for n, re := range known {
		list = append(list, []string{"parent:", "VRRP:"}[n])
		for _, line := range p.Log() {
			if text := re.FindString(line.Text); text != "" {
				list = append(list, strings.TrimSuffix(values.ReplaceAllString(text, "$1"), " -"))
			}
		}
	}
	return list
}
