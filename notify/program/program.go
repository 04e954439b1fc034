package program

import (
	"errors"
	"os"
	"strconv"
	"time"

	"github.com/lvs-director/director/conf"
)

// Command is a program to run.
type Command struct {
	Argv []string // Argv[0] is a path, or a name to look up on PATH
	// User and Group run it; an empty user is keepalived_script if there is
	// such a user, else the one director runs as; an empty group is the user's own.
	User, Group string
	// AllGroups gives it all groups of its user, else it has Group alone.
	AllGroups bool
	// Secure refuses to run, as root, what others than root could have written (enable_script_security).
	Secure bool
	// Timeout ends the program; 0 is never.
	Timeout time.Duration
}

// Of is the command of a configured script with extra arguments appended.
func Of(s conf.Script, g conf.Global, extra ...string) Command {
	c := Command{
		User: s.User, Group: s.Group, Secure: g.ScriptSecurity, Timeout: s.Timeout, AllGroups: g.SupplementaryGroups,
	}
	if c.User == "" {
		c.User, c.Group = g.ScriptUser, g.ScriptGroup
	}
	c.Argv = append(append(c.Argv, s.Argv...), extra...)
	return c
}

// Exit is how a program ended.
type Exit struct {
	Argv           []string
	PID            int // 0 if it could not be started
	Started, Ended time.Time
	Code           int    // exit status; -1 if a signal ended it or it was not started
	Signal         string // the signal that ended it: "killed"
	TimedOut       bool   // ended by us, because its timeout was over
	Err            string // why it could not be started
	Output         string // the last of what it printed, at most OutputKept bytes
	// Handoff is set when the program was handed over and still runs.
	Handoff *Handoff `json:",omitempty"`
}

// ErrHandOff as the cause of a context's end makes Run hand the program over
// instead of ending it.
var ErrHandOff = errors.New("the program is handed over")

// Handoff is a running program that nobody waits for until Runner.Adopt does: in
// this process, or after an exec in the program that takes its place, which
// keeps the children.
type Handoff struct {
	Argv     []string
	PID      int
	Started  time.Time
	Deadline time.Time // when its timeout is over; zero is never
	Kept     []byte    // what was kept of its output so far
	Output   int       // descriptor that its output is read from; below 0 is none
	file     *os.File  // of Output, in the process that made the Handoff
}

// OK says that the program ran and ended with status 0.
func (e Exit) OK() bool { return e.Err == "" && e.Signal == "" && e.Code == 0 }

// String says how the program ended, in the words of every log line and status:
// "exit status 1", "timed out", "ended by signal: killed", or why it was not started.
func (e Exit) String() string {
	switch {
	case e.Err != "":
		return e.Err
	case e.TimedOut:
		return "timed out"
	case e.Signal != "":
		return "ended by signal: " + e.Signal
	}
	return "exit status " + strconv.Itoa(e.Code)
}

const (
	// OutputKept is how much of a program's output is kept.
	OutputKept = 4 << 10
	// KillDelay is the time between SIGTERM and SIGKILL for a program whose time is over.
	KillDelay = 2 * time.Second
)

// Runner runs programs on this host. It has no state.
type Runner struct{}
