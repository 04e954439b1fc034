package main

import (
	"errors"

	"github.com/lvs-director/director/worker"
)

// daemonDirs are the directories of a director.
type daemonDirs struct {
	RunDir   string `name:"run-dir" default:"/run/director" placeholder:"DIR" help:"Directory of the control socket and the journals; one for each director of a machine."`
	StateDir string `name:"state-dir" default:"/var/lib/director" placeholder:"DIR" help:"Directory of what outlives a boot."`
}

// defaultRunDir is that of a director that was told none.
const defaultRunDir worker.RunDir = "/run/director"

// run is the run directory with its files.
func (d daemonDirs) run() worker.RunDir { return worker.RunDir(d.RunDir) }

// namedFile lets a command take its file without -f.
type namedFile struct {
	Named string `arg:"" optional:"" name:"file" help:"The same as -f FILE."`
}

// into puts the name where -f puts it.
func (n namedFile) into(file *string) error {
	switch {
	case n.Named == "":
		return nil
	case *file != "" && *file != n.Named:
		return errors.New("two files: give one, either with -f or without")
	}
	*file = n.Named
	return nil
}
