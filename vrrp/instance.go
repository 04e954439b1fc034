package vrrp

import (
	"net/netip"
	"slices"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/machine"
	"github.com/lvs-director/director/vrrp/packet"
	"github.com/lvs-director/director/vrrp/resource"
	"github.com/lvs-director/director/vrrp/track"
	"github.com/lvs-director/director/vrrp/vmac"
)

func isUnicast(cfg *conf.Instance) bool { return len(cfg.UnicastPeers) > 0 }

func familyOf(cfg *conf.Instance) link.Family {
	if cfg.IPv6 {
		return link.IPv6
	}
	return link.IPv4
}

// unsupported says what an instance needs of the wire that is not there.
// Without it, two routers would not hear each other and both be MASTER.
func unsupported(cfg *conf.Instance) string {
	return hmacTrouble(cfg.HMAC)
}

// instance is one virtual router: its rules and what they need around them.
// It belongs to the engine's goroutine.
type instance struct {
	id        conf.InstanceID
	cfg       *conf.Instance
	next      *conf.Instance // what cfg is about to become, while a configuration is applied
	addresses []conf.Address // all of them, in the order of the file
	resources []resource.Resource
	tracks    track.References // its own and its group's
	group     *group           // nil without one
	alone     [1]*instance

	machine *machine.Machine
	params  machine.Params
	timers  [machine.Timers]timer
	started bool
	// resumable is until when the instance, MASTER in a process that died, may go on as MASTER.
	resumable time.Time
	// was is what is known of its life in that process.
	was   Resume
	own   string // what is wrong with it; empty is nothing
	fault string // what holds it in FAULT: own, or another's of its group
	ready bool   // it is known whether something is wrong
	// priority is the effective one.
	priority uint8
	handover uint64        // number of the last hand-over that was begun; 0 after it was ended
	ordered  event.Numbers // the events that asked for it, or ended it when nothing has come of that yet
	resigned netip.Addr    // the router that has sent priority 0 last
	// held: Active_Down_Timer has expired, but nobody may become MASTER yet.
	held bool
	// graced: it expired much too late and was given one more interval.
	graced bool

	sock    *socket
	via     *vmac.Interface // advertisements leave from it; nil is the socket's interface
	source  netip.Addr
	mtu     int // of the interface; 0 is not known
	excess  int // virtual addresses that do not fit into an advertisement
	rules   packet.Rules
	signing signing
	out     []datagram // the advertisement, ready to be sent
	badness string     // why there is none
	// unsupported is what the configuration asks for and is not there.
	unsupported string

	// owns: the machine wants the addresses on this host. seq counts the wishes
	// handed to the reconciler, done the last one whose addresses were done.
	owns      bool
	seq, done uint64
	// present: the addresses may be on this host. acquired counts how often the machine
	// wanted them. awaits: they do not come before the table has their virtual servers,
	// for tablePatience at most.
	present  bool
	acquired uint64
	awaits   bool
	patience timer
	missing  map[resource.Key]bool // wanted, but could not be made
	extra    timer                 // of garp_extra_if
	// announce is how many rounds to announce each address as soon as it is there,
	// 0 when all are; announced are those that have been handed to the announcer.
	announce  int
	announced map[resource.Key]bool

	state event.InstanceState // the last one told
	// weighed is the number of the last change of its priority after its last transition.
	weighed event.Number
	// brought are the events that brought the configuration that has added it, until it has started.
	brought event.Numbers
	peer    netip.Addr
	told    time.Time // when a change of peer was last told
	// lowerTold is when a losing advertisement was last told.
	lowerTold time.Time

	stats  counters
	odd    odd
	limits limits
	// flood bounds what one batch of packets can make the machine do.
	flood flood
}

