package main

import (
	"os"

	"github.com/lvs-director/director/supervisor"
)

// handoffCmd is how a running director asks a program whether it can go on
// in its place.
type handoffCmd struct{}

// Run answers the question on standard input, if there is one.
func (handoffCmd) Run(std streams) error {
	return supervisor.AnswerHandoff(os.Stdin, std.out, version)
}
