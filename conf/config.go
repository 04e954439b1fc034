package conf

import (
	"net/netip"
	"time"
)

// Config is a whole configuration with defaults filled in and inheritance
// applied: what reads it needs no rule of the configuration language.
type Config struct {
	Path           string // file it was read from
	Digest         string // SHA-256 of everything that was read, in hex
	Global         Global
	Instances      []*Instance
	VirtualServers []*VirtualServer
}

// Global is the global_defs block.
type Global struct {
	RouterID string
	// ScriptUser and ScriptGroup run all scripts that name no user; empty
	// means keepalived_script if there is such a user, else the user director runs as.
	ScriptUser  string
	ScriptGroup string
	// ScriptSecurity refuses scripts run by root that others can write (enable_script_security).
	ScriptSecurity bool
	// StrictConfig makes every warning an error (strict_config, director's own).
	StrictConfig bool
	// MulticastGroup4 is vrrp_mcast_group4, default 224.0.0.18 (RFC 9568 section 5.1.1.2).
	MulticastGroup4 netip.Addr
	// GARPInterval is the pause between two gratuitous ARPs on one interface (vrrp_garp_interval).
	GARPInterval time.Duration
	// VRRPPriority, VRRPRealTimePriority and VRRPNoSwap are the scheduling
	// wishes for the vrrp worker; RealTime is true unless the file asks otherwise.
	VRRPRealTimePriority int // 1..99; 0 is director's default
}

// Instance is a vrrp_instance block.
type Instance struct {
	Name      string
	Interface string
	VRID      uint8 // 1..255
	Priority  uint8 // 1..255, 255 is the address owner
	Version   uint8 // 2 or 3
	// Master is set by "state MASTER", which is only a hint.
	Master bool
	// AdvertInterval is advert_int: 1 s..255 s in version 2, 10 ms..40.95 s in version 3.
	AdvertInterval time.Duration
	// SourceAddress is mcast_src_ip; zero means the interface's primary address.
	SourceAddress netip.Addr

	Addresses         []Address // virtual_ipaddress: advertised
	ExcludedAddresses []Address // virtual_ipaddress_excluded: moved along, not advertised

	Preempt      bool          // false with nopreempt
	PreemptDelay time.Duration // 0..1000 s

	DownTimerAdverts       int  // 1..100, default 3
	LowerPrioNoAdvert      bool // do not assert mastership on a losing advertisement
	HigherPrioSendAdvert   bool // send one advertisement before yielding
	OwnerIgnoreAdverts     bool
	SkipCheckAdvertAddress bool
	ChecksumAsV2           bool // v3_checksum_as_v2: IPv4 version 3 checksum without pseudo-header (RFC 9568 section 5.2.8)
	DontTrackPrimary       bool // ignore faults of the instance's own interface

	GARP GARP

	TrackInterfaces []TrackInterface

	Notify NotifyScripts
}

// GARP is when and how often addresses are announced by gratuitous ARP.
type GARP struct {
	MasterRepeat    int           // packets per address on becoming MASTER, default 5
	MasterDelay     time.Duration // until they are sent a second time; 0 is never; default 5 s
	MasterRefresh   time.Duration // repeated while MASTER; 0 is never
	RefreshRepeat   int           // packets per refresh, default 1
	LowerPrioRepeat int           // packets after a losing advertisement was heard
	LowerPrioDelay  time.Duration // until those are sent a second time
}

// Address is one virtual address and where it lives.
type Address struct {
	Prefix    netip.Prefix // address and its mask; /32 or /128 unless given
	Device    string       // interface; never empty
	Label     string
	Scope     string     // link, host, global, site, or a number; empty is global
	Broadcast netip.Addr // zero is none
	// BroadcastAuto is "brd +": broadcast address computed from the prefix.
	BroadcastAuto bool
	NoPrefixRoute bool
	NoTrack       bool
}

// TrackInterface ties an instance to the link state of an interface. With
// Weight 0 a down interface is a FAULT; otherwise the priority changes by
// Weight: while up when positive, while down when negative.
type TrackInterface struct {
	Name    string
	Weight  int // -253..253
	Reverse bool
}

// Script is a program with its arguments and the user that runs it.
type Script struct {
	Argv    []string // Argv[0] is a path, or a name to look up on PATH; empty is no script
	User    string   // empty is the script_user of global_defs
	Group   string
	Timeout time.Duration // 0 is the consumer's own
}

// IsZero says that no script was configured.
func (s Script) IsZero() bool { return len(s.Argv) == 0 }

// NotifyScripts are the programs told of an instance's transitions.
type NotifyScripts struct {
	Master, Backup, Fault, Stop Script
	// Any is notify: it gets "INSTANCE", the name, the state and the priority
	// appended to its arguments.
	Any Script
}
