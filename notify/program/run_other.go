//go:build !linux

package program

import (
	"context"
	"time"
)

// Run runs a program; on this system it says that it cannot.
func (Runner) Run(_ context.Context, cmd Command, _ func(pid int)) Exit {
	now := time.Now()
	return Exit{Argv: cmd.Argv, Code: -1, Started: now, Ended: now, Err: "programs are run on Linux only"}
}

// Adopt waits for a program; on this system it says that it cannot.
func (Runner) Adopt(_ context.Context, h *Handoff) Exit {
	return Exit{Argv: h.Argv, Code: -1, Started: h.Started, Ended: time.Now(), Err: "programs are run on Linux only"}
}
