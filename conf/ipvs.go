package conf

import (
	"slices"
	"strings"
)

// ReconcilePolicy is what happens when the IPVS table is another than the one that
// is wanted (reconcile).
type ReconcilePolicy uint8

// The policies.
const (
	// KeepWeights repairs what is missing or foreign inside our services. A weight that
	// was set by hand stays, and is shown.
	KeepWeights ReconcilePolicy = iota
	// Enforce repairs everything.
	Enforce
	// ReportOnly tells of differences and changes nothing.
	ReportOnly
	// NoReconcile does not look at the table at all, as keepalived.
	NoReconcile
)

// ReconcileWords are the words of reconcile, by their policy.
var ReconcileWords = []string{"keep_weights", "enforce", "report", "off"}

// String is the word of the configuration.
func (p ReconcilePolicy) String() string { return ReconcileWords[int(p)%len(ReconcileWords)] }

// Sysctl is a setting of IPVS in this network namespace: a line of the ipvs block.
type Sysctl struct {
	Name  string // below net.ipv4.vs
	Value string // "1", or "3 50" for sync_threshold
}

// IPVSSettings are the settings below net.ipv4.vs that the configuration needs: those
// of the ipvs block; with an announce block AnnounceSettings, where the ipvs block says nothing else;
// and conntrack=1 when there is full NAT, without which IPVS takes
// its packets out of connection tracking and no source address is rewritten. The
// kernel module ip_vs has to be loaded before they can be set.
func (c *Config) IPVSSettings() []Sysctl {
	list := slices.Clone(c.Global.IPVS)
	if len(c.Announces) > 0 {
		for _, s := range AnnounceSettings {
			if c.Global.IPVSSetting(s.Name) == "" {
				list = append(list, s)
			}
		}
	}
	if slices.ContainsFunc(c.VirtualServers, (*VirtualServer).FullNAT) {
		list = slices.DeleteFunc(list, func(s Sysctl) bool { return s.Name == "conntrack" })
		list = append(list, Sysctl{"conntrack", "1"})
	}
	slices.SortStableFunc(list, func(a, b Sysctl) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// AnnounceSettings are what several active directors need, by which a connection may move: one that is
// established goes on at a director that has not seen its beginning, and an ICMP message
// about one (a path MTU) is passed on by a director that does not have it.
var AnnounceSettings = []Sysctl{{"schedule_icmp", "1"}, {"sloppy_tcp", "1"}}

// Announced says whether an announce block has an address of a virtual server.
func (c *Config) Announced(v *VirtualServer) bool {
	return slices.ContainsFunc(c.Announces, func(a *Announce) bool { return slices.ContainsFunc(a.Addresses, v.Serves) })
}

// FullNAT says that a real server, or the sorry server, is reached by full NAT.
func (v *VirtualServer) FullNAT() bool {
	return v.Sorry != nil && v.Sorry.Forward == FNAT ||
		slices.ContainsFunc(v.RealServers, func(r *RealServer) bool { return r.Forward == FNAT })
}

// IPVSSetting is the value that the ipvs block gives a setting below net.ipv4.vs; ""
// when it does not name it.
func (g *Global) IPVSSetting(name string) string {
	for _, s := range g.IPVS {
		if s.Name == name {
			return s.Value
		}
	}
	return ""
}
