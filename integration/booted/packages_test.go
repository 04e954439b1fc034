//go:build linux

package booted_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

const keepalivedConf = `global_defs {
    router_id lb1
    script_user root
    enable_script_security
}
vrrp_track_process worked_on {
    process /usr/local/bin/worked-on
    weight 10
}
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    priority 150
    advert_int 1
    virtual_ipaddress {
        192.0.2.100/24
    }
    track_process {
        worked_on
    }
    notify "/usr/local/bin/told" lb
}
`

const virtualServer = `virtual_server 192.0.2.100 80 {
    protocol TCP
    lb_algo rr
    lb_kind NAT
    delay_loop 5
    real_server 192.0.2.11 80 {
        weight 1
    }
}
`

const mailSettings = `global_defs {
    notification_email {
        lb@example.org
    }
    smtp_server 127.0.0.1 2525
    smtp_alert
`

// told is a notify script as there are many: it writes to /tmp and to its home, looks into /proc,
// and changes the network with sudo.
const told = `#!/bin/sh
{
	echo "told $*"
	echo "oom $(cat /proc/self/oom_score_adj)"
	echo "init $(cat /proc/1/comm)"
	sudo -n ip -o addr show dev eth0 | grep -c 192.0.2.2
	echo home >/home/lb/told && echo home
} >>/tmp/told 2>&1
`

const vip = "ip -o addr show dev eth0 | grep -q 192.0.2.100"

// unitRuns asks whether keepalived.service runs this program: director's processes are called keepalived there.
func unitRuns(program string) string {
	return "systemctl is-active keepalived && " +
		"readlink /proc/$(systemctl show --value -p MainPID keepalived)/exe | grep -qx /usr/sbin/" + program
}

// host gives the guest a network, a user and a keepalived that runs. Each test calls it.
func host(t *testing.T) {
	t.Helper()
	require(t)
	if _, err := try("ip link show eth0"); err != nil {
		do(t, "ip link add eth0 type veth peer name wire && ip link set eth0 up && ip link set wire up && "+
			"ip addr add 192.0.2.2/24 dev eth0")
		do(t, "useradd -m lb")
		write(t, "/etc/sudoers.d/lb", "lb ALL=(root) NOPASSWD: /usr/sbin/ip, /usr/bin/ip, /bin/ip, /sbin/ip\n", 0o440)
		write(t, "/usr/local/bin/told", told, 0o755)
		// An index of the manual at each installation, and a flush of each file, are most of the emulated
		// processor's time, and nothing that is asked here.
		do(t, "rm -f /var/lib/man-db/auto-update && echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/lab")
	}
	try("dpkg --purge lvs-director-keepalived lvs-director; rm -f /tmp/told; " +
		"rm -rf /etc/systemd/system/director.service.d")
	text := keepalivedConf
	if _, err := try("modprobe ip_vs"); err == nil {
		text += virtualServer
	}
	write(t, "/etc/keepalived/keepalived.conf", text, 0o644)
	if _, err := try("dpkg-query -W -f '${Status}' keepalived | grep -q '^install ok installed'"); err != nil {
		do(t, "dpkg -i /debs/keepalived_*.deb") // which enables and starts it
	} else {
		do(t, "systemctl enable keepalived && systemctl restart keepalived")
	}
	until(t, "keepalived is MASTER", vip)
}

