package reload

import "time"

// Effect is something that has to be done: one of the types below.
type Effect interface{ effect() }

// ReadFile has the configuration file read. Read answers.
type ReadFile struct{}

// ReadHistory has a configuration of the history read. Read answers.
type ReadHistory struct{ Number int }

// Apply puts a configuration in force: the workers are to be given it, and
// everything else follows it from now on.
type Apply struct {
	Generation uint64
	Config     Config
	Reason     Reason
	// Replaced is what was in force.
	Replaced Config
	// Of are the IDs of those who asked for it; 0 is a signal.
	Of []uint64
}

// Remember keeps what was applied just now in the history.
type Remember struct {
	Config Config
	Reason Reason
	// Replaced is what was in force; it matters unless Reason is FromFile.
	Replaced Config
	// Unconfirmed: a start must not begin with it before MarkConfirmed.
	Unconfirmed bool
}

// MarkConfirmed notes in the history that what is in force was confirmed.
type MarkConfirmed struct{}

// Answer tells whoever asked. Every Request with an ID gets exactly one.
type Answer struct {
	ID      uint64
	Outcome Outcome
}

// AnswerConfirm tells whoever confirmed whether there was something to confirm.
type AnswerConfirm struct {
	ID     uint64
	Waited bool
}

// Refused says, for the log, that what was read is not put in force.
type Refused struct {
	Config Config // nil when nothing could be read
	Why    string
	Of     []uint64 // as Apply's
}

// AwaitConfirmation says, for the log, that Back comes into force at Until.
type AwaitConfirmation struct {
	Back  Config
	Until time.Time
}

// Unconfirmed says, for the log, that the time of Config is over: Back is
// applied next.
type Unconfirmed struct{ Config, Back Config }

// InForce says, for the log, that the workers have applied a generation, or,
// with Overdue, that they take longer than Patience.
type InForce struct {
	Generation uint64
	Config     Config
	Overdue    bool
}

// TellReloading tells the service manager that a reload has begun, TellReady
// that it has ended.
type (
	TellReloading struct{}
	TellReady     struct{}
)

func (ReadFile) effect()          {}
func (ReadHistory) effect()       {}
func (Apply) effect()             {}
func (Remember) effect()          {}
func (MarkConfirmed) effect()     {}
func (Answer) effect()            {}
func (AnswerConfirm) effect()     {}
func (Refused) effect()           {}
func (AwaitConfirmation) effect() {}
func (Unconfirmed) effect()       {}
func (InForce) effect()           {}
func (TellReloading) effect()     {}
func (TellReady) effect()         {}
