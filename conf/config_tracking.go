package conf

import (
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

// BFDInstance is a bfd_instance block (RFC 5880).
type BFDInstance struct {
	Name       string
	Neighbor   string
	Source     string
	MinRx      time.Duration
	MinTx      time.Duration
	IdleTx     time.Duration
	Multiplier int
	Passive    bool
	TTL        int
	MaxHops    int
	Multihop   bool
	Weight     int
	Reverse    bool
	VRRP       bool // only for VRRP
	Checker    bool // only for checkers
}

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