// TestBesideKeepalived: lvs-director installs beside keepalived, and takes nothing over until it is told. Then it is
// upgraded in place, and removed.
func TestBesideKeepalived(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIP: an installation beside keepalived is part of the long form")
	}
	host(t)
	pid := do(t, "systemctl show -p MainPID keepalived")
	out := do(t, "dpkg -i "+deb(olderVar, "lvs-director"))
	t.Log(out)
	is(t, "systemctl show -p MainPID keepalived", pid)
	is(t, "systemctl is-active director", "inactive")
	is(t, "systemctl is-enabled director", "disabled")
	is(t, "dpkg -L lvs-director keepalived | sort | uniq -d | while read f; do [ -d $f ] || echo $f; done", "")
	do(t, "director check /etc/keepalived/keepalived.conf")
	if man, err := try("MANPAGER=cat man 5 director.conf 2>&1 | grep -c vrrp_instance"); err != nil || man == "0" {
		t.Errorf("man 5 director.conf: %q, %v", man, err)
	}

	// Started all the same, it lets keepalived alone.
	try("timeout 10 systemctl start director")
	is(t, "systemctl show -p MainPID keepalived", pid)
	do(t, vip)
	until(t, "director says why it does not start",
		"journalctl -u director -o cat --no-pager | grep -q 'keepalived'")
	try("systemctl stop director; systemctl reset-failed director")

	do(t, "systemctl stop keepalived")
	do(t, "systemctl enable --now director")
	until(t, "director is MASTER", vip)
	upgrades(t, "director")

	// A file of arguments that is none to a shell, and keepalived's names beside a unit that serves.
	do(t, "cp /etc/default/director /tmp/arguments; echo \"; it's for systemd\" >>/etc/default/director")
	running := do(t, "systemctl show -p MainPID director")
	do(t, "dpkg -r --force-depends keepalived")
	do(t, "dpkg -i "+deb(newerVar, "lvs-director")+" "+deb(newerVar, "lvs-director-keepalived"))
	is(t, "systemctl show -p MainPID director", running)
	is(t, "systemctl is-active keepalived", "inactive")
	is(t, "systemctl is-enabled keepalived", "disabled")
	do(t, vip)
	// As the package says how to change it, and back.
	do(t, "systemctl disable --now director; systemctl enable --now keepalived")
	until(t, "keepalived.service is director", vip+" && "+unitRuns("director"))
	do(t, "systemctl disable --now keepalived; systemctl enable --now director")
	until(t, "director.service is MASTER again", vip)
	do(t, "dpkg -P lvs-director-keepalived; cp /tmp/arguments /etc/default/director")
	do(t, vip)

	do(t, "dpkg -r lvs-director")
	if _, err := try(vip); err == nil {
		t.Error("the virtual address is still here after the removal")
	}
	is(t, "pidof director", "")
	do(t, "test -f /etc/director/director.conf && test -d /var/lib/director")
	do(t, "dpkg -P lvs-director")
	is(t, "ls -d /etc/director /etc/default/director /var/lib/director /run/director "+
		"/etc/systemd/system/*/director.service "+
		"2>/dev/null", "")
}

// upgrades has a unit's director upgraded by its package, to the newer edition.
func upgrades(t *testing.T, unit string) {
	t.Helper()
	pid := do(t, "systemctl show -p MainPID "+unit)
	// The address is there before its script has ended, or keepalived's last one.
	until(t, "the scripts have ended", "! pgrep -f '[b]in/told' && "+
		"grep ^told /tmp/told | tail -n 1 | grep -q 'VI_1 MASTER'")
	told := do(t, "grep -c ^told /tmp/told || true")
	files := deb(newerVar, "lvs-director")
	if unit == "keepalived" {
		files += " " + deb(newerVar, "lvs-director-keepalived")
	}
	out := do(t, "dpkg -i "+files)
	if !strings.Contains(out, newerVersion) {
		t.Errorf("the package says\n%s", out)
	}
	is(t, "systemctl show -p MainPID "+unit, pid)
	is(t, "systemctl is-active "+unit, "active")
	do(t, vip)
	runs(t, newerVersion, false)
	is(t, "grep -c ^told /tmp/told || true", told)
}

// runs fails the test unless director is of the version, and status says or not that another one is installed.
func runs(t *testing.T, version string, another bool) {
	t.Helper()
	var r struct {
		Version  string
		Problems []struct{ Text string }
	}
	text, _ := try("director status --json") // it fails over any problem
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("director status --json: %v\n%s", err, text)
	}
	said := false
	for _, p := range r.Problems {
		said = said || strings.Contains(p.Text, "is installed: restart needed")
	}
	if !strings.HasPrefix(r.Version, version+",") || said != another {
		t.Errorf("want version %s, another installed: %v; have %s, problems %v\n%s", version, another, r.Version,
			r.Problems, journal())
	}
}

