package rollout

import "time"

// Worker names a worker process.
type Worker string

// The workers, in the order in which they are started and replaced. They are
// ended in the other one: addresses go before services.
const (
	LVS  Worker = "lvs"
	VRRP Worker = "vrrp"
)

// How long things may take.
const (
	// TablePatience is how long virtual addresses wait for the IPVS table.
	TablePatience = 10 * time.Second
	// ReplacePatience is how long a worker that was replaced may take to be back
	// in service.
	ReplacePatience = 10 * time.Second
	// FinishPatience is how long a worker may take to end by itself; FinishLimit is how long on a
	// host that has no time for anybody (Patience).
	FinishPatience = 1200 * time.Millisecond
	FinishLimit    = 8 * time.Second
)

// Phase is what a worker does.
type Phase uint8

// The phases. Given up and running exclude each other.
const (
	// Absent: it was not started yet.
	Absent Phase = iota
	// Starting: its keeper was told to start it.
	Starting
	// Running: it runs.
	Running
	// Waiting: it has died, and is started again when its time has come.
	Waiting
	// Releasing: it has died, and what it left in the kernel is being removed
	// before it is started again, or for good.
	Releasing
	// GivenUp: it has died too often. What it held is removed; tries go on, slowly.
	GivenUp
	// Finishing: it was asked to end.
	Finishing
	// Ended: it has ended, and nothing of it is left.
	Ended
)

// Options are what a Machine is made with.
type Options struct {
	// Workers are those that this director has, in the order of the constants.
	Workers []Worker
	// Keep are those whose work stays in the kernel when director stops.
	Keep []Worker
}

// Status is what is known of a worker.
type Status struct {
	Worker   Worker
	Phase    Phase
	Pid      int // 0 when it does not run
	Restarts int
	Since    time.Time   // when it was started last
	Died     time.Time   // when its predecessor did; zero when there was none
	Err      error       // how its predecessor ended; nil for exit status 0
	Deaths   []time.Time // those that count
	Given    uint64      // the generation that it was handed last
	Applied  uint64      // the one that it has applied
	Problem  string      // what of that it could not do
	// LastSent is when it sent its last advertisement, in time since boot; 0
	// when it has not said so.
	LastSent time.Duration
	// Watched: it has said that it lives, and is expected to go on doing so.
	Watched bool
	// Silent says in words why a worker that says nothing is not replaced.
	Silent string
}

// Table is what is known of the IPVS table.
type Table struct {
	Generation uint64
	Problem    string
}

// State is what outlives an upgrade of the program.
type State struct {
	Generation uint64
	Workers    []Status
	Table      Table
}
