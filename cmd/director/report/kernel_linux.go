package report

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"

	"github.com/lvs-director/director/netns"
	"github.com/lvs-director/director/nft"
	"github.com/lvs-director/director/supervisor/hostcheck"
	"github.com/lvs-director/director/virtualserver/ipvsadm"
)

// ownNet is /proc/net of the network namespace of this thread.
const ownNet = "/proc/thread-self/net/"

// in looks at a network namespace. One that cannot be entered is an error, and the one of this process
// is looked at: it may say why.
func in(name string, look func() error) error {
	entered := false
	err := netns.Do(name, func() error { entered = true; return look() })
	if entered {
		return err
	}
	return errors.Join(fmt.Errorf("what is here is of the network namespace of this command: %w", err), look())
}

// ipvsTable is the kernel's table, to be restored by ipvsadm, and with what it has counted. Where IPVS
// is not loaded it stays so.
func ipvsTable(g gathered, out *output) error {
	return in(cmp.Or(g.config.IPVSNamespace, g.config.NetworkNamespace), func() error {
		if _, err := os.Stat(ownNet + "ip_vs"); err != nil {
			return fmt.Errorf("IPVS is not loaded: %w", err)
		}
		list, err := hostcheck.IPVSTable(g.RunDir)
		if err != nil {
			return err
		}
		if err := ipvsadm.Save(out.file("ipvs.txt"), list); err != nil && !errors.Is(err, errFull) {
			return err
		}
		err = ipvsadm.List(out.file("ipvs-list.txt"), hostcheck.IPVSHeading(), list)
		if err != nil && !errors.Is(err, errFull) {
			return err
		}
		return ipvsadm.Counters(out.file("ipvs-counters.txt"), list, ipvsadm.Columns{Exact: true})
	})
}

// mostRoutes is how many routes of each family are looked at: a host may have a million.
const mostRoutes = 20_000

// network is what the kernel has of links, addresses, routes and rules.
func network(g gathered, out *output) error {
	return in(g.config.NetworkNamespace, func() error {
		links, err := netlink.LinkList()
		if err != nil {
			return fmt.Errorf("listing links: %w", err)
		}
		names := make(map[int]string, len(links))
		out.file("links.txt")
		for _, l := range links {
			a := l.Attrs()
			names[a.Index] = a.Name
			fmt.Fprintf(out, "%d: %s %s mtu %d state %s flags %s mac %s master %d alias %q\n", a.Index, a.Name, l.Type(), a.MTU,
				a.OperState, a.Flags, a.HardwareAddr, a.MasterIndex, a.Alias)
		}
		addresses, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
		if err != nil {
			return fmt.Errorf("listing addresses: %w", err)
		}
		out.file("addresses.txt")
		for _, a := range addresses {
			fmt.Fprintf(out, "%s dev %s scope %d flags %#x label %q valid %d preferred %d\n", a.IPNet,
				names[a.LinkIndex], a.Scope, a.Flags, a.Label, a.ValidLft, a.PreferedLft)
		}
		return errors.Join(routes(out.file("routes.txt"), names), rules(out.file("rules.txt")))
	})
}

var families = []struct {
	number int
	name   string
}{{netlink.FAMILY_V4, "IPv4"}, {netlink.FAMILY_V6, "IPv6"}}

// routes are those of all tables; names are those of links.
func routes(w io.Writer, names map[int]string) error {
	for _, f := range families {
		n := 0
		err := netlink.RouteListFilteredIter(f.number, &netlink.Route{}, netlink.RT_FILTER_TABLE, func(r netlink.Route) bool {
			if n++; n > mostRoutes {
				fmt.Fprintf(w, "[cut off here: more than %d routes of %s]\n", mostRoutes, f.name)
				return false
			}
			to := cmp.Or(fmt.Sprint(r.Dst), "default")
			_, err := fmt.Fprintf(w, "%s via %s dev %s src %s table %d metric %d protocol %d type %d scope %s flags %#x mtu %d",
				to, r.Gw, names[r.LinkIndex], r.Src, r.Table, r.Priority, r.Protocol, r.Type, r.Scope, r.Flags, r.MTU)
			for _, hop := range r.MultiPath {
				fmt.Fprintf(w, " nexthop via %s dev %s weight %d", hop.Gw, names[hop.LinkIndex], hop.Hops+1)
			}
			fmt.Fprintln(w)
			return err == nil
		})
		if err != nil {
			return fmt.Errorf("listing routes of %s: %w", f.name, err)
		}
	}
	return nil
}

func rules(w io.Writer) error {
	for _, f := range families {
		list, err := netlink.RuleList(f.number)
		if err != nil {
			return fmt.Errorf("listing rules of %s: %w", f.name, err)
		}
		for _, r := range list {
			fmt.Fprintf(w, "%s %s mark %#x protocol %d\n", f.name, r, r.Mark, r.Protocol)
		}
	}
	return nil
}