// leftToYou has the older edition installed while the moment of the upgrade is the administrator's.
func leftToYou(t *testing.T, unit string) {
	t.Helper()
	pid := do(t, "systemctl show -p MainPID "+unit)
	do(t, "echo UPGRADE_ON_INSTALL=no >>/etc/default/director")
	out := do(t, "dpkg -i "+deb(olderVar, "lvs-director")+" "+deb(olderVar, "lvs-director-keepalived"))
	if !strings.Contains(out, "goes on in the old program") {
		t.Errorf("the package says\n%s", out)
	}
	runs(t, newerVersion, true)
	do(t, "director upgrade")
	runs(t, olderVersion, false)
	is(t, "systemctl show -p MainPID "+unit, pid)
	do(t, vip)
}

// TestInKeepalivedsPlace: lvs-director-keepalived takes keepalived's place and its names, serves
// at once what that served,
// outlives the purge of what keepalived left, and goes back.
func TestInKeepalivedsPlace(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIP: both orders of installation are part of the long form")
	}
	host(t)
	write(t, "/etc/default/keepalived", "DAEMON_ARGS=\"-D\"\n", 0o644)
	out := do(t, "apt-get -y install "+deb(olderVar, "lvs-director")+" "+deb(olderVar, "lvs-director-keepalived"))
	t.Log(out)
	is(t, "dpkg-query -W -f '${db:Status-Abbrev}' keepalived", "rc")
	until(t, "director is MASTER in keepalived's place",
		vip+" && director status --json | grep -q '\"state\": *\"MASTER\"'")
	is(t, "systemctl is-enabled keepalived", "enabled")
	do(t, "systemctl show -p FragmentPath keepalived && "+
		"ps -o args= -p $(systemctl show --value -p MainPID keepalived) | grep "+
		"-- '-D'")
	do(t, "keepalived -t -f /etc/keepalived/keepalived.conf")
	is(t, "genhash --help | sed -n 1p", "Usage: director genhash --server=ADDRESS --url=PATH [flags]")
	do(t, "dpkg -P keepalived")
	is(t, "systemctl is-enabled keepalived", "enabled")
	do(t, vip)
	do(t, "systemctl reload keepalived && "+vip)
	upgrades(t, "keepalived")
	leftToYou(t, "keepalived")

	// The way back.
	do(t, "apt-get -y install /debs/keepalived_*.deb")
	until(t, "keepalived is MASTER again", vip+" && "+unitRuns("keepalived"))
	is(t, "systemctl is-enabled keepalived", "enabled")
	is(t, "dpkg-query -W -f '${db:Status-Abbrev}' lvs-director", "ii")
	is(t, "systemctl is-active director", "inactive")

	// There again, with what the first time has left behind.
	do(t, "apt-get -y install "+deb(olderVar, "lvs-director-keepalived")) // lvs-director is of that edition now
	until(t, "director is MASTER again", vip+" && "+unitRuns("director"))
	is(t, "systemctl is-enabled keepalived", "enabled")

	// The other order: director's package first, and keepalived beside nothing.
	do(t, "apt-get -y purge keepalived lvs-director lvs-director-keepalived")
	write(t, "/etc/keepalived/keepalived.conf", keepalivedConf, 0o644)
	do(t, "dpkg -i "+deb(newerVar, "lvs-director")+" "+deb(newerVar, "lvs-director-keepalived"))
	until(t, "director is MASTER on a host that never had keepalived", vip)
	if out, err := try("dpkg -i /debs/keepalived_*.deb"); err == nil {
		t.Errorf("keepalived was installed beside what takes its place:\n%s", out)
	}
	try("dpkg --configure -a; dpkg -r --force-depends keepalived")
	do(t, vip)
	do(t, "apt-get -y purge lvs-director-keepalived")
	is(t, "systemctl is-active keepalived", "inactive")
	if _, err := try(vip); err == nil {
		t.Error("the virtual address is still here after the removal")
	}
}

