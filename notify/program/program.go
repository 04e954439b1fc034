package program

import (
	"context"
	"log/slog"
	"time"

	"github.com/lvs-director/director/conf"
)

// Command is a program to run.
type Command struct {
	Argv []string // Argv[0] is a path, or a name to look up on PATH
	// User and Group run it; an empty user is keepalived_script if there is
	// such a user, else the one director runs as; an empty group is the user's own.
	User, Group string
	// Secure refuses to run, as root, what others than root could have written.
	Secure bool
	// Timeout ends the program; 0 is never.
	Timeout time.Duration
}

// Of is the command of a configured script with extra arguments appended.
func Of(s conf.Script, g conf.Global, extra ...string) Command {
	c := Command{User: s.User, Group: s.Group, Secure: g.ScriptSecurity, Timeout: s.Timeout}
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
	Code           int    // exit status; -1 if it was ended by a signal or not started
	Signal         string // "killed", ...: the signal that ended it
	TimedOut       bool
	Err            string // why it could not be started
	Output         string // the last of what it printed
}

// OK says that the program ran and ended with status 0.
func (e Exit) OK() bool { return e.Err == "" && e.Signal == "" && e.Code == 0 }

// Runner runs programs on this host.
type Runner struct {
	Log *slog.Logger
}

// Run runs a program to its end. started is called once it runs. When ctx is
// done the program is ended as if its timeout were over.
func (r Runner) Run(ctx context.Context, cmd Command, started func(pid int)) Exit {
	return Exit{Argv: cmd.Argv, Code: -1, Err: "not implemented"}
}
