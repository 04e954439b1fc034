package main

import (
	"os"

	"github.com/lvs-director/director/cmd/director/process"
	"github.com/lvs-director/director/supervisor"
)

// workerCmd stands among the commands for those who type it; the supervisor's are carried out before
// the command line is parsed.
type workerCmd struct{}

// Run says that it is no command.
func (workerCmd) Run() error { return process.ErrNoCommand }

// handoffCmd is how a running director asks a program whether it can go on
// in its place.
type handoffCmd struct{}

// Run answers the question on standard input, if there is one.
func (handoffCmd) Run(std streams) error {
	return supervisor.AnswerHandoff(os.Stdin, std.out, version)
}