// nftTables are the tables of nftables that are director's: chains, rules and elements.
func nftTables(g gathered, out *output) error {
	return in(g.config.NetworkNamespace, func() error {
		ours, err := nft.Marked()
		if err != nil {
			return err
		}
		out.file("nftables.txt")
		if len(ours) == 0 {
			fmt.Fprintln(out, "director has no table here")
			return nil
		}
		c, err := nftables.New()
		if err != nil {
			return err
		}
		for _, name := range ours {
			if err := writeTable(out, c, &nftables.Table{Name: name, Family: nftables.TableFamilyINet}); err != nil {
				return fmt.Errorf("reading table %s: %w", name, err)
			}
		}
		return nil
	})
}

func writeTable(w io.Writer, c *nftables.Conn, t *nftables.Table) error {
	fmt.Fprintf(w, "table inet %s\n", t.Name)
	sets, err := c.GetSets(t)
	if err != nil {
		return err
	}
	for _, s := range sets {
		elements, err := c.GetSetElements(s)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "  set %s type %s, %d elements\n", s.Name, s.KeyType.Name, len(elements))
		for _, e := range elements {
			if _, err := fmt.Fprintf(w, "    %x\n", e.Key); err != nil {
				return err
			}
		}
	}
	chains, err := c.ListChainsOfTableFamily(t.Family)
	if err != nil {
		return err
	}
	for _, chain := range chains {
		if chain.Table.Name != t.Name {
			continue
		}
		fmt.Fprintf(w, "  chain %s type %s", chain.Name, chain.Type)
		if chain.Hooknum != nil && chain.Priority != nil {
			fmt.Fprintf(w, " hook %d priority %d", *chain.Hooknum, *chain.Priority)
		}
		fmt.Fprintln(w)
		list, err := c.GetRules(t, chain)
		if err != nil {
			return err
		}
		for _, r := range list {
			fmt.Fprint(w, "    rule")
			for _, e := range r.Exprs {
				fmt.Fprintf(w, " %s%+v", strings.TrimPrefix(fmt.Sprintf("%T", e), "*expr."), e)
			}
			if _, err := fmt.Fprintln(w); err != nil {
				return err
			}
		}
	}
	return nil
}

// settings are those of the kernel that VRRP and IPVS depend on.
func settings(g gathered, out *output) error {
	out.file("settings.txt")
	show := func(patterns ...string) error {
		for _, pattern := range patterns {
			files, _ := filepath.Glob("/proc/sys/net/" + pattern) // the patterns are good
			for _, name := range files {
				text, err := os.ReadFile(name)
				if err != nil {
					text = []byte(err.Error())
				}
				name = strings.TrimPrefix(name, "/proc/sys/")
				if _, err := fmt.Fprintf(out, "%s = %s\n", name, strings.Join(strings.Fields(string(text)), " ")); err != nil {
					return err
				}
			}
		}
		return nil
	}
	wrong := in(g.config.NetworkNamespace, func() error {
		return show("ipv4/ip_forward", "ipv4/ip_nonlocal_bind", "ipv4/igmp_max_memberships", "ipv4/conf/*/arp_*",
			"ipv4/conf/*/rp_filter", "ipv4/conf/*/promote_secondaries", "ipv4/conf/*/forwarding", "ipv4/conf/*/accept_local",
			"ipv4/conf/*/send_redirects", "ipv6/conf/*/forwarding", "ipv6/conf/*/disable_ipv6", "ipv6/conf/*/accept_dad",
			"ipv6/conf/*/ndisc_notify", "netfilter/nf_conntrack_max", "netfilter/nf_conntrack_count", "core/somaxconn")
	})
	return errors.Join(wrong,
		in(cmp.Or(g.config.IPVSNamespace, g.config.NetworkNamespace), func() error { return show("ipv4/vs/*") }))
}

// counters are those of the kernel's network.
func counters(g gathered, out *output) error {
	return in(g.config.NetworkNamespace, func() error {
		copyFiles(out.file("counters.txt"), ownNet+"dev", ownNet+"snmp", ownNet+"snmp6", ownNet+"netstat",
			ownNet+"softnet_stat", ownNet+"sockstat", ownNet+"sockstat6", ownNet+"igmp", ownNet+"ip_vs_stats",
			ownNet+"stat/nf_conntrack", "/proc/pressure/cpu", "/proc/pressure/memory", "/proc/pressure/io")
		return nil
	})
}

// mostOfFile bounds what is read of a file that the kernel makes.
const mostOfFile = 1 << 20

// copyFiles copies what can be read of files, each behind its name.
func copyFiles(w io.Writer, names ...string) {
	for _, name := range names {
		fmt.Fprintf(w, "--- %s\n", name)
		f, err := os.Open(name)
		if err == nil {
			_, err = io.Copy(w, io.LimitReader(f, mostOfFile))
			f.Close()
		}
		if err != nil && !errors.Is(err, errFull) {
			fmt.Fprintln(w, err)
		}
	}
}
