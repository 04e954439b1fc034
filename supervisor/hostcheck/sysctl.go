package hostcheck

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/netns"
)

// sysctl is a setting of the kernel.
type sysctl struct {
	value    string // empty when it cannot be read: most often its module is not loaded
	writable bool   // by this process; a container's /proc/sys is read-only
}

// settingIn reads settings in the network namespaces of cfg: those of IPVS in
// net_namespace_ipvs, others in net_namespace.
func settingIn(cfg *conf.Config) func(string) sysctl {
	return func(name string) (s sysctl) {
		namespace := cfg.NetworkNamespace
		if strings.HasPrefix(name, "net.ipv4.vs.") {
			namespace = ipvsNamespace(cfg)
		}
		// One that cannot be entered is an error of its own.
		_ = netns.Do(namespace, func() error { s = readSetting(name); return nil })
		return s
	}
}

// pathOf makes a path of the name of a setting; a dot in the name of an interface is a slash there,
// as in sysctl(8).
var pathOf = strings.NewReplacer(".", "/", "/", ".")

// readSetting looks at a setting such as net.ipv4.ip_forward and changes nothing.
func readSetting(name string) sysctl {
	file := filepath.Join("/proc/sys", pathOf.Replace(name))
	text, err := os.ReadFile(file)
	if err != nil {
		file = "/proc/sys/net/ipv4/ip_forward" // of its own nothing is known; this tells the mount
	}
	return sysctl{strings.Join(strings.Fields(string(text)), " "), unix.Access(file, unix.W_OK) == nil}
}

// settings looks at the settings of the whole network namespace that the
// configuration needs. Those of a single interface are set over rtnetlink, which
// works in a container too; these have only /proc/sys.
func (c *hostCheck) settings() {
	c.forwarding()
	if len(c.cfg.VirtualServers) > 0 {
		for _, s := range c.cfg.IPVSSettings() {
			c.ownSetting(c.placeOf(s), "ipvs "+s.Name, "", "net.ipv4.vs."+s.Name, s.Value, "the configuration")
		}
	}
	for _, in := range c.cfg.Instances {
		if in.VMAC == nil && in.IPVLAN == nil {
			continue
		}
		keyword := "use_vmac"
		if in.IPVLAN != nil {
			keyword = "use_ipvlan"
		}
		c.operatorSetting(in, keyword, in.Name+": ", "net.ipv4.conf.all.arp_filter", "0",
			"nobody answers ARP for virtual addresses on a virtual interface")
		for _, name := range []string{"accept_ra", "autoconf", "router_solicitations"} {
			c.ownSetting(in, keyword, in.Name+": ", "net.ipv6.conf.default."+name, "0", "a virtual interface")
		}
	}
}

// placeOf is the block that asks for a setting of IPVS: global_defs, or the first
// virtual server with full NAT.
func (c *hostCheck) placeOf(s conf.Sysctl) any {
	if c.cfg.Global.IPVSSetting(s.Name) == s.Value {
		return &c.cfg.Global
	}
	for _, v := range c.cfg.VirtualServers {
		if v.FullNAT() {
			return v
		}
	}
	return &c.cfg.Global
}

// forwarding is needed where the answers of real servers come back through this host.
func (c *hostCheck) forwarding() {
	const what = "clients get no answers from real servers reached by NAT"
	for _, v := range c.cfg.VirtualServers {
		for _, r := range v.RealServers {
			switch {
			case !r.Forward.Rewrites():
			case r.Key.Address.Is6():
				c.operatorSetting(v, "lvs_method", "", "net.ipv6.conf.all.forwarding", "1", what)
			default:
				c.operatorSetting(v, "lvs_method", "", "net.ipv4.ip_forward", "1", what)
			}
		}
	}
}

// operatorSetting is one that director reads and never changes.
func (c *hostCheck) operatorSetting(block any, keyword, prefix, name, value, otherwise string) {
	s := c.host.setting(name)
	if s.value == "" || s.value == value || c.said[name] {
		return
	}
	c.said[name] = true
	hint := "sysctl -w " + name + "=" + value
	if !s.writable {
		hint = "start the container with --sysctl " + name + "=" + value
	}
	c.say(conf.Warning, block, keyword, "setting", hint, prefix+name+" is "+s.value+": "+otherwise)
}

// ownSetting is one that director sets, if it may.
func (c *hostCheck) ownSetting(block any, keyword, prefix, name, value, who string) {
	s := c.host.setting(name)
	if s.writable || s.value == value || c.said[name] || s.value == "" && strings.HasPrefix(name, "net.ipv6.") {
		return // a kernel without IPv6 has none
	}
	c.said[name] = true
	c.say(conf.Warning, block, keyword, "setting",
		"start the container with --sysctl "+name+"="+value+", or with --privileged",
		prefix+name+" is "+cmp.Or(s.value, "not known")+", "+who+" wants "+value+
			", and it cannot be set here: /proc/sys is read-only")
}
