package machine

import "time"

// Machine is the state of one virtual router. The zero value is not usable.
type Machine struct {
	p Params
}

// New makes a machine in Init; Startup begins.
func New(p Params) *Machine { return &Machine{p: p} }

// Step applies one input at now and appends what has to be done to effects.
func (m *Machine) Step(now time.Time, in Input, effects []Effect) []Effect {
	return effects
}
