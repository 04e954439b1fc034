package rollout

import "time"

// Effect is something that has to be done: one of the types below.
type Effect interface{ effect() }

// Start has a worker started. Started or Died answers.
type Start struct{ Worker Worker }

// Hand gives a running worker the configuration of a generation.
type Hand struct {
	Worker     Worker
	Generation uint64
	// Fresh: it has just been started, and has to know everything.
	Fresh bool
	// Predecessor is whose work it may go on with; the zero one is nobody's.
	Predecessor Predecessor
}

// Predecessor says since when nobody has done a worker's work.
type Predecessor struct {
	// Died is when it ended.
	Died time.Time
	// LastSent is when it sent its last advertisement, in time since boot;
	// 0 when it had not said so.
	LastSent time.Duration
	// Silenced: it was killed because it had stopped answering.
	Silenced bool
}

// Proceed tells the vrrp worker that instances may become MASTER.
type Proceed struct{}

// Finish asks a worker to end. Pid is 0 when it is only about to run.
type Finish struct {
	Worker Worker
	Pid    int
}

// Kill ends a worker that does not end by itself.
type Kill struct {
	Worker Worker
	Pid    int
	Why    string
}

// Release has what a worker left in the kernel removed, in bounded time.
// Released answers.
type Release struct {
	Worker Worker
	Why    string
}

// ReplaceWorker ends a worker to have it started again. Died answers.
type ReplaceWorker struct{ Worker Worker }

// Examine looks at the process of a worker that says nothing. Examined answers.
type Examine struct {
	Worker Worker
	Pid    int
	Silent time.Duration
}

// Deployed says that all workers have applied the generation in force.
type Deployed struct {
	Generation uint64
	Problems   []string
}

// InService says, once, that everything that was configured runs.
type InService struct{}

// Lost says that a worker was given up: what it did is done by nobody.
type Lost struct {
	Worker Worker
	Why    string
}

// WorkerDied says, for the log, that a worker has died, and when it is started
// again.
type WorkerDied struct {
	Worker  Worker
	Pid     int   // 0 when it could not be started
	Err     error // nil for exit status 0
	Again   time.Duration
	GivenUp bool
}

// WorkerRestarted says, for the log, that a worker runs again.
type WorkerRestarted struct {
	Worker Worker
	Pid    int
	Down   time.Duration
}

// WorkerReplaced says, for the log, that a worker that was replaced is back in
// service.
type WorkerReplaced struct {
	Worker Worker
	Pid    int
	Before int // the pid of its predecessor
}

// ReplaceFailed says, for the log, that workers are not replaced any further.
type ReplaceFailed struct{ Why string }

// TableNotLoaded says, for the log, that TablePatience is over.
type TableNotLoaded struct{}

// Unkillable says, for the log, that a worker says nothing and cannot be ended.
type Unkillable struct {
	Worker Worker
	Pid    int
	Why    string
}

// AnswerUpgrade tells whoever asked for an upgrade that it begins, or why not.
type AnswerUpgrade struct {
	ID      uint64
	Refused string // empty when it begins
}

// TryProgram asks the other program whether it can take over. ProgramTried
// answers.
type TryProgram struct{ ID uint64 }

// Prepare makes everything ready for the other program: from now on no reload
// begins, and scripts are held. Prepared answers.
type Prepare struct{}

// Exec puts the other program in the place of this one. ExecFailed answers, if
// anything does.
type Exec struct{}

// UpgradeFailed undoes what Prepare did.
type UpgradeFailed struct{ Why string }

// Exit says that all workers have ended.
type Exit struct{}

func (Start) effect()           {}
func (Hand) effect()            {}
func (Proceed) effect()         {}
func (Finish) effect()          {}
func (Kill) effect()            {}
func (Release) effect()         {}
func (ReplaceWorker) effect()   {}
func (Examine) effect()         {}
func (Deployed) effect()        {}
func (InService) effect()       {}
func (Lost) effect()            {}
func (WorkerDied) effect()      {}
func (WorkerRestarted) effect() {}
func (WorkerReplaced) effect()  {}
func (ReplaceFailed) effect()   {}
func (TableNotLoaded) effect()  {}
func (Unkillable) effect()      {}
func (AnswerUpgrade) effect()   {}
func (TryProgram) effect()      {}
func (Prepare) effect()         {}
func (Exec) effect()            {}
func (UpgradeFailed) effect()   {}
func (Exit) effect()            {}
