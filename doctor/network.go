package doctor

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/lvs-director/director/conf"
)

// vipPlace: an address on an interface that its instance does not name.
func vipPlace(d *examination) {
	for _, in := range d.Config.Instances {
		for _, a := range in.Addresses {
			device := a.Device
			if device == "" {
				device = in.Interface
			}
			for _, i := range d.Interfaces {
				if i.Name == device || a.UseVMAC || in.VMAC != nil {
					continue
				}
				if slices.ContainsFunc(i.Addresses, func(p netip.Prefix) bool { return p.Addr() == a.Prefix.Addr() }) {
					d.say(Error, "vip-place", fmt.Sprintf("the virtual address %s of %s is on another interface than configured",
						a.Prefix.Addr(), in.Name), fmt.Sprintf("it is on %s, the configuration has it on %s", i.Name, device),
						"ip address del %s dev %s, unless something else needs it there", a.Prefix, i.Name)
				}
			}
		}
	}
}

func arpAnswers(d *examination) {
	for _, a := range d.Answers {
		if !a.Server.IsValid() {
			continue // the peer, when it is MASTER
		}
		d.say(Error, "arp", fmt.Sprintf("the real server %s answers ARP for the virtual address %s: clients reach "+
			"it without "+
			"the director", a.Server, a.VIP), fmt.Sprintf("an answer from %s on %s", a.MAC, a.Device),
			"on that real server: director realserver %s --method dr", a.VIP)
	}
}

// servers are the real servers by address, with one of their virtual servers.
func (d *examination) servers() map[netip.Addr]*conf.RealServer {
	m := make(map[netip.Addr]*conf.RealServer)
	for _, vs := range d.Config.VirtualServers {
		for _, rs := range vs.RealServers {
			if _, there := m[rs.Key.Address]; !there {
				m[rs.Key.Address] = rs
			}
		}
	}
	return m
}

func sorted(m map[netip.Addr]*conf.RealServer) []netip.Addr {
	return slices.SortedFunc(maps.Keys(m), netip.Addr.Compare)
}

func routes(d *examination) {
	servers := d.servers()
	for _, a := range sorted(servers) {
		r, known := d.Routes[a]
		switch {
		case !known:
		case r.Error != "":
			d.say(Error, "no-route", fmt.Sprintf("there is no route to the real server %s", a), r.Error,
				"give this host a route to it")
		case servers[a].Forward == conf.DR && r.Gateway.IsValid():
			d.say(Error, "dr-network", fmt.Sprintf("the real server %s is behind a router, which DR cannot pass", a),
				fmt.Sprintf("the route to it is via %s, device %s", r.Gateway, r.Device),
				"use TUN or FNAT for it, or put it into a network of this host")
		}
	}
}

// natRoutes: what can be known of the way back is whether it can pass this host.
func natRoutes(d *examination) {
	servers := d.servers()
	for _, a := range sorted(servers) {
		if r, known := d.Routes[a]; known && servers[a].Forward == conf.NAT && r.Error == "" && r.Gateway.IsValid() {
			d.say(Warning, "nat-gateway", fmt.Sprintf("answers of the real server %s may not come back through this host, "+
				"as NAT needs", a),
				fmt.Sprintf("it is behind the router %s, which sends them along its own route to the clients", r.Gateway),
				"use FNAT for it, or route the clients' networks on %s to the directors", r.Gateway)
		}
	}
	for _, w := range d.WaysBack {
		if w.NearReplied && !w.FarReplied {
			d.say(Warning, "nat-gateway", fmt.Sprintf("answers of the real server %s to clients of other networks do not come "+
				"back through this host, as NAT needs", w.Server),
				fmt.Sprintf("it answers a ping from %s, in its network, and none "+
					"from %s, another address of this host", w.Near, w.Far), "make this host (%s, or the virtual address there) the "+
					"gateway of %s, or use FNAT for it", w.Near, w.Server)
		}
	}
}

func networkd(d *examination) {
	if len(d.Others["systemd-networkd"]) == 0 || len(d.Config.Instances) == 0 {
		return
	}
	for _, name := range []string{"ManageForeignRoutes", "ManageForeignRoutingPolicyRules"} {
		value := ""
		for _, line := range trimmed(d.Files["/etc/systemd/networkd.conf"]) {
			if key, v, ok := strings.Cut(line, "="); ok && strings.TrimSpace(key) == name {
				value = strings.ToLower(strings.TrimSpace(v))
			}
		}
		if value != "no" && value != "false" && value != "0" && value != "off" {
			d.say(Warning, "networkd", "systemd-networkd removes routes and rules that it did not make, when it is restarted",
				name+" is not set to no in /etc/systemd/networkd.conf",
				"%s=no in the section [Network], and KeepConfiguration=yes in the .network files of interfaces with virtual "+
					"addresses", name)
		}
	}
}

func networkManager(d *examination) {
	if pids := d.Others["NetworkManager"]; len(pids) > 0 && len(d.Config.Instances) > 0 {
		d.say(Note, "network-manager", "NetworkManager may remove virtual addresses when it activates a connection again",
			fmt.Sprintf("NetworkManager runs (pid %d)", pids[0]),
			"unmanaged-devices=interface-name:... in /etc/NetworkManager/conf.d for the interfaces of the instances")
	}
}

func flushRuleset(d *examination) {
	const file = "/etc/nftables.conf"
	for _, line := range trimmed(d.Files[file]) {
		if strings.Join(strings.Fields(strings.TrimSuffix(line, ";")), " ") == "flush ruleset" {
			d.say(Warning, "flush-ruleset", "a reload of the nftables service removes director's tables (no_accept, "+
				"marks, full NAT)",
				file+" has: flush ruleset", "delete only your own tables there: destroy table inet filter")
			return
		}
	}
}

func offload(d *examination) {
	for _, i := range d.Interfaces {
		if i.LRO && len(d.Config.VirtualServers) > 0 {
			d.say(Warning, "lro", fmt.Sprintf("%s merges received packets into ones that are too large to "+
				"forward", i.Name),
				"large-receive-offload is on", "ethtool -K %s lro off", i.Name)
		}
	}
}

func otherPrograms(d *examination) {
	for _, name := range []string{"keepalived", "kube-proxy"} {
		if pids := d.Others[name]; len(pids) > 0 {
			d.say(Warning, "other-program", name+" runs in this network namespace and manages IPVS, or addresses, too",
				fmt.Sprintf("pid %d", pids[0]), "stop it, or give it or director a network namespace of its own")
		}
	}
}
