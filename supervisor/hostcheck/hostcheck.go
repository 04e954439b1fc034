package hostcheck

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/ipvs"
)

// Host is what director check --host asks this host.
type Host struct {
	interfaces map[string]hostInterface
	// user and group say whether there is one of that name or number.
	user, group func(name string) bool
	// program looks a script's program up; unsafe says why root should not run it.
	program func(name string) (missing, unsafe error)
	file    func(name string) error    // why it cannot be read; nil when it can
	there   func(name string) error    // why there is none
	notFIFO func(name string) bool     // something else is there
	resolve func(name string) error    // why the name has no address
	ipvs    func() error               // why the kernel cannot balance
	inner   bool                       // in a user namespace that is not the first one
	module  func(name string) presence // of the kernel
	feature func(ipvs.Feature) presence
	setting func(name string) sysctl // such as net.ipv4.ip_forward
	// way is the interface where packets to an address leave.
	way func(netip.Addr) (device string, err error)
	// noNamespace is why net_namespace or net_namespace_ipvs cannot be looked into; nil when they can.
	noNamespace error
}

type hostInterface struct {
	up       bool
	mtu      int                   // bytes; 0 is not known
	marked   map[netip.Prefix]bool // the addresses that a director or keepalived has put there
	networks []netip.Prefix        // the addresses with their masks
	alias    string                // as "ip link" shows it
}

// owner is the priority of a router whose own the virtual addresses are.
const owner = 255

// presence is whether something is there.
type presence uint8

const (
	notKnown presence = iota
	present
	absent
)

// hostCheck collects what a host says about a configuration.
type hostCheck struct {
	cfg      *conf.Config
	host     Host
	findings []conf.Finding
	said     map[string]bool
}

// Findings says what of cfg this host cannot do, or does otherwise than
// its writer may think.
func Findings(cfg *conf.Config, h Host) []conf.Finding {
	c := &hostCheck{cfg: cfg, host: h, said: make(map[string]bool)}
	if h.noNamespace != nil {
		c.say(conf.Error, cfg, "net_namespace", "no-namespace", "", "director does not start: "+h.noNamespace.Error())
		c.scripts()
		c.names()
		return c.findings
	}
	for _, i := range cfg.Instances {
		c.instance(i)
	}
	for _, g := range cfg.SyncGroups {
		for _, t := range g.TrackInterfaces {
			c.tracked(g, t.Name)
		}
	}
	c.announces()
	c.localAddresses()
	c.held()
	c.scripts()
	c.kernel()
	c.settings()
	c.clients()
	c.names()
	return c.findings
}

// say adds a finding at the keyword of a block, or where the block begins.
func (c *hostCheck) say(s conf.Severity, block any, keyword, code, hint, message string) {
	pos, ok := c.cfg.Place(block)
	if src, said := c.cfg.Source(block, keyword); said {
		pos, ok = src.Pos, true
	}
	if !ok {
		pos = conf.Pos{File: c.cfg.Path}
	}
	key := pos.String() + message
	if c.said[key] {
		return
	}
	c.said[key] = true
	c.findings = append(c.findings, conf.Finding{Severity: s, Pos: pos, Code: code, Message: message, Hint: hint})
}

func (c *hostCheck) instance(i *conf.Instance) {
	own, there := c.host.interfaces[i.Interface]
	switch {
	case !there:
		c.say(conf.Warning, i, "interface", "no-interface", "director waits for it",
			i.Name+": this host has no interface "+i.Interface+": the instance is in FAULT until there is one")
	case !own.up:
		c.say(conf.Warning, i, "interface", "interface-down", "",
			i.Name+": interface "+i.Interface+" is down: the instance is in FAULT until it is up")
	case i.IPv6 && !i.SourceAddress.IsValid() &&
		!slices.ContainsFunc(own.networks, func(p netip.Prefix) bool {
			return p.Addr().Is6() &&
				p.Addr().IsLinkLocalUnicast()
		}):
		c.say(conf.Warning, i, "interface", "no-link-local", "",
			i.Name+": interface "+i.Interface+" has no IPv6 link-local address to send advertisements from")
	case !i.IPv6 && !i.SourceAddress.IsValid() &&
		!slices.ContainsFunc(own.networks, func(p netip.Prefix) bool { return p.Addr().Is4() }):
		c.say(conf.Warning, i, "interface", "no-address", "",
			i.Name+": interface "+i.Interface+" has no IPv4 address to send advertisements from")
	}
	if a := i.SourceAddress; a.IsValid() && there && !c.has(a) {
		c.say(conf.Warning, i, "mcast_src_ip", "no-source", "",
			i.Name+": this host has no address "+a.String()+" to send advertisements from")
	}
	c.peers(i)
	c.room(i)
	c.routes(i)
	for _, t := range i.TrackInterfaces {
		c.tracked(i, t.Name)
	}
	for _, list := range [][]conf.Address{i.Addresses, i.ExcludedAddresses} {
		for _, a := range list {
			c.address(i, a)
		}
	}
	if i.HMAC != nil {
		for _, k := range i.HMAC.Keys {
			c.readable(i, i.Name+": ", "auth_hmac", k.File, "the key is not known")
		}
	}
}

func (c *hostCheck) tracked(block any, name string) {
	if _, there := c.host.interfaces[name]; !there {
		c.say(conf.Warning, block, "track_interface", "no-interface", "",
			"this host has no interface "+name+", which is tracked")
	}
}

