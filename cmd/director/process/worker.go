// Package process is director as one of the processes that director run starts.
package process

import (
	"errors"
	"flag"
	"io"

	"github.com/lvs-director/director/supervisor/startup"
	"github.com/lvs-director/director/worker"
	"github.com/lvs-director/director/workers"
	"github.com/lvs-director/director/workers/front"
	"github.com/lvs-director/director/workers/lvs"
	"github.com/lvs-director/director/workers/vrrp"
)

// ErrNoCommand says that somebody has started a worker by hand.
var ErrNoCommand = errors.New("workers are started by director run")

// command is the command line of a worker process. The run directory is in
// it so that ps tells whose worker it is.
type command struct {
	name    string
	runDir  worker.RunDir
	logTo   worker.LogTo
	release bool // only remove what a worker left in the kernel
}

// parse reads what the supervisor writes. It does without the parser of the
// commands: a worker that is started again has an advertisement to send.
func parse(args []string) (*command, error) {
	c := &command{}
	flags := flag.NewFlagSet("worker", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar((*string)(&c.runDir), "run-dir", "", "")
	c.logTo.Flags(flags)
	flags.BoolVar(&c.release, "release", false, "")
	if len(args) > 0 {
		c.name, args = args[0], args[1:]
	}
	if err := flags.Parse(args); err != nil || c.runDir == "" {
		return nil, ErrNoCommand
	}
	return c, nil
}

// Worker is a worker's process from its start to its end; args are what follows the word worker on
// its command line.
func Worker(args []string, errOut io.Writer) error {
	c, err := parse(args)
	if err != nil {
		return err
	}
	loop, release := vrrp.Run, vrrp.Release
	switch c.name {
	case worker.VRRP:
	case worker.LVS:
		loop, release = lvs.Run, lvs.Release
	case front.Name:
		return front.Run()
	default:
		return ErrNoCommand
	}
	log, _, flush, err := startup.NewLog(errOut, c.logTo)
	if err != nil {
		return err
	}
	defer flush()
	log = log.With("worker", c.name)
	if c.release {
		return release(c.runDir, log)
	}
	return workers.Run(log, c.name, c.runDir, loop)
}
