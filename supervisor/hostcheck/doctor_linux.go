package hostcheck

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unsafe"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/arp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/doctor"
	"github.com/lvs-director/director/netns"
	"github.com/lvs-director/director/supervisor/plan"
	others "github.com/lvs-director/director/vrrp/presence"
)

// maxGathered bounds the real servers and virtual addresses that are looked at one
// by one.
const maxGathered = 1000

// Symptoms gathers the facts for director doctor, which takes some seconds. It changes nothing; what
// it sends is an ARP request for each virtual address, from an address of this host, a ping to NAT real
// servers, and that it joins the multicast group of VRRP. What cannot be read is left out.
//
// It looks where the configuration will run: at IPVS in net_namespace_ipvs, at everything
// else in net_namespace. A namespace that cannot be entered is an error.
func Symptoms(cfg *conf.Config) (doctor.Facts, error) {
	f := doctor.Facts{Config: cfg, Connections: -1, Others: make(map[string][]int), Files: make(map[string]string)}
	if err := netns.Do(cfg.NetworkNamespace, func() error { return gather(&f, cfg) }); err != nil {
		return f, err
	}
	return f, netns.Do(ipvsNamespace(cfg), func() error {
		readSettings(f.Settings, "net.ipv4.vs.conn_reuse_mode", "net.ipv4.vs.conntrack", "net.ipv4.vs.expire_nodest_conn",
			"net.ipv4.vs.expire_quiescent_template", "net.ipv4.vs.schedule_icmp", "net.ipv4.vs.sloppy_tcp")
		f.Connections = countConnections()
		return nil
	})
}

// countConnections are those of the IPVS table of this thread's network namespace; -1 is
// not known.
func countConnections() (n int) {
	var p plan.Facts
	if readTable(&p) != nil {
		return -1
	}
	for _, c := range p.Connections {
		n += c.Active + c.Inactive
	}
	return n
}

// gather looks at all but IPVS.
func gather(f *doctor.Facts, cfg *conf.Config) error {
	f.Interfaces = interfaceFacts()
	heard := survey(cfg, f.Interfaces)
	f.Settings = settingFacts(f.Interfaces)
	f.Missing = missing(cfg)
	for _, name := range []string{"keepalived", "kube-proxy", "NetworkManager"} {
		if pids, err := others.ProcessesHere(name); err == nil {
			f.Others[name] = pids
		}
	}
	// The kernel cuts names of processes off after 15 characters.
	if pids, err := others.ProcessesHere("systemd-network"); err == nil {
		f.Others["systemd-networkd"] = pids
	}
	f.Files["/etc/nftables.conf"] = readFiles("/etc/nftables.conf")
	f.Files["/etc/systemd/networkd.conf"] = readFiles("/etc/systemd/networkd.conf",
		"/etc/systemd/networkd.conf.d/*.conf")
	f.Routes = routeFacts(cfg)
	f.Marks, f.Filters = nftFacts()
	f.Answers = askForVIPs(cfg, f.Routes)
	f.WaysBack = gatewayFacts(cfg, f.Routes, f.Interfaces)
	before := held(cfg, f.Interfaces)
	interfaces, _ := net.Interfaces() // none are none
	f.Claims = claims(cfg, interfaces)
	f.Paths = pathFacts(cfg, f)
	f.Returns = returnFacts(cfg, f.Interfaces)
	nameClaims(f.Claims, neighbours())
	f.Survey = heard()
	f.Held = heldBoth(before, held(cfg, interfaceFacts()))
	return nil
}

// maxConfigFile bounds a file of the host's configuration.
const maxConfigFile = 1 << 20

// readFiles puts the files together that can be read.
func readFiles(patterns ...string) string {
	var b strings.Builder
	for _, pattern := range patterns {
		names, _ := filepath.Glob(pattern) // the patterns are good
		for _, name := range names {
			if file, err := os.Open(name); err == nil {
				_, _ = io.Copy(&b, io.LimitReader(file, maxConfigFile)) // what can be read
				file.Close()
			}
		}
	}
	return b.String()
}

func interfaceFacts() (list []doctor.Interface) {
	known, _ := net.Interfaces() // none are none
	for _, i := range known {
		d := doctor.Interface{Name: i.Name, MTU: i.MTU, LRO: hasLRO(i.Name)}
		addresses, _ := i.Addrs()
		for _, a := range addresses {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				d.Addresses = append(d.Addresses, p)
			}
		}
		list = append(list, d)
	}
	return list
}

// hasLRO asks for large receive offload (ETHTOOL_GFLAGS, linux/ethtool.h).
func hasLRO(name string) bool {
	const getFlags, flagLRO = 0x25, 1 << 15
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil || len(name) >= unix.IFNAMSIZ {
		return false
	}
	defer unix.Close(fd)
	value := struct{ command, data uint32 }{command: getFlags}
	request := struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte // the rest of struct ifreq
	}{data: unsafe.Pointer(&value)}
	copy(request.name[:], name)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
	return errno == 0 && value.data&flagLRO != 0
}