// has says whether an address is on some interface.
func (c *hostCheck) has(a netip.Addr) bool {
	for _, i := range c.host.interfaces {
		for _, p := range i.networks {
			if p.Addr() == a {
				return true
			}
		}
	}
	return false
}

// address looks at a virtual address and the interface it is meant for.
func (c *hostCheck) address(i *conf.Instance, a conf.Address) {
	dev, there := c.host.interfaces[a.Device]
	if !there {
		if a.Device != i.Interface {
			c.say(conf.Warning, i, "virtual_ipaddress", "no-interface", "",
				i.Name+": this host has no interface "+a.Device+", which "+a.Prefix.String()+" is for")
		}
		return
	}
	var networks []string
	if i.Priority != owner && slices.Contains(dev.networks, a.Prefix) && !dev.marked[a.Prefix] {
		c.say(conf.Warning, i, "virtual_ipaddress", "address-present",
			"ip address del "+a.Prefix.String()+" dev "+a.Device+" removes it",
			i.Name+": "+a.Prefix.String()+" is on "+a.Device+" already, and director did not add it and does not remove it: "+
				"while the instance is not MASTER two hosts answer for it")
	}
	for _, p := range dev.networks {
		switch {
		case p.Addr() == a.Prefix.Addr() && i.Priority != owner:
			continue // the virtual address itself, or one that should not be there
		case p.Addr().Is6() != a.Prefix.Addr().Is6():
			continue
		case p.Contains(a.Prefix.Addr()):
			return
		}
		if !p.Addr().IsLinkLocalUnicast() {
			networks = append(networks, p.Masked().String())
		}
	}
	if a.Prefix.Addr().IsLinkLocalUnicast() || a.Device == "lo" {
		return
	}
	has := "it has none of that family"
	if len(networks) > 0 {
		has = "it has " + strings.Join(networks, ", ")
	}
	c.say(conf.Note, i, "virtual_ipaddress", "other-network", "",
		i.Name+": "+a.Prefix.Addr().String()+" is in no network of "+a.Device+" ("+has+"): it is reached by a route only")
}

// kernel looks for IPVS and what else of the kernel's the virtual servers need.
func (c *hostCheck) kernel() {
	if len(c.cfg.VirtualServers) == 0 {
		return
	}
	if c.host.inner {
		c.say(conf.Warning, c.cfg.VirtualServers[0], "", "ipvs-refused",
			"run director as root of the host, or in the user namespace of the host",
			"virtual servers are not served here: "+errRefused.Error())
	}
	if err := c.host.ipvs(); err != nil {
		c.say(conf.Error, c.cfg.VirtualServers[0], "", "no-ipvs", "", err.Error())
		return
	}
	for _, n := range needs(c.cfg) {
		if n.lacks(c.host.module, c.host.feature) {
			c.say(conf.Warning, n.server, n.keyword, n.code, "", n.text()+": virtual server "+n.server.String()+" is not served")
		}
	}
}

// names resolves host names and looks for files.
func (c *hostCheck) names() {
	g := &c.cfg.Global
	if g.SMTPServer != "" && len(g.MailTo) > 0 {
		if err := c.host.resolve(g.SMTPServer); err != nil {
			c.say(conf.Warning, g, "smtp_server", "no-host", "", "smtp_server: "+err.Error())
		}
	}
	ssl := &c.cfg.SSL
	for _, f := range []struct{ keyword, name string }{
		{"ca", ssl.CA}, {"certificate", ssl.Certificate}, {"key", ssl.Key},
	} {
		c.readable(ssl, "SSL: ", f.keyword, f.name, "SSL_GET cannot be made")
	}
	for _, v := range c.cfg.VirtualServers {
		for _, rs := range v.RealServers {
			for i := range rs.Checkers {
				if h := rs.Checkers[i].HTTP; h != nil {
					c.readable(&rs.Checkers[i], ofServer(v, rs), "verify_ca", h.VerifyCA, "the check cannot be made")
				}
			}
		}
	}
	for _, f := range []struct{ keyword, path string }{
		{"notify_fifo", g.FIFO.Path}, {"vrrp_notify_fifo", g.VRRPFIFO.Path}, {"lvs_notify_fifo", g.LVSFIFO.Path},
	} {
		if f.path != "" && c.host.notFIFO(f.path) {
			c.say(conf.Warning, g, f.keyword, "no-fifo", "remove it: director makes the FIFO",
				f.keyword+": "+f.path+" is there and no FIFO: nothing is written to it")
		}
	}
	for _, f := range c.cfg.Files {
		if err := c.host.there(f.Path); err != nil && !f.Init {
			c.say(conf.Note, f, "file", "no-file", "",
				"track_file "+f.Name+": "+err.Error()+": its value is 0 until there is one")
		}
	}
}

// ofServer is how a finding about a real server begins.
func ofServer(v *conf.VirtualServer, rs *conf.RealServer) string {
	return v.String() + ", real server " + rs.String() + ": "
}

// readable says what follows from a file that cannot be read.
func (c *hostCheck) readable(block any, owner, keyword, name, follows string) {
	if name == "" {
		return
	}
	if err := c.host.file(name); err != nil {
		c.say(conf.Warning, block, keyword, "no-file", "", owner+keyword+": "+err.Error()+": "+follows)
	}
}
