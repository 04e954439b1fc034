package link

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// What something else may change of a virtual interface while it is in use.

// wanted are the IPv4 settings of a virtual interface.
func (m *vmacs) wanted() map[string]int {
	// The route to a client is by the parent, so a strict filter would drop
	// its packets. The stricter of "all" and the interface's own is in force.
	filter := 0
	if all, err := m.Setting("all", "rp_filter"); err == nil && all != 0 {
		filter = 2 // loose wins over strict
	}
	return map[string]int{
		"arp_ignore":          1, // not for the addresses of the parent
		"arp_filter":          0,
		"rp_filter":           filter,
		"promote_secondaries": 1,
	}
}

// drifted says what of a virtual interface's kind is not as Make makes it.
func (v VMAC) drifted(l, parent netlink.Link) (names []string) {
	switch is := l.(type) {
	case *netlink.Macvlan:
		if is.Mode != modeOn(parent) {
			names = append(names, "macvlan mode")
		}
	case *netlink.IPVlan:
		if is.Mode != netlink.IPVLAN_MODE_L2 || is.Flag != ipvlanFlags[v.IPVLAN] {
			names = append(names, "ipvlan mode")
		}
	default:
		return nil
	}
	if l.Attrs().MTU != parent.Attrs().MTU {
		names = append(names, "mtu")
	}
	return names
}

// putBack sets a mode that drifted has found.
func (m *vmacs) putBack(v VMAC, l, parent netlink.Link) error {
	if _, ok := l.(*netlink.Macvlan); ok {
		return m.handle.LinkSetMacvlanMode(l, modeOn(parent))
	}
	// Not LinkModify: it says the name too, which the kernel refuses while the interface is up.
	header := nl.NewIfInfomsg(unix.AF_UNSPEC)
	header.Index = int32(l.Attrs().Index)
	req := m.settings.rtnl.request(unix.RTM_NEWLINK, 0, header)
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated(l.Type()))
	data := info.AddRtAttr(nl.IFLA_INFO_DATA, nil)
	data.AddRtAttr(nl.IFLA_IPVLAN_MODE, nl.Uint16Attr(uint16(netlink.IPVLAN_MODE_L2)))
	data.AddRtAttr(nl.IFLA_IPVLAN_FLAG, nl.Uint16Attr(uint16(ipvlanFlags[v.IPVLAN])))
	req.AddData(info)
	return m.settings.rtnl.do(req)
}

// likeItsParent gives a virtual interface the mark, its mode, and the MTU that follows
// from its parent. What is only good to have is degraded.
func (m *vmacs) likeItsParent(v VMAC, l netlink.Link) (degraded, err error) {
	if l.Attrs().Alias != AliasMark {
		if err := m.handle.LinkSetAlias(l, AliasMark); err != nil {
			degraded = fmt.Errorf("marking virtual interface %s: %w", v.Name, withReason(err))
		}
	}
	parent, err := m.handle.LinkByName(v.Parent)
	if err != nil {
		return degraded, fmt.Errorf("preparing virtual interface %s: its parent %s: %w", v.Name, v.Parent,
			withReason(err))
	}
	for _, what := range v.drifted(l, parent) {
		if what != "mtu" {
			if err := m.putBack(v, l, parent); err != nil {
				return degraded, fmt.Errorf("putting virtual interface %s back into its %s: %w", v.Name, what,
					withReason(err))
			}
			continue
		}
		mtu := parent.Attrs().MTU
		if err := m.handle.LinkSetMTU(l, mtu); err != nil && degraded == nil {
			degraded = fmt.Errorf("giving virtual interface %s the MTU %d of %s: %w", v.Name, mtu, v.Parent,
				withReason(err))
		}
	}
	return degraded, nil
}

// Drifted implements VMACs.
func (m *vmacs) Drifted(v VMAC) (names []string, err error) {
	is, err := m.settings.all(v.Name)
	if err != nil {
		return nil, err
	}
	for name, value := range m.wanted() {
		if now, known := is.inet(name); known && now != value {
			names = append(names, "net.ipv4.conf."+v.Name+"."+name)
		}
	}
	for name, number := range quiet6 {
		if now, known := is.inet6(number); known && now != 0 && unix.Access(file6(v.Name, name), unix.W_OK) == nil {
			names = append(names, "net.ipv6.conf."+v.Name+"."+name)
		}
	}
	if mode, known := is.addressMode(); known && mode != addrGenModeNone {
		names = append(names, "net.ipv6.conf."+v.Name+".addr_gen_mode")
	}
	l, err := m.handle.LinkByName(v.Name)
	if err != nil {
		return nil, withReason(err)
	}
	if l.Attrs().Alias != AliasMark {
		names = append(names, "alias")
	}
	parent, err := m.handle.LinkByName(v.Parent)
	if err != nil {
		return nil, withReason(err)
	}
	names = append(names, v.drifted(l, parent)...)
	slices.Sort(names)
	return names, nil
}

// quiet6 are the IPv6 settings of a virtual interface that are 0, with their places
// among what the kernel tells (DEVCONF_* in linux/ipv6.h).
var quiet6 = map[string]int{"accept_ra": 3, "autoconf": 5, "router_solicitations": 7}

func file6(device, name string) string { return "/proc/sys/net/ipv6/conf/" + device + "/" + name }

// turnOff writes 0 into a setting that is something else.
func turnOff(file string) error {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) || err == nil && strings.TrimSpace(string(text)) == "0" {
		return nil // a kernel without IPv6 has none
	}
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte("0"), 0)
}
