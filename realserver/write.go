package realserver

import (
	"fmt"
	"net/netip"
	"strings"
)

// Commands are the commands for a shell of Linux, and other ways in words.
func (p Plan) Commands() string {
	var b strings.Builder
	for _, s := range p.Settings { // before the addresses: else they are announced
		if d := deviceOf(s.Name); d == "" {
			fmt.Fprintf(&b, "sysctl -w %s=%s   # %s\n", s.Name, s.Value, s.Why)
		}
	}
	for _, d := range p.Devices {
		if d.Module != "" {
			fmt.Fprintf(&b, "modprobe %s\nip link set %s up\n", d.Module, d.Name)
		}
		for _, s := range p.Settings {
			if deviceOf(s.Name) == d.Name {
				fmt.Fprintf(&b, "sysctl -w %s=%s   # %s\n", s.Name, s.Value, s.Why)
			}
		}
		for _, a := range d.Addresses {
			fmt.Fprintf(&b, "ip address add %s dev %s%s\n", a, d.Name, nodad(a))
		}
	}
	if p.Gateway {
		b.WriteString("ip route replace default via DIRECTOR   # the virtual address of the directors in this network: " +
			"answers have to pass them\n")
	}
	return b.String()
}

// deviceOf is the device that a setting is of: one that need not be there yet.
func deviceOf(name string) string {
	parts := strings.Split(name, ".")
	if len(parts) == 5 && parts[3] != "all" {
		return parts[3]
	}
	return ""
}

// nodad: the address is on other hosts too, and it is deprecated (preferred_lft 0), so
// that this host does not begin connections of its own with it (RFC 6724 section 5).
func nodad(a netip.Prefix) string {
	if a.Addr().Is6() {
		return " nodad preferred_lft 0"
	}
	return ""
}

// Sysctl is a file for /etc/sysctl.d.
func (p Plan) Sysctl() string {
	var b strings.Builder
	b.WriteString("# /etc/sysctl.d/90-real-server.conf\n")
	for _, s := range p.Settings {
		fmt.Fprintf(&b, "# %s\n%s = %s\n", s.Why, s.Name, s.Value)
	}
	return b.String()
}

// Ifupdown is a file for /etc/network/interfaces.d.
func (p Plan) Ifupdown() string {
	var b strings.Builder
	b.WriteString("# /etc/network/interfaces.d/real-server\n")
	for _, d := range p.Devices {
		if d.Module != "" {
			fmt.Fprintf(&b, "auto %s\niface %s inet manual\n    pre-up modprobe %s\n    up ip link set %s up\n",
				d.Name, d.Name,
				d.Module, d.Name)
		} else {
			fmt.Fprintf(&b, "auto %s\niface %s inet loopback\n", d.Name, d.Name)
		}
		for _, s := range p.Settings {
			fmt.Fprintf(&b, "    up sysctl -w %s=%s\n", s.Name, s.Value)
		}
		for _, a := range d.Addresses {
			fmt.Fprintf(&b, "    up ip address replace %s dev %s%s\n    down ip address del %s dev %s || true\n", a, d.Name,
				nodad(a), a, d.Name)
		}
	}
	return b.String() + gatewayComment(p)
}

// Networkd is a file for /etc/systemd/network for each device.
func (p Plan) Networkd() string {
	var b strings.Builder
	for _, d := range p.Devices {
		fmt.Fprintf(&b, "# /etc/systemd/network/90-real-server-%s.network\n[Match]\nName=%s\n\n[Network]\n"+
			"KeepConfiguration=static\n", d.Name, d.Name)
		for _, a := range d.Addresses {
			fmt.Fprintf(&b, "\n[Address]\nAddress=%s\n", a)
			if a.Addr().Is6() {
				b.WriteString("DuplicateAddressDetection=none\nPreferredLifetime=0\n")
			}
		}
		if d.Module != "" {
			fmt.Fprintf(&b, "\n# /etc/modules-load.d/real-server.conf\n# %s\n", d.Module)
		}
	}
	return b.String() + "\n" + p.Sysctl() + gatewayComment(p)
}

func gatewayComment(p Plan) string {
	if p.Gateway {
		return "# NAT: the default gateway has to be the virtual address of the directors in this network\n"
	}
	return ""
}

// Words are what else is to be known: other ways and other systems.
func (p Plan) Words() string {
	if len(p.Devices) == 0 {
		return "NAT: nothing but the way back: the default gateway (or the route to the clients) is the virtual " +
			"address of the\n" +
			"directors in this network. Clients in the real servers' own network need full NAT (lb_kind FNAT).\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Other ways to keep a real server from answering ARP for %s:\n", list(p.VIPs))
	b.WriteString("- arptables or nftables (family arp) on the real server: drop requests for the virtual " +
		"address, and put its\n" +
		"  own address into what it sends.\n" +
		"- a static ARP entry for the virtual address on the last router before the directors: it has to change at " +
		"a failover.\n" +
		"FreeBSD: ifconfig lo1 create; ifconfig lo1 inet VIP netmask 255.255.255.255 alias. It does not answer ARP for\n" +
		"  addresses of a loopback interface. For TUN: a gif(4) interface.\n" +
		"Windows: install the Microsoft KM-TEST loopback adapter, give it VIP with the mask 255.255.255.255, and set\n" +
		"  netsh interface ipv4 set interface NAME weakhostreceive=enabled (and weakhostsend=enabled) on it and on " +
		"the card.\n")
	return b.String()
}

func list(addresses []netip.Addr) string {
	var texts []string
	for _, a := range addresses {
		texts = append(texts, a.String())
	}
	return strings.Join(texts, ", ")
}
