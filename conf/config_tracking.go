package conf

import (
	"net/netip"
	"time"
)

// Track is a reference to a tracker with the weight that counts here.
//
// With Weight 0 a tracker that is down makes a FAULT. Otherwise the priority
// changes by Weight: while up when positive, while down when negative; Reverse
// exchanges up and down. A file's value is multiplied by Weight.
type Track struct {
	Name    string
	Weight  int // -253..253; -254..254 for files and processes
	Reverse bool
}

// TrackScript is a vrrp_script block.
type TrackScript struct {
	Name     string
	Script   Script
	Interval time.Duration // start to start, default 1 s
	Timeout  time.Duration // default Interval
	Weight   int           // -253..253
	Reverse  bool
	Rise     int // successes in a row that make it up, default 1
	Fall     int // failures in a row that make it down, default 1
	InitFail bool
}

// TrackFile is a track_file block: a number in a file that changes priorities.
type TrackFile struct {
	Name    string
	Path    string
	Weight  int // -254..254, default 1
	Reverse bool
	// Init writes InitValue to the file at start, over an existing one with Overwrite.
	Init      bool
	InitValue int
	Overwrite bool
}

// TrackProcess is a vrrp_track_process block.
type TrackProcess struct {
	Name  string
	Argv  []string // name of the process and, with a Match, its parameters
	Match string   // param_match: "", initial, partial, exact
	// FullCommand compares the whole command line rather than the program's name.
	FullCommand    bool
	Weight         int // -254..254
	Reverse        bool
	Quorum         int // processes that must run, default 1
	QuorumMax      int // processes that may run; 0 is any number
	ForkDelay      time.Duration
	TerminateDelay time.Duration
}

// BFDInstance is a bfd_instance block: a session with a neighbor (RFC 5880).
type BFDInstance struct {
	Name string
	// Neighbor and Source are addresses of one family, see NeighborAddr and SourceAddr.
	Neighbor string
	Source   string        // empty is the one that the kernel chooses
	MinRx    time.Duration // Required Min RX Interval, 1 ms..4294967 ms, default 10 ms
	MinTx    time.Duration // Desired Min TX Interval while up, 1 ms..4294967 ms, default 10 ms
	// IdleTx is the Desired Min TX Interval while the session is not up: at least 1 s
	// (RFC 5880 section 6.8.3) and MinTx.
	IdleTx     time.Duration
	Multiplier int  // Detect Mult, 1..255, default 5
	Passive    bool // nothing is sent before the neighbor was heard
	TTL        int  // of what is sent, 1..255, default 255
	// MaxHops is by how much the TTL of what is received may be less than TTL: 0 asks for it whole,
	// -1 and 255 take any.
	MaxHops  int
	Multihop bool // RFC 5883, port 4784; else RFC 5881, port 3784
	// Weight and Reverse are those of references that say no other.
	Weight  int // -253..253
	Reverse bool
	// VRRP and Checker restrict who follows the session; neither is like both, see ForVRRP.
	VRRP    bool
	Checker bool
	// Auth signs what is sent, and is asked of what is received; nil is no authentication.
	Auth *BFDAuth
}

// BFDAuth is meticulous_sha1, director's own: meticulous keyed SHA1 (RFC 5880 section 6.7.4).
type BFDAuth struct {
	KeyID uint8
	// Key is 1 to 20 bytes. It is empty when KeyFile could not be read: such a session stays down.
	Key     Secret
	KeyFile string // empty unless the key stands in a file
}

// NeighborAddr is the address of the neighbor, with the zone of a link-local one. It is zero in no
// configuration that was loaded.
func (b *BFDInstance) NeighborAddr() netip.Addr {
	a, _ := netip.ParseAddr(b.Neighbor)
	return a
}

// SourceAddr is the address to send from; zero is the one that the kernel chooses.
func (b *BFDInstance) SourceAddr() netip.Addr {
	a, _ := netip.ParseAddr(b.Source)
	return a
}

// ForVRRP says whether instances, sync groups and announce blocks may follow the session.
func (b *BFDInstance) ForVRRP() bool { return b.VRRP || !b.Checker }

// ForCheckers says whether checks may follow the session.
func (b *BFDInstance) ForCheckers() bool { return b.Checker || !b.VRRP }

// SyncGroup is a vrrp_sync_group block: instances that change state together.
type SyncGroup struct {
	Name    string
	Members []string // names of instances

	TrackInterfaces     []TrackInterface
	TrackScripts        []Track
	TrackFiles          []Track
	TrackProcesses      []Track
	TrackBFDs           []Track
	TrackVirtualServers []Track
	// TrackingWeight lets weights of members' trackers count (sync_group_tracking_weight).
	TrackingWeight bool

	Notify                NotifyScripts
	SMTPAlert             Choice
	NotifyPriorityChanges bool
}

// TrackGroup is a track_group block: the instances that care for static
// addresses, routes and rules that name the group.
type TrackGroup struct {
	Name      string
	Instances []string
}

// GARPGroup is a garp_group block: the pace of announcements of interfaces together.
type GARPGroup struct {
	Interfaces   []string
	GARPInterval time.Duration
	NAInterval   time.Duration
}

// InterfaceDelay is how long an interface must be down or up to count as such.
type InterfaceDelay struct {
	Interface string
	Down, Up  time.Duration // 0..255 s
}
