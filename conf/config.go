package conf

import (
	"net/netip"
	"time"
)

// Config is a whole configuration with defaults filled in and inheritance
// applied: what reads it needs no rule of the configuration language.
type Config struct {
	Path     string // file it was read from
	Digest   string // SHA-256 of everything that was read, in hex
	ConfigID string // that "@" conditions were compared with

	Global         Global
	Instances      []*Instance
	VirtualServers []*VirtualServer

	SyncGroups []*SyncGroup
	Scripts    []*TrackScript  // vrrp_script
	Files      []*TrackFile    // track_file
	Processes  []*TrackProcess // vrrp_track_process
	BFDs       []*BFDInstance  // bfd_instance

	TrackGroups     []TrackGroup // track_group
	StaticAddresses []Address    // static_ipaddress
	StaticRoutes    []Route      // static_routes
	StaticRules     []Rule       // static_rules
	GARPGroups      []GARPGroup  // garp_group
	// InterfaceDelays is interface_up_down_delays: how long a link must be up or down to count.
	InterfaceDelays []InterfaceDelay

	VirtualServerGroups []*VirtualServerGroup
	SSL                 SSL // client certificate of SSL_GET checks

	Metrics Metrics // metrics, director's own
	Web     Web     // web, director's own
	Peers   []*Peer // peer, director's own
	// Announces are the announce blocks, director's own.
	Announces []*Announce
	// StatusSocket is status_socket, director's own.
	StatusSocket StatusSocket

	// NetworkNamespace and IPVSNamespace are net_namespace and
	// net_namespace_ipvs; InstanceName is instance. None changes at a reload.
	NetworkNamespace string
	IPVSNamespace    string
	InstanceName     string
	// UsePIDDir is use_pid_dir: pid files are in a directory of their own.
	UsePIDDir bool

	// Found counts the blocks of the files, whether they can be used or not.
	Found Found

	locator Locator // not carried to other processes
}

// Found counts the blocks that the text has, whether they can be used or not,
// also where a block around them is unknown.
type Found struct {
	Instances, VirtualServers, RealServers int
	// Merged are the virtual servers that became one with an earlier block.
	Merged int
}

// Instance is a vrrp_instance block.
type Instance struct {
	Name      string
	Interface string
	VRID      uint8 // 1..255
	// Apart is part of the identity, see InstanceID; it is zero for nearly all.
	Apart    netip.Addr
	Priority uint8 // 1..255, 255 is the address owner
	Version  uint8 // 2 or 3
	// Master is set by "state MASTER", which is only a hint.
	Master bool
	// AdvertInterval is advert_int: 1 s..255 s in version 2, 10 ms..40.95 s in version 3.
	AdvertInterval time.Duration
	// IPv6 says that advertisements go over IPv6: the first virtual address or
	// the unicast addresses are of that family.
	IPv6 bool
	// SourceAddress is mcast_src_ip or unicast_src_ip; zero means the interface's primary address.
	SourceAddress netip.Addr
	// MulticastGroup is where advertisements go: mcast_dst_ip, else the global group.
	MulticastGroup netip.Addr
	// TrackSource makes a missing SourceAddress a FAULT (track_src_ip).
	TrackSource bool
	// UnicastPeers, when there are any, get the advertisements one by one.
	UnicastPeers []UnicastPeer
	// UnicastTTL is that of unicast advertisements, 0..255; -1 is director's default, 255.
	UnicastTTL         int
	UnicastFaultNoPeer bool // no peers is a FAULT rather than multicast
	CheckUnicastSource bool // the sender must be a peer

	Auth Authentication // version 2 only
	HMAC *AuthHMAC      // auth_hmac; nil is off

	Addresses         []Address // virtual_ipaddress: advertised
	ExcludedAddresses []Address // virtual_ipaddress_excluded: moved along, not advertised
	NoAddresses       bool      // no_virtual_ipaddress: none are wanted
	Routes            []Route   // virtual_routes: there while MASTER
	Rules             []Rule    // virtual_rules: there while MASTER
	// PromoteSecondaries sets the sysctl of that name on the interface.
	PromoteSecondaries bool

	Preempt      bool          // false with nopreempt
	PreemptDelay time.Duration // 0..1000 s

	DownTimerAdverts       int  // 1..100, default 3
	LowerPrioNoAdvert      bool // do not assert mastership on a losing advertisement
	HigherPrioSendAdvert   bool // send one advertisement before yielding
	OwnerIgnoreAdverts     bool
	SkipCheckAdvertAddress bool
	// v3_checksum_as_v2: IPv4 version 3 checksum without pseudo-header (RFC 9568 section 5.2.8)
	ChecksumAsV2     bool
	DontTrackPrimary bool // ignore faults of the instance's own interface

	// TimerExpiredBackup, with nopreempt: a MASTER whose timer fired too late
	// becomes BACKUP unless its priority is above this; 0 is off.
	TimerExpiredBackup uint8
	NoAccept           bool // packets to virtual addresses are dropped unless the priority is 255
	// FilterTable is the nftables table that says so; empty is director's own.
	FilterTable string
	Strict      bool // strict_mode: RFC 9568 to the letter
	// OldUnicastChecksum is "", "always" or "never": keepalived before 1.3 left
	// the pseudo-header out of unicast checksums.
	OldUnicastChecksum string

	VMAC      *VMAC   // use_vmac; nil is the interface's own address
	VMACAddr  bool    // use_vmac_addr: also for addresses on other interfaces
	VMACXmit  bool    // vmac_xmit_base: advertisements leave from the base interface
	IPVLAN    *IPVLAN // use_ipvlan
	VRF       string  // vrf
	Linkbeat  bool    // linkbeat_use_polling
	SyncGroup string  // name of the group the instance is in; empty is none

	GARP GARP
	// GARPExtraInterval is garp_extra_if: announcements on other interfaces
	// with our addresses; 0 is never.
	GARPExtraInterval time.Duration

	TrackInterfaces     []TrackInterface
	TrackScripts        []Track
	TrackFiles          []Track
	TrackProcesses      []Track
	TrackBFDs           []Track
	TrackVirtualServers []Track // by the virtual server's text or group name

	Notify                NotifyScripts
	NotifyPriorityChanges bool
	SMTPAlert             Choice
}

