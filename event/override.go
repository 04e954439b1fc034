package event

import (
	"cmp"
	"time"
)

// OverrideKind is what an override does.
type OverrideKind string

// The kinds.
const (
	// Drain gives a real server no new connections.
	Drain OverrideKind = "drain"
	// SetWeight replaces the weight of the configuration.
	SetWeight OverrideKind = "weight"
)

// The sources of an override.
const (
	SourceOperator = "operator" // director drain, director weight
	SourceKernel   = "kernel"   // a weight that somebody has set in the kernel's table (ipvsadm)
	SourceReload   = "reload"   // a real server that left the configuration and finishes its connections
)

// Override is something that holds for a real server at run time, whatever the
// configuration says. It survives reloads and restarts until it is undone or over.
type Override struct {
	// VirtualServer is the text of conf.ServiceID; empty is every virtual server
	// that has the real server.
	VirtualServer string `json:"virtual_server,omitempty"`
	// RealServer is "[10.0.0.2]:tcp:80", or "10.0.0.2" for every real server with
	// that address.
	RealServer string       `json:"real_server"`
	Kind       OverrideKind `json:"kind"`
	Weight     int          `json:"weight"` // of SetWeight: 0..2147483647
	Until      time.Time    `json:"until"`  // zero: until it is undone
	Reason     string       `json:"reason,omitempty"`
	Source     string       `json:"source"` // SourceOperator, SourceKernel, SourceReload
	Since      time.Time    `json:"since"`
	By         string       `json:"by,omitempty"` // who asked for it, as the host names users; empty is unknown
	// Stamp orders it among what is asked for on the halves of a pair, and names the half. It is
	// zero for SourceKernel.
	Stamp Stamp `json:"stamp,omitzero"`
	// Local says that it holds on this half of a pair only.
	Local bool `json:"local,omitempty"`
}

// Stamp orders what the halves of a pair ask for: of two that are about the same the later one holds.
type Stamp struct {
	// At is the larger of the clock and one more than the largest that was known on that half, so
	// that an answer to something is later than it whatever the clocks say. It is in microseconds
	// since 1970, UTC.
	At   int64  `json:"at"`
	Host string `json:"host"` // the half on which it was asked for
}

// Compare is negative when s is earlier than o, and positive when it is later. Of two of the same
// microsecond that of the larger name is later.
func (s Stamp) Compare(o Stamp) int {
	return cmp.Or(cmp.Compare(s.At, o.At), cmp.Compare(s.Host, o.Host))
}

// Time is the stamp as a time. The clock of the half may have shown an earlier one.
func (s Stamp) Time() time.Time { return time.UnixMicro(s.At) }

// Later says whether the override was asked for after another one.
func (o Override) Later(than Override) bool {
	if o.Stamp.At != 0 && than.Stamp.At != 0 {
		return o.Stamp.Compare(than.Stamp) > 0
	}
	return o.Since.After(than.Since)
}

// Active says whether the override holds at a time.
func (o Override) Active(now time.Time) bool { return o.Until.IsZero() || now.Before(o.Until) }

// WeightSource is what decided the weight of a real server.
type WeightSource string

// The sources of a weight, in the order of rank: a later one wins over an earlier one.
const (
	WeightConfigured WeightSource = "configuration" // weight N
	WeightChecked    WeightSource = "check"         // a checker asks for it, or holds the server down
	WeightStarting   WeightSource = "slow start"    // it has come back a short time ago
	WeightSet        WeightSource = "operator"      // director weight
	WeightKernel     WeightSource = "kernel"        // set by hand in the kernel's table
	WeightDrained    WeightSource = "drain"
	WeightQuorum     WeightSource = "quorum rule" // the sorry server has the traffic
)

// Traffic is what the kernel has counted of a virtual server or a real server. Connections
// and packets wrap at 32 bits before Linux 4.1.
type Traffic struct {
	Connections uint64 `json:"connections"`
	InPackets   uint64 `json:"in_packets"` // from clients
	OutPackets  uint64 `json:"out_packets"`
	InBytes     uint64 `json:"in_bytes"`
	OutBytes    uint64 `json:"out_bytes"` // with DR and TUN answers do not pass, and are not counted
}

// Add adds what another real server, or another service of one, has had.
func (t *Traffic) Add(o Traffic) {
	t.Connections += o.Connections
	t.InPackets += o.InPackets
	t.OutPackets += o.OutPackets
	t.InBytes += o.InBytes
	t.OutBytes += o.OutBytes
}

// ServerInTable is what the kernel has of a real server of one service. The latest
// one replaces all earlier ones.
type ServerInTable struct {
	VirtualServer string
	// Service is the kernel's service, which is the virtual server unless that is a
	// group: "[192.0.2.10]:tcp:80", "FWM 5".
	Service    string
	RealServer string
	Weight     int          // in the kernel: 0..2147483647
	Place      int          // with mh, the weight by which it has its slots; 0 is not known
	Source     WeightSource // of Weight
	// Present says that the kernel has it. Without it the weight is 0.
	Present bool
	Sorry   bool // it stands in for the others
	// Draining says that it goes when its connections are gone, or at DrainUntil.
	Draining   bool
	DrainSince time.Time
	DrainUntil time.Time // zero: no end
	Forward    string    // "NAT", "DR", "TUN gue port 6080 csum", "local"
	// Connections: counted by the kernel when Counted was.
	Active, Inactive, Persistent uint64
	Counted                      time.Time
	Traffic                      Traffic // since it was added
	Error                        string  // why the kernel does not have it as wanted; empty when it does
}

// ServersInTable are all real servers of one virtual server, a slice of the table.
// Real servers of it that are not in the list are in no table any more.
type ServersInTable struct {
	VirtualServer string
	Servers       []ServerInTable
	// Words are the virtual server's own: scheduler and flags as the kernel has them.
	Words string
	// Slots is the fingerprint of what decides who gets which client, of each service that hashes.
	Slots string
	// Traffic is what the kernel has counted of its services together since they were added.
	Traffic Traffic
}

// Counted says that the whole table was counted: what it has counted of each service and real
// server that is different from what was told before was told before this.
type Counted struct {
	// Begun is when the round began: all was read at that time or later.
	Begun time.Time
}
