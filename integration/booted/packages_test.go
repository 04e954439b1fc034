//go:build linux

package booted_test

import (
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
	}
	try("dpkg --purge lvs-director-keepalived lvs-director; rm -f /tmp/told; rm -rf /etc/systemd/system/director.service.d")
	text := keepalivedConf
	if _, err := try("modprobe ip_vs"); err == nil {
		text += virtualServer
	}
	write(t, "/etc/keepalived/keepalived.conf", text, 0o644)
	if _, err := try("dpkg-query -W -f '${Status}' keepalived | grep -q '^install ok installed'"); err != nil {
		do(t, "dpkg -i /debs/keepalived_*.deb")
	}
	do(t, "systemctl enable keepalived && systemctl restart keepalived")
	until(t, "keepalived is MASTER", vip)
}

// TestBesideKeepalived: lvs-director installs beside keepalived, and takes nothing over until it is told. Then it is
// upgraded in place, and removed.
func TestBesideKeepalived(t *testing.T) {
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

	do(t, "systemctl disable --now keepalived")
	do(t, "systemctl enable --now director")
	until(t, "director is MASTER", vip)
	upgrades(t, "director")

	do(t, "dpkg -r lvs-director")
	if _, err := try(vip); err == nil {
		t.Error("the virtual address is still here after the removal")
	}
	is(t, "pidof director", "")
	do(t, "test -f /etc/director/director.conf && test -d /var/lib/director")
	do(t, "dpkg -P lvs-director")
	is(t, "ls -d /etc/director /etc/default/director /var/lib/director /run/director /etc/systemd/system/*/director.service "+
		"2>/dev/null", "")
}

// upgrades has a unit's director upgraded by its package, to the newer edition and back.
func upgrades(t *testing.T, unit string) {
	t.Helper()
	pid := do(t, "systemctl show -p MainPID "+unit)
	told := do(t, "grep -c ^told /tmp/told || true")
	out := do(t, "dpkg -i "+deb(newerVar, "lvs-director*"))
	if !strings.Contains(out, newerVersion) {
		t.Errorf("the package says\n%s", out)
	}
	is(t, "systemctl show -p MainPID "+unit, pid)
	is(t, "systemctl is-active "+unit, "active")
	do(t, vip)
	do(t, "director status --json | grep -q 'version.*"+newerVersion+"'")
	is(t, "grep -c ^told /tmp/told || true", told)
}
