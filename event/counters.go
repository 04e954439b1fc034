package event

import "time"

// VRRPCounters is what the vrrp worker has counted since it was started.
type VRRPCounters struct {
	Instances map[string]InstanceCounters // by name
	// Dropped are packets for none of the instances, by interface and reason.
	Dropped map[string]map[string]uint64
	// Lateness is how late advertisements left, by interface.
	Lateness map[string]Lateness `json:",omitempty"`
	// Strangers are the senders of refused packets.
	Strangers []Stranger
	// MoreStrangers are refused packets whose senders did not fit.
	MoreStrangers uint64
	BFD           []BFDCounters
}

// LatenessBounds are the upper bounds of the classes of Lateness, in ascending order.
var LatenessBounds = [...]time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second,
}

// Lateness counts what has a time, advertisements or checks, by how long after it they were begun.
type Lateness struct {
	// Counts has a class for each of LatenessBounds, and a last one for what is later than all.
	Counts []uint64      `json:"counts"`
	Sum    time.Duration `json:"sum_ns"`
}

// LatenessClass is the class of Lateness for something so late, or early.
func LatenessClass(late time.Duration) int {
	class := 0
	for class < len(LatenessBounds) && late > LatenessBounds[class] {
		class++
	}
	return class
}

// InstanceCounters counts what an instance has done and seen.
type InstanceCounters struct {
	Sent       uint64 `json:"sent"`        // advertisements
	SendErrors uint64 `json:"send_errors"` // advertisements that the kernel refused
	Received   uint64 `json:"received"`    // advertisements that passed all checks
	Masters    uint64 `json:"masters"`     // times it became MASTER
	Released   uint64 `json:"released"`    // times it ceased to be MASTER
	Backups    uint64 `json:"backups"`     // times it became BACKUP
	Faults     uint64 `json:"faults"`      // times it fell into FAULT
	// PriorityZeroSent and PriorityZeroReceived are advertisements with priority 0, which
	// give the mastership up; Sent and Received count them too.
	PriorityZeroSent     uint64 `json:"priority_zero_sent"`
	PriorityZeroReceived uint64 `json:"priority_zero_received"`
	// AddressMismatch are accepted advertisements with other addresses than the configured ones.
	AddressMismatch uint64 `json:"address_mismatch"`
	// Dropped are refused packets by the name of the reason.
	Dropped map[string]uint64 `json:"dropped"`
	// Odd is what was odd about the last advertisement that was accepted although
	// it does not agree with the configuration; nil is nothing.
	Odd *OddAdvertisement `json:"odd,omitempty"`
}

// OddAdvertisement is one that was accepted although something in it is not as
// this host has it.
type OddAdvertisement struct {
	Sender string    `json:"sender"` // address
	Reason string    `json:"reason"` // "address-mismatch"
	Detail string    `json:"detail,omitempty"`
	Last   time.Time `json:"last"`
}

// Stranger is a router whose advertisements are refused: another virtual
// router's on the same link, or one of ours with a wrong password, key or
// address. What it says of itself is not to be trusted.
type Stranger struct {
	Interface string    `json:"interface"`
	Sender    string    `json:"sender"` // address
	VRID      uint8     `json:"virtual_router_id"`
	Priority  uint8     `json:"priority"`           // of the last one
	Instance  string    `json:"instance,omitempty"` // whose VRID it is; empty for none of ours
	Reason    string    `json:"reason"`
	Times     uint64    `json:"times"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
	// Contested is an address that it advertises although this host has it; empty is none.
	Contested string `json:"contested,omitempty"`
}
