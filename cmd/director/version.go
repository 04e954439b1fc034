package main

import (
	"fmt"
	"runtime/debug"

	"github.com/lvs-director/director/buildinfo"
)

// version is set by the linker to the commit and its date; without that it is
// what the Go tool has noted.
var version string

func init() {
	if version == "" {
		info, _ := debug.ReadBuildInfo()
		version = buildinfo.Version(info)
	}
}

type versionCmd struct{}

// Help is the example that "director version --help" shows.
func (versionCmd) Help() string { return "Example: director version" }

// Run prints the version.
func (versionCmd) Run(io streams) error {
	fmt.Fprintln(io.out, "director", version)
	return nil
}