// TestShapes: the unit as it is shipped leaves notify scripts what they have under keepalived;
// with hardened.conf director
// itself works, and the score of systemd-analyze is under 3.
func TestShapes(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIP: the shapes of the unit are part of the long form")
	}
	host(t)
	do(t, "systemctl stop keepalived && dpkg -i "+deb(olderVar, "lvs-director"))
	mails := mailServer(t, "127.0.0.1:2525")
	conf := strings.Replace(keepalivedConf, "global_defs {", mailSettings, 1)
	conf = strings.Replace(conf, "interface eth0", "interface eth0\n    promote_secondaries", 1)
	_, noIPVS := try("modprobe ip_vs")
	if noIPVS == nil {
		conf += virtualServer
	}
	write(t, "/etc/keepalived/keepalived.conf", conf, 0o644)
	for _, hardened := range []bool{false, true} {
		if hardened {
			do(t, "systemctl stop director")
			do(t, "rm -f /tmp/told /tmp/keepalived.data; mkdir -p /etc/systemd/system/director.service.d && "+
				"cp /usr/share/lvs-director/hardened.conf /etc/systemd/system/director.service.d/ && systemctl daemon-reload")
		}
		do(t, "echo 0 >/proc/sys/net/ipv4/conf/eth0/promote_secondaries")
		do(t, "systemctl start director")
		until(t, "director is MASTER", vip)
		is(t, "cat /proc/sys/net/ipv4/conf/eth0/promote_secondaries", "1")
		if noIPVS == nil {
			is(t, "grep -c 'TCP  C0000264:0050' /proc/net/ip_vs", "1")
		}
		mails.has(t, "Entering MASTER")
		do(t, "systemctl kill -s USR1 --kill-who=main director")
		until(t, "the dump is in /tmp", "grep -q 'State = MASTER' /tmp/keepalived.data")
		out := do(t, "systemd-analyze security director --no-pager")
		score := out[strings.LastIndex(out, "\n")+1:]
		t.Logf("hardened %v: %s", hardened, score)
		if hardened {
			var level float64
			if _, rest, ok := strings.Cut(score, ": "); ok {
				fmt.Sscan(rest, &level)
			}
			if level == 0 || level >= 3 {
				t.Errorf("the score of hardened.conf: %s\n%s", score, out)
			}
			explained(t, out)
		}
		// Real time, locked memory, and the watchdog.
		is(t, "ps -eo comm,cls | grep 'director: vrrp' | awk '{print $NF}'", "RR")
		if locked := do(t, "grep VmLck /proc/$(pgrep -f 'worker vrrp' | head -1)/status"); strings.Contains(locked, " 0 kB") {
			t.Errorf("the vrrp worker's memory is not locked: %s", locked)
		}
		is(t, "systemctl show --value -p WatchdogUSec director", "30s")
		if _, err := try("echo -1 >/proc/self/oom_score_adj"); err == nil {
			is(t, "cat /proc/$(systemctl show --value -p MainPID director)/oom_score_adj", "-900")
		}
		// A tracked process, and settings of the kernel.
		do(t, "cp /usr/bin/sleep /usr/local/bin/worked-on; /usr/local/bin/worked-on 600 >/dev/null 2>&1 & sleep 0.1")
		until(t, "the tracked process counts", "director status --json | grep -q '\"priority\": *160'")
		do(t, "pkill -x worked-on || true")
		until(t, "it counts no more", "director status --json | grep -q '\"priority\": *150'")
		do(t, "director reload")
		pid := do(t, "systemctl show -p MainPID director")
		do(t, "director upgrade")
		is(t, "systemctl show -p MainPID director", pid)
		do(t, vip+" && systemctl is-active director")
		if hardened {
			is(t, "cat /tmp/told 2>/dev/null", "") // it needs another user
			continue
		}
		until(t, "the script ran", "grep -q ^home /tmp/told")
		said := do(t, "cat /tmp/told")
		for _, want := range []string{"told INSTANCE VI_1 MASTER 150", "oom 0", "init systemd", "\n1\n"} {
			if !strings.Contains(said, want) {
				t.Errorf("the script did not say %q:\n%s", want, said)
			}
		}
	}
}