// UnicastPeer is a router that gets advertisements by unicast.
type UnicastPeer struct {
	Address netip.Addr
	// MinTTL and MaxTTL bound the TTL of what it sends: 0..255; both -1 when not said.
	MinTTL, MaxTTL int
}

// AuthType is auth_type.
type AuthType uint8

// The authentications of version 2 (RFC 2338).
const (
	NoAuth   AuthType = iota
	PassAuth          // PASS: a password in clear text
	AHAuth            // AH: an authentication header
)

// String is the word of the configuration.
func (a AuthType) String() string { return [...]string{"", "PASS", "AH"}[a%3] }

// Authentication is the authentication block.
type Authentication struct {
	Type AuthType
	Pass Secret // at most 8 bytes
}

// AuthHMAC is the auth_hmac block: keepalived's signed advertisements.
type AuthHMAC struct {
	Keys       []HMACKey
	ActiveKey  uint8 // ID of the key that signs
	Monotonic  bool  // anti_replay monotonic rather than time
	TimeWindow time.Duration
	Mode       string // enforce, permissive or receive-only
}

// HMACKey is one key, 32 to 64 bytes, or the file it stands in.
type HMACKey struct {
	ID   uint8
	Key  Secret // the key's bytes
	File string // read at start; Key is empty
}

// VMAC is use_vmac: the instance has an interface of its own with the MAC
// address 00-00-5E-00-01-{VRID} (RFC 9568 section 7.3), or with MAC.
type VMAC struct {
	Name          string // of the interface; empty is made from VMACPrefix and VRID
	MAC           string
	NetlinkNotify bool
	Group         int
}

// IPVLAN is use_ipvlan.
type IPVLAN struct {
	Name    string
	Address netip.Prefix
	Mode    string // "", bridge, private or vepa
	Group   int
}

// The forms of a gratuitous ARP. A request is what RFC 9568 section 6.4.1 asks
// for; some neighbours heed only replies.
const (
	GARPRequest = "request"
	GARPReply   = "reply"
	GARPBoth    = "both"
)

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

	Peer       netip.Prefix // the other end of a point-to-point link
	Home       bool         // IPv6 home address
	DAD        bool         // duplicate address detection is wanted (-nodad); else the address is usable at once
	MngTmpAddr bool
	AutoJoin   bool
	// PreferredLifetime is how long the address may be a source: Forever unless
	// set; an IPv6 address without a mask is deprecated, 0, as in keepalived.
	PreferredLifetime time.Duration
	UseVMAC           bool
	TrackGroup        string // static addresses only
}

// Forever is the lifetime of an address that does not end.
const Forever time.Duration = -1

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
	// Command is the text that Argv was made of.
	Command string
}

// IsZero says that no script was configured.
func (s Script) IsZero() bool { return len(s.Argv) == 0 }

// NotifyScripts are the programs told of an instance's transitions.
type NotifyScripts struct {
	Master, Backup, Fault, Stop Script
	Deleted                     Script // the instance left the configuration
	// SayDeleted has Any told DELETED rather than FAULT when the instance left
	// the configuration: notify_deleted stands there, with a script or without.
	SayDeleted      bool
	RxLowerPriority Script // notify_master_rx_lower_pri
	// Release is notify_release: it runs before the addresses are given up on purpose, for
	// Release.Timeout at most (notify_release_timeout).
	Release Script
	// MasterAgain tells MASTER once more after another router was MASTER too and has given
	// up (notify_master_again).
	MasterAgain bool
	// Any is notify: it gets "INSTANCE", the name, the state and the priority
	// appended to its arguments.
	Any Script
}
