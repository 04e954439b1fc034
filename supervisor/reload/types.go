package reload

import "time"

// Patience is how long whoever asked waits for the workers to apply what is in
// force before he is told that it takes longer.
const Patience = 20 * time.Second

// SignalPause is how long a signal waits at most for the workers to apply what is in force. Whoever
// signals all the time would otherwise have no generation ever applied.
const SignalPause = time.Second

// MaxConfirm bounds the time in which a confirmation may come.
const MaxConfirm = 24 * time.Hour

// Config is a configuration that was read.
type Config interface {
	// Digest identifies its text.
	Digest() string
}

// Request asks for another configuration to be put in force.
type Request struct {
	// ID names who waits for the answer; 0 is a signal, which nobody waits for.
	ID uint64
	// Number is the configuration of the history to go back to; 0 is the file.
	Number int
	// Expect is the digest of the text that was planned with; any other text is
	// refused. Empty takes any.
	Expect string
	// Confirm is the time in which a confirmation has to come, up to MaxConfirm;
	// 0 asks for none.
	Confirm time.Duration
	// AcceptLoss takes a text although a finding in it costs something that runs.
	AcceptLoss bool
}

func (r Request) signal() bool { return r.ID == 0 }

// Outcome is the one answer to a Request.
type Outcome struct {
	// Applied says that the configuration is in force; else Refused says why not.
	Applied bool
	Refused string
	// Config is what was read; nil when it was refused before that.
	Config Config
	// Generation is the one in force.
	Generation uint64
	// Problems are what of it could not be done.
	Problems []string
	// Overdue: some worker has not applied it within Patience.
	Overdue bool
	// ConfirmUntil is when the configuration before comes back; zero is never.
	ConfirmUntil time.Time
}

// Reason says why a configuration is put in force.
type Reason uint8

// The reasons.
const (
	// FromFile: the file was read.
	FromFile Reason = iota
	// FromHistory: somebody asked for a rollback.
	FromHistory
	// NotConfirmed: nobody confirmed the one that was in force.
	NotConfirmed
)

// State is what outlives an upgrade of the program.
type State struct {
	Generation uint64
	Current    Config
	// Back comes into force at Until unless Current is confirmed; nil when
	// nothing waits for a confirmation.
	Back  Config
	Until time.Time
	// Signalled: a signal that asked for the file was not obeyed yet.
	Signalled bool
}