func newInstance(cfg *conf.Instance) *instance {
	i := &instance{id: cfg.ID(), cfg: cfg}
	for t := range i.timers {
		i.timers[t] = timer{kind: kind(t), inst: i}
	}
	i.extra = timer{kind: extraDue, inst: i}
	i.patience = timer{kind: tableAwaited, inst: i}
	i.alone[0] = i
	i.configure(cfg)
	i.machine = machine.New(i.params)
	i.priority = cfg.Priority
	return i
}

// configure derives what depends on the configuration and the source address.
func (i *instance) configure(cfg *conf.Instance) {
	i.cfg = cfg
	i.addresses, i.resources = addressesOf(cfg), resourcesOf(cfg)
	i.params = machine.Params{
		Version:              cfg.Version,
		Priority:             cfg.Priority,
		Source:               i.source,
		AdvertInterval:       cfg.AdvertInterval,
		DownTimerAdverts:     cfg.DownTimerAdverts,
		Preempt:              cfg.Preempt,
		PreemptDelay:         cfg.PreemptDelay,
		LowerPrioNoAdvert:    cfg.LowerPrioNoAdvert,
		HigherPrioSendAdvert: cfg.HigherPrioSendAdvert,
		OwnerIgnoreAdverts:   cfg.OwnerIgnoreAdverts,
		Reunite:              !cfg.Strict,
		TimerExpiredBackup:   cfg.TimerExpiredBackup,
		GARP:                 machine.GARP(cfg.GARP),
	}
	i.unsupported = unsupported(cfg)
	group := cfg.MulticastGroup
	if !group.IsValid() {
		group = packet.Multicast4
		if cfg.IPv6 {
			group = packet.Multicast6
		}
	}
	advertised := make([]netip.Addr, fits(cfg, i.mtu))
	for n := range advertised {
		advertised[n] = cfg.Addresses[n].Prefix.Addr()
	}
	form := packet.PseudoHeader
	if cfg.ChecksumAsV2 {
		form = packet.MessageOnly
	}
	i.rules = packet.Rules{
		Sequence:    i.rules.Sequence,
		Version:     cfg.Version,
		VRID:        cfg.VRID,
		Interval:    cfg.AdvertInterval,
		Source:      i.source,
		Destination: group,
		Checksum:    form,
	}
	i.authentication(cfg)
	i.configureHMAC(cfg)
	i.rules.Unicast = false
	if isUnicast(cfg) {
		i.unicastRules(cfg)
	}
	if !cfg.SkipCheckAdvertAddress && len(advertised) > 0 {
		i.rules.Addresses = advertised
	}
	i.compose(&packet.Advertisement{
		Version:     cfg.Version,
		VRID:        cfg.VRID,
		Priority:    cfg.Priority,
		Interval:    cfg.AdvertInterval,
		Addresses:   advertised,
		Checksum:    form,
		Source:      i.source,
		Destination: group,
	})
}

// fits is how many of the virtual addresses an advertisement names: as many as it
// has room for. The others are owned and announced like virtual_ipaddress_excluded.
func fits(cfg *conf.Instance, mtu int) int {
	most := conf.MostAdvertised
	if mtu > 0 {
		most = cfg.MaxAdvertised(mtu)
	}
	return min(len(cfg.Addresses), most)
}

// devicesOf are the interfaces an instance depends on.
func devicesOf(cfg *conf.Instance, tracks track.References) []string {
	var names []string
	if cfg.Interface != "" {
		names = append(names, cfg.Interface)
	}
	if cfg.VRF != "" {
		names = append(names, cfg.VRF)
	}
	for _, t := range tracks.Interfaces {
		names = append(names, t.Name)
	}
	for _, a := range addressesOf(cfg) {
		names = append(names, a.Device)
	}
	for _, r := range resourcesOf(cfg) {
		names = append(names, resource.NeededDevices(r)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// remember takes what is known of the instance's life in an earlier process.
func (i *instance) remember(r Resume, now time.Time) {
	i.was = r
	if r.State == event.Master && !r.Silenced {
		i.resumable = now.Add(resumeIntervals*i.cfg.AdvertInterval - r.SilentFor)
	}
}
