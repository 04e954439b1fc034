package load

import (
	"net/netip"
	"slices"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
)

// maxPool is the number of addresses that full NAT shares a virtual server's connections
// among: more ports than connections that a kernel tracks.
const maxPool = 256

// finishForward looks at how the packets of a virtual server get to its real servers, and
// whether their answers get back: what the kernel refuses and what it takes and serves
// nobody with. It takes out what keepalived takes out.
func (l *loader) finishForward(v *conf.VirtualServer) {
	l.finishLocalAddresses(v)
	v.RealServers = slices.DeleteFunc(v.RealServers, func(r *conf.RealServer) bool {
		if r.Forward == conf.TUN || hasFamily(v, r.Key.Address.Is6()) {
			return false
		}
		l.Warn(l.Node(r), "family", "real server %s is of another family than virtual server %s, and the kernel "+
			"takes that "+
			"with TUN only: it is ignored", r.Key.Address, v).Unserved = true
		return true
	})
	for _, r := range v.RealServers {
		l.checkForward(v, r)
	}
	if s := v.Sorry; s != nil && s.Forward != conf.TUN && !hasFamily(v, s.Key.Address.Is6()) {
		l.warnAtKeyword(v, "sorry_server", "family", "sorry server %s is of another family than virtual server "+
			"%s, and the "+
			"kernel takes that with TUN only: it is ignored", s.Key.Address, v)
		v.Sorry = nil
	}
}

// hasFamily says that the virtual server has services of a family.
func hasFamily(v *conf.VirtualServer, six bool) bool {
	return slices.ContainsFunc(v.Services, func(k conf.ServiceKey) bool { return isSix(k) == six })
}

func isSix(k conf.ServiceKey) bool { return k.IPv6 || k.Address.Is6() }

// checkForward names what cannot work. keepalived says nothing to most of it.
func (l *loader) checkForward(v *conf.VirtualServer, r *conf.RealServer) {
	n, a := l.Node(r), r.Key.Address
	unserved := func(format string, args ...any) *conf.Finding {
		f := l.Warn(n, "unreachable", format, args...)
		f.Unserved = true
		return f
	}
	switch {
	case a.Is4In6():
		unserved("real server %s is an IPv4 address written as IPv6: the kernel refuses it", a).Hint = "write " +
			a.Unmap().String()
	case a.IsUnspecified() || a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		unserved("real server %s is the address of no host: the kernel refuses it", a)
	case a.Is6() && a.IsLinkLocalUnicast():
		unserved("real server %s is link-local, which the kernel refuses", a).Hint = "give it a global or a " +
			"unique local " +
			"address"
	case a.IsLoopback() && r.Forward.Rewrites():
		unserved("real server %s is this host's loopback, to which the kernel does not forward what comes from "+
			"elsewhere: its "+
			"clients get no answer", a).Hint = "use lvs_method DR, or an address of this host that is not on lo"
	case slices.Contains(v.Services, conf.ServiceKey{Protocol: r.Protocol, Address: a, Port: r.Key.Port}):
		unserved("real server %s is the virtual server itself: the kernel hands its packets back to the virtual "+
			"server, checks "+
			"included", netip.AddrPortFrom(a, r.Key.Port)).Hint = "give the real server an address or a port of its own"
	case v.Match != nil && matches(v.Match, r):
		unserved("real server %s is an address of the match list: the virtual server takes the packets to it, "+
			"checks included", a)
	case r.Lower > r.Upper:
		unserved("lthreshold %d is above uthreshold %d: the kernel refuses the real server", r.Lower, r.Upper)
	case r.Forward.Rewrites() && v.Flags&conf.FlagOnePacket != 0 && (r.Protocol == conf.UDP || v.Key.FWMark != 0):
		unserved("ops does not work with %s: clients get the answers of real server %s from its own address, "+
			"and ignore them", r.Forward, a).Hint = "use lvs_method DR or TUN, or no ops"
	case r.Forward == conf.FNAT && v.Match == nil && v.Key.FWMark != 0:
		unserved("FNAT needs the addresses that firewall mark %d stands for: NAT is used for real server %s", v.Key.FWMark,
			a).Hint = "name them in a match block"
		r.Forward = conf.NAT
	case a.Is6() != isIPv6Service(v) && l.Config.Global.LVSSync.Interface != "" && !hasFamily(v, a.Is6()):
		unserved("real server %s is of another family than virtual server %s, which the kernel does not take while "+
			"lvs_sync_daemon runs", a, v)
	}
}

// matches says that packets to the real server are on the list.
func matches(m *conf.Match, r *conf.RealServer) bool {
	to := conf.MatchEntry{Address: netip.PrefixFrom(r.Key.Address, r.Key.Address.BitLen())}
	if r.Key.Port != 0 {
		to.Ports = []conf.PortRange{{First: r.Key.Port, Last: r.Key.Port}}
	}
	return slices.ContainsFunc(m.Entries, to.Overlaps)
}

// finishLocalAddresses looks at the addresses of full NAT.
func (l *loader) finishLocalAddresses(v *conf.VirtualServer) {
	if len(v.LocalAddresses) == 0 {
		return
	}
	if !v.FullNAT() {
		l.warnAtKeyword(v, "local_address", "no-effect-here", "local_address is for FNAT, which no real server "+
			"of this virtual "+
			"server has").Severity = conf.Note
		v.LocalAddresses = nil
		return
	}
	v.LocalAddresses = slices.DeleteFunc(v.LocalAddresses, func(a netip.Addr) bool {
		if slices.ContainsFunc(v.Services, func(k conf.ServiceKey) bool { return k.Address == a }) {
			l.warnAtKeyword(v, "local_address", "local-address", "local_address %s is the address of virtual server %s "+
				"itself: real servers answer to the address that clients use", a, value.Clip(v.String())).Hint =
				"give this host another address for it"
		}
		bad := !hasFamily(v, a.Is6()) || a.IsMulticast() || a.IsUnspecified() || a.IsLoopback()
		if bad {
			l.warnAtKeyword(v, "local_address", "local-address", "%s cannot be a source address of virtual server "+
				"%s: it is "+
				"ignored", a, v)
		}
		return bad
	})
	if len(v.LocalAddresses) > maxPool {
		l.warnAtKeyword(v, "local_address", "local-address", "virtual server %s has %d local addresses: the "+
			"first %d are used",
			value.Clip(v.String()), len(v.LocalAddresses), maxPool)
		v.LocalAddresses = v.LocalAddresses[:maxPool]
	}
	// One order, whatever that of the file: connections are shared among them by it.
	slices.SortFunc(v.LocalAddresses, netip.Addr.Compare)
}