// settingFacts reads the settings that rules look at.
func settingFacts(interfaces []doctor.Interface) map[string]string {
	settings := make(map[string]string)
	readSettings(settings, "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding", "net.ipv4.conf.all.rp_filter",
		"net.netfilter.nf_conntrack_max", "net.netfilter.nf_conntrack_count")
	for _, i := range interfaces { // whose names may have dots
		readFact(settings, "net.ipv4.conf."+i.Name+".rp_filter", "/proc/sys/net/ipv4/conf/"+i.Name+"/rp_filter")
	}
	readFact(settings, "conn_tab_bits", "/sys/module/ip_vs/parameters/conn_tab_bits")
	return settings
}

// readSettings reads settings of this thread's network namespace into a map.
func readSettings(into map[string]string, names ...string) {
	for _, name := range names {
		readFact(into, name, "/proc/sys/"+strings.ReplaceAll(name, ".", "/"))
	}
}

// readFact reads one; what cannot be read is left out.
func readFact(into map[string]string, name, path string) {
	if text, err := os.ReadFile(path); err == nil {
		into[name] = strings.TrimSpace(string(text))
	}
}

// missing is what the virtual servers need of the kernel and it has not.
func missing(cfg *conf.Config) (list []doctor.Missing) {
	if len(cfg.VirtualServers) > 0 && kernelHasIPVS(kernelModule) != nil {
		return []doctor.Missing{{What: "IPVS", Source: "module ip_vs"}} // all else hangs on it
	}
	for _, n := range needs(cfg) {
		if n.lacks(kernelModule, kernelFeature) {
			list = append(list, doctor.Missing{What: n.what, Source: n.source(), Server: n.server.String()})
		}
	}
	return list
}

// routeFacts asks the kernel for the ways to the real servers.
func routeFacts(cfg *conf.Config) map[netip.Addr]doctor.Route {
	routes := make(map[netip.Addr]doctor.Route)
	names := make(map[int]string)
	if list, err := net.Interfaces(); err == nil {
		for _, i := range list {
			names[i.Index] = i.Name
		}
	}
	for _, vs := range cfg.VirtualServers {
		for _, rs := range vs.RealServers {
			a := rs.Key.Address
			if _, done := routes[a]; done || len(routes) == maxGathered {
				continue
			}
			list, err := netlink.RouteGet(a.AsSlice())
			if err != nil || len(list) == 0 {
				if err == nil {
					err = errors.New("the kernel has no route to it")
				}
				routes[a] = doctor.Route{Error: err.Error()}
				continue
			}
			r := doctor.Route{Device: names[list[0].LinkIndex]}
			if gw, ok := netip.AddrFromSlice(list[0].Gw); ok && !gw.IsUnspecified() {
				r.Gateway = gw.Unmap()
			}
			if src, ok := netip.AddrFromSlice(list[0].Src); ok {
				r.Source = src.Unmap()
			}
			routes[a] = r
		}
	}
	return routes
}

// nftFacts reads the rules of nftables: which marks are set, and what base chains
// drop. The marks are nil when they cannot be read.
func nftFacts() (marks map[uint32]bool, filters []doctor.Filter) {
	c, err := nftables.New()
	if err != nil {
		return nil, nil
	}
	chains, err := c.ListChains()
	if err != nil {
		return nil, nil
	}
	marks = make(map[uint32]bool)
	for _, chain := range chains {
		rules, err := c.GetRules(chain.Table, chain)
		if err != nil {
			continue // it has gone meanwhile
		}
		f := doctor.Filter{
			Name: "table " + chain.Table.Name + ", chain " + chain.Name, Ports: make(map[uint16]bool),
			Drop: chain.Policy != nil && *chain.Policy == nftables.ChainPolicyDrop,
		}
		switch {
		case chain.Hooknum == nil:
		case *chain.Hooknum == *nftables.ChainHookInput:
			f.Hook = "input"
		case *chain.Hooknum == *nftables.ChainHookPrerouting:
			f.Hook = "prerouting"
		}
		for _, r := range rules {
			examineRule(r.Exprs, marks, &f)
		}
		if f.Hook != "" {
			filters = append(filters, f)
		}
	}
	return marks, filters
}

