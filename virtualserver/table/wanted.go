package table

import (
	"math"
	"net/netip"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// Verdicts are the latest verdicts on the real servers of a virtual server.
type Verdicts map[conf.ServerKey]Verdict

// Verdict is what the table follows of the verdict on a real server. The zero Verdict is none.
type Verdict struct {
	Told     bool
	Up       bool
	Checked  bool  // a check asks for Weight
	Starting uint8 // percent; 0 is all of its weight
	Weight   int32
}

// VerdictOf is that of an event.
func VerdictOf(s event.RealServerState) Verdict {
	return Verdict{Told: true, Up: s.Up, Checked: s.Checked, Starting: uint8(s.Starting), Weight: int32(s.Weight)}
}

// Facts are what the table follows besides the configuration.
type Facts struct {
	Verdicts  Verdicts
	Overrides Overrides
	// Lost says that the virtual server has no quorum: its sorry server, if it has
	// one, takes the traffic.
	Lost bool
	// Whole counts real servers that start slowly with all of their weight.
	Whole bool
	// Hands are weights that were set by hand in the kernel's table, of one service.
	Hands map[conf.ServerKey]int
	// Leaving are real servers that have left the configuration and finish their
	// connections, of one service, as the kernel had them.
	Leaving map[conf.ServerKey]Destination
	// Out are real servers that must not be in the table: a drain is over, or their
	// connections are being ended.
	Out map[conf.ServerKey]bool
}

// Standing is what becomes of a real server.
type Standing struct {
	Up      bool // its checks say so
	Present bool // it is in the table
	Weight  int  // 0..2147483647
	Source  event.WeightSource
	Place   int // the weight that it has when nothing is wrong with it
}

// Of is the standing of a real server in one service of its virtual server.
//
// Without a verdict it is up, or down with alpha. A real server that is down is not
// in the table, or is there with weight 0: with inhibit_on_failure, and with the
// schedulers sh and mh, which map clients by the place of a server among all others.
// There a removal would move the clients of servers that are well. The same holds
// for one that the sorry server stands in for.
func (f *Facts) Of(vs *conf.VirtualServer, rs *conf.RealServer, key conf.ServerKey) Standing {
	state := f.Verdicts[rs.Key]
	s := Standing{Up: !rs.Alpha && !vs.Alpha, Present: true}
	c := Contributors{Configured: rs.Weight}
	if state.Told {
		s.Up = state.Up
		if state.Checked {
			asked := int(state.Weight)
			c.Check = &asked
		}
	}
	place := c
	if place.Check != nil && *place.Check == 0 {
		place.Check = nil // it keeps its slots for the time when the check asks for a weight again
	}
	s.Place, _ = place.Combine()
	if !f.Whole && !Hashes(vs.Scheduler) {
		c.Starting = int(state.Starting)
	}
	drain, weight := f.Overrides.Of(vs, rs)
	if weight != nil && weight.Source != event.SourceKernel {
		c.Operator = &weight.Weight
	} else if weight != nil {
		c.Kernel = &weight.Weight
	}
	if hand, set := f.Hands[key]; set {
		c.Kernel = &hand
	}
	c.Down, c.Drain = !s.Up, drain != nil
	c.Aside = f.Lost && vs.Sorry != nil
	s.Weight, s.Source = c.Combine()
	kept := rs.Inhibit || Hashes(vs.Scheduler)
	if c.Down && !kept || c.Aside && !kept && !c.Drain || f.Out[key] {
		s.Present = false
	}
	return s
}

// AliveIn counts the real servers that are up in a service, those of them that get
// connections, and sums their weights as they are without the quorum rule and the slow start. Those that
// the kernel refused serve nobody.
func (f *Facts) AliveIn(vs *conf.VirtualServer, key conf.ServiceKey, refused map[conf.ServerKey]bool) (
	up, serving int, weights uint64,
) {
	without := *f
	without.Lost, without.Whole = false, true
	for _, rs := range vs.RealServers {
		at := ServerIn(rs.Key, key.Port)
		s := without.Of(vs, rs, at)
		if !s.Up || refused[at] {
			continue
		}
		up++
		if s.Weight > 0 {
			serving++
			weights += uint64(s.Weight)
		}
	}
	return up, serving, weights
}

// Wanted is the table that the configuration and the verdicts ask for, without
// overrides. Of two virtual servers (or real servers of one) with the same key, the
// first counts. A sorry server is in it where the quorum is not reached.
func Wanted(servers []*conf.VirtualServer, verdicts map[conf.ServiceID]Verdicts) Table {
	t := make(Table, len(servers))
	for _, vs := range servers {
		f := Facts{Verdicts: verdicts[vs.ID()]}
		quorum, hysteresis := QuorumLimits(vs)
		_, _, weights := f.AliveIn(vs, Services(vs)[0], nil)
		f.Lost = !Quorum(false, weights, quorum, hysteresis)
		for _, key := range Services(vs) {
			if _, twice := t[key]; !twice {
				t[key] = WantedEntry(vs, key, &f)
			}
		}
	}
	return t
}

// Services are the kernel's services of a virtual server, at least one, in their
// canonical form.
func Services(vs *conf.VirtualServer) []conf.ServiceKey {
	if len(vs.Services) == 0 {
		return []conf.ServiceKey{Canonical(vs.Key)}
	}
	keys := make([]conf.ServiceKey, len(vs.Services))
	for i, k := range vs.Services {
		keys[i] = Canonical(k)
	}
	return keys
}

// ServerIn is the key of a real server in a service: without a port of its own it
// has the service's.
func ServerIn(k conf.ServerKey, port uint16) conf.ServerKey {
	k = CanonicalServer(k)
	if k.Port == 0 {
		k.Port = port
	}
	return k
}

// WantedEntry is what one service of a virtual server should be.
//
// Real servers and the sorry server are one set, since the kernel has one
// destination for an address and port: a real server that takes part has its own
// weight and method, whether it is the sorry server too or not.
func WantedEntry(vs *conf.VirtualServer, key conf.ServiceKey, f *Facts) Entry {
	e := Entry{
		Service:      service(vs, key),
		Destinations: make(map[conf.ServerKey]Destination, len(vs.RealServers)),
	}
	configured := make(map[conf.ServerKey]bool, len(vs.RealServers))
	var drained map[conf.ServerKey]bool // that the sorry server may be
	for _, rs := range vs.RealServers {
		at := ServerIn(rs.Key, key.Port)
		if configured[at] {
			continue
		}
		configured[at] = true
		s := f.Of(vs, rs, at)
		if vs.Sorry != nil && s.Source == event.WeightDrained {
			if drained == nil {
				drained = make(map[conf.ServerKey]bool)
			}
			drained[at] = true
		}
		if !s.Present {
			continue
		}
		d := Destination{Key: at, Weight: s.Weight, Upper: rs.Upper, Lower: rs.Lower}
		d.Forward, d.Tunnel = forward(rs.Forward), tunnel(rs.Forward, rs.Tunnel)
		if vs.Scheduler == "mh" && s.Weight == 0 {
			d.Place = s.Place
		}
		e.Destinations[at] = d
	}
	addSorry(&e, vs, key, f, drained)
	for at, d := range f.Leaving {
		if _, back := e.Destinations[at]; !back && !configured[at] && !f.Out[at] {
			d.Key, d.Weight, d.Counts = at, 0, Counts{}
			e.Destinations[at] = d
		}
	}
	if Hashes(vs.Scheduler) {
		for _, d := range e.Destinations {
			if d.Weight == 0 {
				// Else the kernel drops the share of new clients that hash here.
				e.Service.Flags |= FlagFallback
			}
		}
	}
	return e
}

// sorryWeight is the weight of a sorry server, as keepalived's.
const sorryWeight = 1

// addSorry merges the sorry server into an entry: with its weight while the quorum
// is lost; with sorry_server_inhibit it is there with weight 0 otherwise. A real
// server at its place is the sorry server unless it takes part itself, or is drained.
func addSorry(e *Entry, vs *conf.VirtualServer, key conf.ServiceKey, f *Facts, drained map[conf.ServerKey]bool) {
	if vs.Sorry == nil {
		return
	}
	at := ServerIn(vs.Sorry.Key, key.Port)
	if drained[at] || !f.Lost && !vs.Sorry.Inhibit {
		return
	}
	if d, taken := e.Destinations[at]; taken && (d.Weight > 0 || !f.Lost) {
		return
	}
	d := Destination{Key: at, Forward: forward(vs.Sorry.Forward), Tunnel: tunnel(vs.Sorry.Forward, vs.Sorry.Tunnel)}
	if f.Lost {
		d.Weight = sorryWeight
	}
	e.Destinations[at] = d
}

func service(vs *conf.VirtualServer, key conf.ServiceKey) Service {
	s := Service{
		Key:       key,
		Scheduler: vs.Scheduler,
		Flags:     vs.Flags & FlagMask &^ FlagPersistent,
		MaskBits:  vs.PersistenceMask,
		Engine:    vs.PersistenceEngine,
	}
	if vs.Persistence > 0 {
		s.Flags |= FlagPersistent
		s.Timeout = seconds(vs.Persistence)
	}
	width := netip.IPv4Unspecified().BitLen()
	if Is6(s.Key) {
		width = netip.IPv6Unspecified().BitLen()
	}
	if s.MaskBits <= 0 || s.MaskBits > width {
		s.MaskBits = width
	}
	return s
}

// seconds rounds up, since 0 would switch persistence off.
func seconds(d time.Duration) uint32 {
	return uint32(min((d+time.Second-1)/time.Second, math.MaxInt32))
}

// Hashes says whether a scheduler maps clients by the order of its servers and
// has the fallback flag.
func Hashes(scheduler string) bool { return scheduler == "sh" || scheduler == "mh" }

// forward is the kernel's method; full NAT is masquerading whose source address
// netfilter rewrites.
func forward(f conf.ForwardMethod) Forward {
	switch f {
	case conf.DR:
		return DirectRoute
	case conf.TUN:
		return Tunnel
	}
	return Masquerade
}

func tunnel(f conf.ForwardMethod, t conf.Tunnel) Encapsulation {
	if f != conf.TUN {
		return Encapsulation{}
	}
	made := Encapsulation{Type: t.Type}
	if t.Type == conf.GUE {
		made.Port = t.Port
	}
	switch {
	case t.Type == conf.IPIP:
	case t.Checksum == "csum":
		made.Flags = TunnelChecksum
	case t.Checksum == "remcsum":
		made.Flags = TunnelRemote
	}
	return made
}
