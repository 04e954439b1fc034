package main

import (
	"errors"
	"fmt"
	"os"
)

// defaultFiles are where a configuration is looked for, in this order.
var defaultFiles = [...]string{"/etc/director/director.conf", "/etc/keepalived/keepalived.conf"}

// configFile is the file to read: the one that was asked for, or the first
// default that exists.
func configFile(asked string) (string, error) {
	if asked != "" {
		return asked, nil
	}
	for _, f := range defaultFiles {
		if _, err := os.Stat(f); err == nil {
			return f, nil
		}
	}
	return "", fmt.Errorf("no configuration: neither %s nor %s exists; name one with -f FILE", defaultFiles[0], defaultFiles[1])
}

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
