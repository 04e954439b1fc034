package main

import (
	"os"

	"github.com/lvs-director/director/supervisor"
)

// handDownCmd is how a running director asks a program whether it can go on
// in its place.
type handDownCmd struct{}

// Run answers the question on standard input, if there is one.
func (handDownCmd) Run(std streams) error {
	return supervisor.AnswerHandoff(os.Stdin, std.out, version)
}