// examineRule notes the marks that a rule sets and what it compares.
func examineRule(list []expr.Any, marks map[uint32]bool, f *doctor.Filter) {
	var loaded []byte // by the expression before
	vrrp := false     // the rule is about protocol 112
	for _, e := range list {
		switch e := e.(type) {
		case *expr.Immediate:
			loaded = e.Data
			continue
		case *expr.Meta:
			if e.SourceRegister && e.Key == expr.MetaKeyMARK && len(loaded) == 4 {
				marks[uint32(loaded[0])|uint32(loaded[1])<<8|uint32(loaded[2])<<16|uint32(loaded[3])<<24] = true
				marks[uint32(loaded[3])|uint32(loaded[2])<<8|uint32(loaded[1])<<16|uint32(loaded[0])<<24] = true
			}
		case *expr.Cmp:
			if len(e.Data) == 1 && e.Data[0] == protocolVRRP && e.Op == expr.CmpOpEq {
				vrrp = true
			}
			if len(e.Data) == 2 {
				f.Ports[uint16(e.Data[0])<<8|uint16(e.Data[1])] = true
			}
		case *expr.Verdict:
			f.Jumps = f.Jumps || e.Kind == expr.VerdictJump || e.Kind == expr.VerdictGoto
			if vrrp && e.Kind == expr.VerdictDrop && !f.VRRP { // the first rule decides
				f.DropsVRRP = true
			}
		case *expr.Lookup, *expr.Range:
			f.Jumps = true // a set that was not looked into
		}
		loaded = nil
	}
	f.VRRP = f.VRRP || vrrp
}

// protocolVRRP is the IP protocol number (RFC 9568 section 5.1.1.4).
const protocolVRRP = 112

// arpPatience is how long answers are waited for.
const arpPatience = 300 * time.Millisecond

// askForVIPs asks by ARP who has the virtual addresses of DR and TUN, on the
// interfaces behind which their real servers are.
func askForVIPs(cfg *conf.Config, routes map[netip.Addr]doctor.Route) (answers []doctor.Answer) {
	vips := make(map[netip.Addr]bool)
	for _, vs := range cfg.VirtualServers {
		for _, key := range vs.Services {
			vips[key.Address] = true
		}
	}
	asked := make(map[string]map[netip.Addr]netip.Addr) // of a device: addresses, and ours to ask from
	ask := func(r doctor.Route, address netip.Addr) {
		if asked[r.Device] == nil {
			asked[r.Device] = make(map[netip.Addr]netip.Addr)
		}
		if len(asked[r.Device]) < maxGathered {
			asked[r.Device][address] = r.Source
		}
	}
	hardware := neighbours()
	servers := make(map[netip.Addr]string) // neighbours that are real servers, with their devices
	for _, vs := range cfg.VirtualServers {
		for _, rs := range vs.RealServers {
			r := routes[rs.Key.Address]
			if rs.Forward.Rewrites() || r.Device == "" || r.Gateway.IsValid() || !r.Source.Is4() || vips[r.Source] {
				continue
			}
			servers[rs.Key.Address] = r.Device
			if hardware[rs.Key.Address] == "" {
				ask(r, rs.Key.Address)
			}
			for _, key := range vs.Services {
				if key.Address.Is4() {
					ask(r, key.Address)
				}
			}
		}
	}
	for device, addresses := range asked {
		for _, answer := range askFor(device, addresses) {
			if servers[answer.VIP] == device {
				hardware[answer.VIP] = answer.MAC
			}
			if vips[answer.VIP] {
				answers = append(answers, answer)
			}
		}
	}
	for n := range answers {
		for server, device := range servers {
			if device == answers[n].Device && hardware[server] == answers[n].MAC {
				answers[n].Server = server
			}
		}
	}
	return answers
}

// askFor asks for addresses, each from a real one, and gathers all answers.
func askFor(device string, addresses map[netip.Addr]netip.Addr) (answers []doctor.Answer) {
	ifi, err := net.InterfaceByName(device)
	if err != nil || len(ifi.HardwareAddr) != 6 {
		return nil
	}
	c, err := arp.Dial(ifi)
	if err != nil {
		return nil
	}
	defer c.Close()
	broadcast := net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	for address, source := range addresses {
		p, err := arp.NewPacket(arp.OperationRequest, ifi.HardwareAddr, source, make(net.HardwareAddr, 6), address)
		if err != nil || c.WriteTo(p, broadcast) != nil {
			continue // nothing is known of this one
		}
	}
	if c.SetReadDeadline(time.Now().Add(arpPatience)) != nil {
		return nil
	}
	for len(answers) < maxGathered {
		got, _, err := c.Read()
		if err != nil {
			return answers
		}
		if _, ours := addresses[got.SenderIP]; ours && got.Operation == arp.OperationReply {
			answers = append(answers, doctor.Answer{VIP: got.SenderIP, Device: device, MAC: got.SenderHardwareAddr.String()})
		}
	}
	return answers
}

// neighbours are the hardware addresses that the kernel knows.
func neighbours() map[netip.Addr]string {
	m := make(map[netip.Addr]string)
	list, _ := netlink.NeighList(0, netlink.FAMILY_ALL) // none are none
	for _, n := range list {
		if a, ok := netip.AddrFromSlice(n.IP); ok {
			m[a.Unmap()] = n.HardwareAddr.String()
		}
	}
	return m
}
