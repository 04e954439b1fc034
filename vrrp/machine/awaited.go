package machine

// awaited is what a BACKUP waits for while DownTimer runs. It determines the
// reason for the transition when the timer expires.
type awaited uint8

const (
	// awaitsAdvertisement: the next advertisement of the master. If the timer
	// expires, the master is silent.
	awaitsAdvertisement awaited = iota
	// awaitsSuccessor: the master has resigned with priority 0. Another BACKUP
	// may take over first.
	awaitsSuccessor
	// awaitsPreemption: a router with lower priority is MASTER, and this router
	// preempts it.
	awaitsPreemption
	// awaitsTakeover: this router has handed its mastership over, and another
	// router should take it. Priority 0 from a router that resigns too, or from
	// this router if it comes back, does not end the wait.
	awaitsTakeover
)

// reason is why this router becomes MASTER when DownTimer expires.
func (a awaited) reason() Reason {
	switch a {
	case awaitsSuccessor:
		return MasterResigned
	case awaitsPreemption:
		return Preempting
	case awaitsTakeover:
		return NobodyTookOver
	}
	return MasterSilent
}
