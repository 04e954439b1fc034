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
)

// key is what makes two configured instances the same one, as with keepalived
// (reload matches instances by it, not by name).
type key struct {
	vrid    uint8
	family  link.Family
	device  string
	unicast bool
	source  netip.Addr // of unicast instances only
}

func keyOf(cfg *conf.Instance) key {
	k := key{vrid: cfg.VRID, family: familyOf(cfg), device: cfg.Interface, unicast: len(cfg.UnicastPeers) > 0}
	if k.unicast {
		k.source = cfg.SourceAddress
	}
	return k
}

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
	key       key
	cfg       *conf.Instance
	addresses []conf.Address // all of them, in the order of the file
	holdings  []holding      // the addresses, routes and rules of a MASTER
	tracks    tracks         // its own and its group's
	group     *group         // nil without one
	alone     [1]*instance

	machine *machine.Machine
	params  machine.Params
	timers  [machine.Timers]timer
	started bool
	// resume is until when the instance, MASTER in a process that died, may go on as MASTER.
	resume time.Time
	own    string // what is wrong with it; empty is nothing
	fault  string // what holds it in FAULT: own, or another's of its group
	ready  bool   // it is known whether something is wrong
	// priority is the effective one.
	priority uint8
	handover uint64 // number of the last hand-over that was begun; 0 after it was ended
	// held: Active_Down_Timer has expired, but nobody may become MASTER yet.
	held bool
	// graced: it expired much too late and was given one more interval.
	graced bool

	sock    *socket
	via     *vmac // advertisements leave from it; nil is the socket's interface
	source  netip.Addr
	rules   packet.Rules
	signing signing
	out     []outgoing // the advertisement, ready to be sent
	badness string     // why there is none
	// unsupported is what the configuration asks for and is not there.
	unsupported string

	// owns: the machine wants the addresses on this host. seq counts the wishes
	// handed to the address worker, settled the last one that was done.
	owns         bool
	seq, settled uint64
	missing      map[place]bool // wanted, but could not be added
	retry        timer
	extra        timer // of garp_extra_if
	announce     int   // rounds to announce as soon as the addresses are there

	state event.InstanceState // the last one told
	peer  netip.Addr
	told  time.Time // when a change of peer was last told
	// lowerTold is when a losing advertisement was last told.
	lowerTold time.Time

	stats  counters
	limits limits
	// flood bounds what one batch of packets can make the machine do.
	flood flood
}

func newInstance(cfg *conf.Instance) *instance {
	i := &instance{key: keyOf(cfg), cfg: cfg}
	for t := range i.timers {
		i.timers[t] = timer{kind: kind(t), inst: i}
	}
	i.retry = timer{kind: addressRetry, inst: i}
	i.extra = timer{kind: extraDue, inst: i}
	i.alone[0] = i
	i.configure(cfg)
	i.machine = machine.New(i.params)
	i.priority = cfg.Priority
	return i
}

// configure derives what depends on the configuration and the source address.
func (i *instance) configure(cfg *conf.Instance) {
	i.cfg = cfg
	i.addresses = slices.Concat(cfg.Addresses, cfg.ExcludedAddresses)
	i.holdings = holdingsFor(cfg, i.addresses)
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
	advertised := make([]netip.Addr, len(cfg.Addresses))
	for n, a := range cfg.Addresses {
		advertised[n] = a.Prefix.Addr()
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
	if i.key.unicast {
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

// devices are the interfaces the instance depends on.
func (i *instance) devices() []string {
	var names []string
	if i.cfg.Interface != "" {
		names = append(names, i.cfg.Interface)
	}
	if i.cfg.VRF != "" {
		names = append(names, i.cfg.VRF)
	}
	for _, t := range i.tracks.interfaces {
		names = append(names, t.Name)
	}
	for _, a := range i.addresses {
		names = append(names, a.Device)
	}
	for _, h := range i.holdings {
		names = append(names, h.devices()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
