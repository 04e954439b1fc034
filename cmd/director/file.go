package main

import (
	"errors"
)

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
