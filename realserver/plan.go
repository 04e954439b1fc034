package realserver

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/lvs-director/director/conf"
)

// Setting is a setting of the kernel.
type Setting struct {
	Name  string // "net.ipv4.conf.all.arp_ignore"
	Value string
	Why   string
}

// Device is one that carries virtual addresses.
type Device struct {
	Name      string // "lo", "tunl0", "ip6tnl0"
	Module    string // that makes it; empty for one that is always there
	Addresses []netip.Prefix
}

// Plan is what a real server needs.
type Plan struct {
	Devices  []Device
	Settings []Setting
	Gateway  bool // the director has to be on its way back
	VIPs     []netip.Addr
}

// For is what a real server of these virtual addresses needs with a method. With
// several methods, merge the plans (Merge).
func For(vips []netip.Addr, method conf.ForwardMethod) (Plan, error) {
	vips = slices.Clone(vips)
	slices.SortFunc(vips, netip.Addr.Compare)
	vips = slices.Compact(vips)
	if len(vips) == 0 {
		return Plan{}, errors.New("no virtual address")
	}
	for _, a := range vips {
		if a.IsUnspecified() || a.IsMulticast() || a.IsLoopback() || a.Zone() != "" || a.Is4In6() {
			return Plan{}, fmt.Errorf("%s cannot be a virtual address", a)
		}
	}
	p := Plan{VIPs: vips}
	switch method {
	case conf.NAT:
		p.Gateway = true
	case conf.DR:
		p.add(Device{Name: "lo"}, vips, func(netip.Addr) bool { return true })
	case conf.TUN:
		p.add(Device{Name: "tunl0", Module: "ipip"}, vips, netip.Addr.Is4)
		p.add(Device{Name: "ip6tnl0", Module: "ip6_tunnel"}, vips, netip.Addr.Is6)
	}
	four := slices.ContainsFunc(vips, netip.Addr.Is4)
	if four && (method == conf.DR || method == conf.TUN) {
		p.Settings = []Setting{
			{"net.ipv4.conf.all.arp_ignore", "1", "answer ARP only for addresses of the interface that is asked"},
			{"net.ipv4.conf.all.arp_announce", "2", "never ask by ARP with a virtual address as the sender"},
		}
	}
	if four && method == conf.TUN {
		// The larger one of all and the device counts, so 2 (loose) is enough.
		p.Settings = append(p.Settings, Setting{"net.ipv4.conf.tunl0.rp_filter", "2",
			"packets out of the tunnel have clients as their source, who are reached by another interface"})
	}
	return p, nil
}

func (p *Plan) add(d Device, vips []netip.Addr, fits func(netip.Addr) bool) {
	for _, a := range vips {
		if fits(a) {
			d.Addresses = append(d.Addresses, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	if len(d.Addresses) > 0 {
		p.Devices = append(p.Devices, d)
	}
}

// Merge puts plans together.
func Merge(plans ...Plan) (all Plan) {
	for _, p := range plans {
		all.Devices = append(all.Devices, p.Devices...)
		for _, s := range p.Settings {
			if !slices.Contains(all.Settings, s) {
				all.Settings = append(all.Settings, s)
			}
		}
		all.Gateway = all.Gateway || p.Gateway
		all.VIPs = append(all.VIPs, p.VIPs...)
	}
	return all
}

// Configured is what the real servers of a configuration need, all together. With one
// that is not invalid, only what that one needs.
func Configured(cfg *conf.Config, one netip.Addr) (Plan, error) {
	byMethod := make(map[conf.ForwardMethod][]netip.Addr)
	for _, vs := range cfg.VirtualServers {
		for _, rs := range vs.RealServers {
			if one.IsValid() && rs.Key.Address != one {
				continue
			}
			for _, key := range vs.Services {
				if key.Address.IsValid() {
					byMethod[rs.Forward] = append(byMethod[rs.Forward], key.Address)
				}
			}
			if vs.Match != nil {
				for _, e := range vs.Match.Entries {
					if e.Address.IsSingleIP() {
						byMethod[rs.Forward] = append(byMethod[rs.Forward], e.Address.Addr())
					}
				}
			}
		}
	}
	var plans []Plan
	for _, method := range []conf.ForwardMethod{conf.NAT, conf.DR, conf.TUN, conf.FNAT} {
		if vips := byMethod[method]; len(vips) > 0 {
			p, err := For(vips, method)
			if err != nil {
				return Plan{}, err
			}
			plans = append(plans, p)
		}
	}
	if len(plans) == 0 {
		return Plan{}, errors.New("the configuration has no virtual server with an address for such a real server")
	}
	return Merge(plans...), nil
}

// path is the file of a setting.
func (s Setting) path() string { return "/proc/sys/" + strings.ReplaceAll(s.Name, ".", "/") }
