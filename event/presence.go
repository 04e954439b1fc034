package event

// Presence is whether the virtual addresses of an instance are on this host.
type Presence uint8

// The presences. Of an older director, which does not tell, the state says it.
const (
	PresenceNotTold Presence = iota
	Absent
	Present // or about to be
)

// Holds says whether this host has the virtual addresses of the instance, or is about to.
func (s InstanceState) Holds() bool {
	if s.Presence == PresenceNotTold {
		return s.State == Master
	}
	return s.Presence == Present
}

// HeldInTable says that the virtual servers that stand in the table only while this host
// holds the addresses of an instance are there, or cannot be.
type HeldInTable struct {
	ID       string // of the instance, in conf's form (conf.InstanceID)
	Acquired uint64 // of the InstanceState that it answers
}
