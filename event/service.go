package event

import (
	"fmt"
	"time"
)

// Texts such as "[10.0.0.1]:tcp:80" and "FWM 5" (a virtual server) or
// "[10.0.0.2]:tcp:80" (a real server) identify services in every event: the
// form in which keepalived writes them to its FIFOs. conf makes them.

// RealServerState is the verdict of all checkers of a real server together.
// The latest one replaces all earlier ones.
type RealServerState struct {
	VirtualServer string
	RealServer    string
	Up            bool
	Weight        int // weight that the checkers want; the configured one unless a checker sets it
	Since         time.Time
	Reason        string // the result that decided
	// Initial marks the state before the first result: nobody is notified of it.
	Initial bool
	// Failed are the checkers that hold the server down and why.
	Failed []CheckResult
	// Unknown are the checkers that this host fails to make, the reason of each, and from when
	// on (At). They are no reason for the server to be down, unless unknown_counts says so.
	Unknown []CheckResult
	// Checked says that a checker asks for Weight. Without it the weight is the
	// configured one.
	Checked bool
	// Starting is how much of its weight it has so far when it came back a short time ago
	// (slow_start): 1..99 percent; 0 is all of it.
	Starting int
	// Wishes are what its checkers ask of the weight: those that ask for something.
	Wishes []CheckWish
	// Warnings are what its checkers that pass warn of, in their order.
	Warnings []CheckWarning
	// Unset says why the kernel's table does not have the verdict; empty when it does.
	Unset string
	// Event is the number of the change that Since and Reason are about, and Causes are the events
	// that made it: those of a reload. A verdict of a check begins here.
	Event  Number
	Causes Numbers
}

// VirtualServerState is what the virtual server looks like in the kernel's
// table. The latest one replaces all earlier ones.
type VirtualServerState struct {
	VirtualServer string
	Quorum        bool // whether the alive weights reach the quorum
	Alive, Total  int  // real servers
	Since         time.Time
	Reason        string
	// Limit and Hysteresis are the quorum as it can be reached, and Weights the weights of alive
	// real servers, when the quorum was gained or lost last; 0 is not known.
	Limit, Hysteresis uint32
	Weights           uint64
	// Error says why the kernel does not have it as wanted; empty when it does.
	Error string
	// Attempts counts how often in a row the kernel refused what Error says.
	Attempts int
	// Repaired counts how often a change by something else was undone.
	Repaired int
	// Contested counts the changes in a row when something else keeps changing it,
	// from ContestedSince on; 0 when nothing does.
	Contested      int
	ContestedSince time.Time
	// Sorry says that the sorry server has the traffic.
	Sorry bool
	// Idle says that all real servers that are up have the weight 0: nobody is served.
	Idle bool
	// Differs is what something else has changed and is left as it is (reconcile report).
	Differs string
	// Elsewhere says why it is not in the table, as it is to be: this host does not hold its
	// virtual address. It is empty when it is there, or should be.
	Elsewhere string
	// Event is the number of the last change of the quorum, and Causes are the verdicts, or the
	// reload, that made it.
	Event  Number
	Causes Numbers
}

// Problem says what is wrong with it in the kernel; empty when nothing is.
func (s VirtualServerState) Problem() string {
	switch {
	case s.Error != "" && s.Attempts > 1:
		return fmt.Sprintf("%s (%d times)", s.Error, s.Attempts)
	case s.Error != "":
		return s.Error
	case s.Contested > 0:
		return fmt.Sprintf("something else keeps changing it (changed back %d times)", s.Contested)
	case s.Idle && !s.Sorry:
		return "all real servers that are up have the weight 0: nobody is served"
	case s.Differs != "":
		return "something else changed it: " + s.Differs
	}
	return ""
}

// TableLoaded reports that the IPVS table contains what the configuration asks for.
type TableLoaded struct {
	Generation     uint64 // of the configuration
	VirtualServers int
	RealServers    int
	// Error says why the table cannot be read or written at present; empty when it can.
	Error string
	// Refused says what the kernel does not do. All else is in the table, and there
	// is nothing to wait for.
	Refused string
	// Host says what IPVS does not have besides its table, such as a setting or a
	// sync daemon. Every virtual server is served without it.
	Host string
}

// Problem says why the table does not match the configuration; empty when it does.
func (t TableLoaded) Problem() string {
	if t.Error != "" {
		return t.Error
	}
	return t.Refused
}
