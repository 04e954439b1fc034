package doctor

import (
	"fmt"
	"strings"

	"github.com/lvs-director/director/conf"
)

var noConfig = &conf.Config{}

// is6 says which family a virtual server is of.
func is6(vs *conf.VirtualServer) bool { return vs.Key.IPv6 || vs.Key.Address.Is6() }

func ipForward(d *examination) {
	if !d.uses(conf.NAT, conf.FNAT) {
		return
	}
	if d.any(func(vs *conf.VirtualServer) bool { return !is6(vs) }) && d.is("net.ipv4.ip_forward", 0) {
		d.say(Error, "ip-forward", "this host does not forward IPv4: answers of NAT real servers are dropped",
			d.showSetting("net.ipv4.ip_forward"), "sysctl -w net.ipv4.ip_forward=1, and in /etc/sysctl.d")
	}
	if d.any(is6) && d.is("net.ipv6.conf.all.forwarding", 0) {
		d.say(Error, "ip-forward", "this host does not forward IPv6: answers of NAT real servers are dropped",
			d.showSetting("net.ipv6.conf.all.forwarding"), "sysctl -w net.ipv6.conf.all.forwarding=1, and in /etc/sysctl.d")
	}
}

// strict says that an interface drops packets that it would answer through another one.
func (d *examination) strict(device string) bool {
	all, _ := d.setting("net.ipv4.conf.all.rp_filter")
	own, known := d.setting("net.ipv4.conf." + device + ".rp_filter")
	return known && max(all, own) == 1
}

// reversePath: the larger one of all and the interface counts (ip-sysctl.rst).
func reversePath(d *examination) {
	if len(d.Config.VirtualServers) == 0 {
		return
	}
	all, _ := d.setting("net.ipv4.conf.all.rp_filter")
	for _, i := range d.Interfaces {
		own, _ := d.setting("net.ipv4.conf." + i.Name + ".rp_filter")
		if !d.strict(i.Name) || i.Name == "lo" || len(i.Addresses) == 0 {
			continue
		}
		d.say(Note, "rp-filter", fmt.Sprintf("%s drops packets that it would answer through another interface", i.Name),
			fmt.Sprintf("net.ipv4.conf.all.rp_filter = %d, net.ipv4.conf.%s.rp_filter = %d; the larger one counts",
				all, i.Name,
				own), "nothing, if clients come in by the interface that the route to them uses; otherwise "+
				"sysctl -w net.ipv4.conf.%s.rp_filter=2", i.Name)
	}
}

func modules(d *examination) {
	for _, m := range d.Missing {
		who := "the virtual servers are"
		if m.Server != "" {
			who = "virtual server " + m.Server + " is"
		}
		cure := "run a kernel that was built with it"
		if module, ok := strings.CutPrefix(m.Source, "module "); ok {
			first, _, _ := strings.Cut(module, " ")
			cure = "install the kernel's modules (linux-modules-extra on some distributions) and type: modprobe " + first
		}
		d.say(Error, "module", fmt.Sprintf("the kernel has no %s: %s not served", m.What, who), m.Source+" is not there",
			"%s", cure)
	}
}

func connReuse(d *examination) {
	if d.is("net.ipv4.vs.conn_reuse_mode", 0) && len(d.Config.VirtualServers) > 0 {
		d.say(Warning, "conn-reuse", "a client that reuses a port goes to the same real server as before, even if "+
			"that one is gone or drained", d.showSetting("net.ipv4.vs.conn_reuse_mode"),
			"sysctl -w net.ipv4.vs.conn_reuse_mode=1")
	}
}

func conntrack(d *examination) {
	full := d.uses(conf.FNAT)
	switch {
	case full && d.is("net.ipv4.vs.conntrack", 0):
		d.say(Error, "conntrack", "full NAT needs connection tracking in IPVS", d.showSetting("net.ipv4.vs.conntrack"),
			"write ipvs { conntrack 1 } in global_defs")
	case !full && len(d.Config.VirtualServers) > 0 && d.is("net.ipv4.vs.conntrack", 1):
		d.say(Note, "conntrack", "IPVS tracks each connection a second time, and nothing in the configuration needs it",
			d.showSetting("net.ipv4.vs.conntrack"), "sysctl -w net.ipv4.vs.conntrack=0, unless rules of your own need it")
	}
}

func udpExpiry(d *examination) {
	udp := func(vs *conf.VirtualServer) bool { return vs.Key.Protocol == conf.UDP && vs.Key.FWMark == 0 }
	if d.any(udp) && d.is("net.ipv4.vs.expire_nodest_conn", 0) {
		d.say(Warning, "expire-nodest-conn", "when a real server is removed, the packets of its UDP clients are dropped "+
			"for as long as they keep sending", d.showSetting("net.ipv4.vs.expire_nodest_conn"),
			"write ipvs { expire_nodest_conn 1 } in global_defs")
	}
}

