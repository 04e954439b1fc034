package vrrp

import "context"

// InstanceStats counts what an instance has done and seen since it was configured.
type InstanceStats struct {
	Sent     uint64 // advertisements
	Received uint64 // advertisements that passed all checks
	Masters  uint64 // times it became MASTER
	// Dropped are refused packets by the name of the reason.
	Dropped map[string]uint64
}

// Stats is a snapshot of the counters.
type Stats struct {
	Instances map[string]InstanceStats // by instance name
	// Dropped are packets that belong to no instance, by interface and reason.
	Dropped map[string]map[string]uint64
}

// Stats returns the counters; the zero Stats when the engine has stopped.
func (e *Engine) Stats(ctx context.Context) Stats { return Stats{} }
