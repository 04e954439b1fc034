package machine

// awaited is what a BACKUP waits for while DownTimer runs, and so what it means
// when the timer expires.
type awaited uint8

const (
	// awaitsAdvertisement: the master's next one. At the end it is silent.
	awaitsAdvertisement awaited = iota
	// awaitsSuccessor: the master has resigned with priority 0, and another router
	// may be quicker.
	awaitsSuccessor
	// awaitsPreemption: a router with lower priority is MASTER and will be replaced.
	awaitsPreemption
	// awaitsTaker: this router has given its mastership away on purpose, and
	// another is to take it. A priority 0 of another that gives up too, or its own
	// that comes back, does not end that.
	awaitsTaker
)

// reason is why this router becomes MASTER when DownTimer expires.
func (a awaited) reason() Reason {
	switch a {
	case awaitsSuccessor:
		return MasterResigned
	case awaitsPreemption:
		return Preempting
	case awaitsTaker:
		return NobodyTook
	}
	return MasterSilent
}