func quiescent(d *examination) {
	sticky := func(vs *conf.VirtualServer) bool { return vs.Persistence > 0 }
	if d.any(sticky) && d.is("net.ipv4.vs.expire_quiescent_template", 0) {
		d.say(Note, "expire-quiescent-template", "clients of a persistent virtual server return to a drained real server",
			d.showSetting("net.ipv4.vs.expire_quiescent_template"),
			"write ipvs { expire_quiescent_template 1 } in global_defs, if a drained server must lose all its clients")
	}
}

func portZero(d *examination) {
	for _, vs := range d.Config.VirtualServers {
		if vs.Key.FWMark == 0 && vs.Group == "" && vs.Key.Port == 0 && vs.Persistence == 0 {
			d.say(Error, "port-zero", fmt.Sprintf("%s serves nobody: the kernel takes port 0 (all ports) with "+
				"persistence only", vs),
				"persistence_timeout is not set", "give it a persistence_timeout, or a port")
		}
	}
}

// Bounds at which tables are called full.
const (
	fullTracking = 80 // percent
	chainLength  = 8  // connections in one bucket, on average
)

func tableSize(d *examination) {
	if bits, known := d.setting("conn_tab_bits"); known && bits > 0 && bits < 31 && d.Connections > chainLength<<bits {
		d.say(Warning, "conn-tab-bits", "the connection table of IPVS is too small for its load: each packet takes long "+
			"to look up",
			fmt.Sprintf("%d connections in %d buckets", d.Connections, 1<<bits),
			"options ip_vs conn_tab_bits=20 in /etc/modprobe.d, and load the module again")
	}
	size, known := d.setting("net.netfilter.nf_conntrack_max")
	count, counted := d.setting("net.netfilter.nf_conntrack_count")
	if known && counted && size > 0 && count*100 >= size*fullTracking {
		d.say(Warning, "conntrack-full", "connection tracking is nearly full: new connections will be dropped",
			fmt.Sprintf("%d of %d", count, size), "sysctl -w net.netfilter.nf_conntrack_max=%d, or track less "+
				"(notrack)", size*2)
	}
}

func marks(d *examination) {
	if d.Marks == nil {
		return
	}
	for _, vs := range d.Config.VirtualServers {
		for _, key := range vs.Services {
			if mark := key.FWMark; mark != 0 && vs.Match == nil && !d.Marks[mark] {
				d.say(Warning, "mark", fmt.Sprintf("%s gets no packets, as far as nftables shows: no rule sets its mark", vs),
					fmt.Sprintf("no rule of nftables sets the mark %d", mark),
					"let director mark the packets (match { ... }), or add a rule that does; doctor does not see "+
						"rules of iptables-legacy")
			}
		}
	}
}

func filters(d *examination) {
	for _, c := range d.Filters {
		if len(d.Config.Instances) > 0 && c.DropsVRRP && (c.Hook == "input" || c.Hook == "prerouting") {
			d.say(Error, "filter-vrrp", "a filter drops the peer's advertisements: both directors become MASTER",
				c.Name+" has a rule that drops protocol 112", "remove the rule, or narrow it")
		}
		if !c.Drop || c.Jumps || c.Hook != "input" {
			continue
		}
		if len(d.Config.Instances) > 0 && !c.VRRP {
			d.say(Error, "filter-vrrp", "a filter drops the peer's advertisements: both directors become MASTER",
				c.Name+" has the policy drop, and no rule for protocol 112", "accept it: nft add rule ... meta l4proto "+
					"112 accept")
		}
		for _, vs := range d.Config.VirtualServers {
			for _, key := range vs.Services {
				if key.FWMark == 0 && key.Port != 0 && !c.Ports[key.Port] {
					d.say(Warning, "filter-service", fmt.Sprintf("a filter may drop the clients of %s: IPVS gets their packets "+
						"after the hook input", vs),
						fmt.Sprintf("%s has the policy drop, and no rule for port %d", c.Name, key.Port),
						"add a rule that accepts %s port %d", key.Protocol, key.Port)
				}
			}
		}
	}
}

func strangers(d *examination) {
	for _, s := range d.Strangers {
		d.say(Warning, "foreign-vrid", "another router's advertisements of a virtual router are refused", s,
			"give one of the two another virtual_router_id, or the same configuration")
	}
}

// trimmed are the lines of a file that are no comments.
func trimmed(text string) (lines []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' && line[0] != ';' {
			lines = append(lines, line)
		}
	}
	return lines
}
