package reload

// Input is something that happened: one of the types below.
type Input interface{ input() }

// Asked says that somebody wants another configuration.
type Asked struct{ Request Request }

// Read says what became of the last ReadFile or ReadHistory.
type Read struct {
	// Config is what was read; nil when nothing could be.
	Config Config
	// Refused says why it cannot be put in force whoever asked; empty when it can.
	Refused string
	// Loss says what would be lost because of a finding in it, in words; empty
	// when nothing would be, or when this was allowed for good.
	Loss string
}

// Deployed says that all workers have applied a generation.
type Deployed struct {
	Generation uint64
	Problems   []string // what of it they could not do
}

// Confirmed says that somebody confirms what is in force. ID names who waits
// for the answer.
type Confirmed struct{ ID uint64 }

// Tick says that time has passed; see Machine.Deadline.
type Tick struct{}

// Hold begins a time in which nothing may change: another program is about to
// take over. It may come only when the machine is not Busy.
type Hold struct{}

// Release ends it: the other program did not take over.
type Release struct{}

// Stop ends everything. All who wait are answered.
type Stop struct{}

func (Asked) input()     {}
func (Read) input()      {}
func (Deployed) input()  {}
func (Confirmed) input() {}
func (Tick) input()      {}
func (Hold) input()      {}
func (Release) input()   {}
func (Stop) input()      {}
