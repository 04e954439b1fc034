package rollout

import "time"

// Input is something that happened: one of the types below.
type Input interface{ input() }

// Begin starts the workers, with generation 1.
type Begin struct{}

// Deploy says that another generation is in force.
type Deploy struct{ Generation uint64 }

// Started says that a worker runs. It waits for its configuration.
type Started struct {
	Worker Worker
	Pid    int
}

// Died says that a worker has ended, or could not be started.
type Died struct {
	Worker Worker
	Err    error // how it ended; nil for exit status 0
	// Planned: Replace ended it.
	Planned bool
	// Early: a signal that workers ignore has ended it before it could, and before it did anything.
	Early bool
}

// Applied says that a worker has applied a generation.
type Applied struct {
	Worker     Worker
	Generation uint64
	Problem    string // what of it could not be done
}

// TableLoaded says that the lvs worker has put a generation into the kernel.
type TableLoaded struct{ Table Table }

// Released says that what a worker left in the kernel was removed, or why not.
type Released struct {
	Worker Worker
	Err    error
}

// Tick says that time has passed; see Machine.Deadline.
type Tick struct{}

// Replace has workers replaced one at a time, in the order of the list: they
// run another program than this one.
type Replace struct{ Workers []Worker }

// UpgradeAsked says that somebody wants another program to take over. Busy says
// that a configuration is being read or applied.
type UpgradeAsked struct {
	ID   uint64 // names who waits for the answer
	Busy bool
}

// ProgramTried says whether that program can take over.
type ProgramTried struct {
	Err  error
	Busy bool // as in UpgradeAsked
}

// Prepared says whether everything is ready for the other program.
type Prepared struct{ Err error }

// ExecFailed says that the other program could not be executed.
type ExecFailed struct{ Err error }

// Stop ends everything. Withdrawing has the services stay until Withdrawn: routers still send packets to them.
type Stop struct{ Withdrawing bool }

// Withdrawn lets a stop go on to the services.
type Withdrawn struct{}

// Heard says that a worker lives.
type Heard struct {
	Worker Worker
	// LastSent is when it sent its last advertisement, in time since boot.
	LastSent time.Duration
	// Limit is how long it may say nothing; see MinSilence.
	Limit time.Duration
}

// Round says that everything that workers had sent has been taken in.
type Round struct {
	// Unread are workers of which something is waiting to be read all the same.
	Unread []Worker
}

// Examined says what was found of a worker that says nothing.
type Examined struct {
	Worker Worker
	Pid    int
	// Unkillable says in words why a signal does not end it, or ends something
	// that is no fault of its own; empty when it can be killed.
	Unkillable string
}

func (Begin) input()        {}
func (Deploy) input()       {}
func (Started) input()      {}
func (Died) input()         {}
func (Applied) input()      {}
func (TableLoaded) input()  {}
func (Released) input()     {}
func (Tick) input()         {}
func (Replace) input()      {}
func (UpgradeAsked) input() {}
func (ProgramTried) input() {}
func (Prepared) input()     {}
func (ExecFailed) input()   {}
func (Stop) input()         {}
func (Withdrawn) input()    {}
func (Heard) input()        {}
func (Round) input()        {}
func (Examined) input()     {}
