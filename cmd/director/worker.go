package main

import (
	"errors"
	"flag"
	"io"
	"os"

	"github.com/lvs-director/director/supervisor"
	"github.com/lvs-director/director/supervisor/startup"
	"github.com/lvs-director/director/worker"
	"github.com/lvs-director/director/workers"
	frontworker "github.com/lvs-director/director/workers/front"
	lvsworker "github.com/lvs-director/director/workers/lvs"
	vrrpworker "github.com/lvs-director/director/workers/vrrp"
)

// workerCmd is the command line of a worker process. The run directory is in
// it so that ps tells whose worker it is.
type workerCmd struct {
	Name    string
	RunDir  string
	LogTo   worker.LogTo `kong:"-"`
	Release bool         // only remove what a worker left in the kernel
}

// parseWorker reads what the supervisor writes. It does without the parser of the
// other commands: a worker that is started again has an advertisement to send.
func parseWorker(args []string) (*workerCmd, error) {
	c := &workerCmd{}
	flags := flag.NewFlagSet("worker", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&c.RunDir, "run-dir", "", "")
	c.LogTo.Flags(flags)
	flags.BoolVar(&c.Release, "release", false, "")
	if len(args) > 0 {
		c.Name, args = args[0], args[1:]
	}
	if err := flags.Parse(args); err != nil || c.RunDir == "" || c.Name != worker.VRRP && c.Name != worker.LVS &&
		c.Name != frontworker.Name {
		return nil, errors.New("workers are started by director run")
	}
	return c, nil
}

func runWorker(args []string, std streams) error {
	c, err := parseWorker(args)
	if err != nil {
		return err
	}
	return c.Run(std)
}

// Run is a worker's process from its start to its end.
func (c *workerCmd) Run(std streams) error {
	if c.Name == frontworker.Name {
		return frontworker.Run()
	}
	log, _, flush, err := startup.NewLog(std.err, c.LogTo)
	if err != nil {
		return err
	}
	defer flush()
	log = log.With("worker", c.Name)
	dir := worker.RunDir(c.RunDir)
	loop, release := vrrpworker.Run, vrrpworker.Release
	if c.Name == worker.LVS {
		loop, release = lvsworker.Run, lvsworker.Release
	}
	if c.Release {
		return release(dir, log)
	}
	return workers.Run(log, c.Name, dir, loop)
}

// handoffCmd is how a running director asks a program whether it can go on
// in its place.
type handoffCmd struct{}

// Run answers the question on standard input, if there is one.
func (handoffCmd) Run(std streams) error {
	return supervisor.AnswerHandoff(os.Stdin, std.out, version)
}
