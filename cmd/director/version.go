package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"time"
)

// version is set by the linker to the commit and its date; without that it is
// what the Go tool has noted.
var version string

func init() {
	if version == "" {
		info, _ := debug.ReadBuildInfo()
		version = builtFrom(info)
	}
}

// builtFrom is the version of a program that the linker was told nothing about.
func builtFrom(info *debug.BuildInfo) string {
	if info == nil {
		return "unknown"
	}
	set := make(map[string]string)
	for _, s := range info.Settings {
		set[s.Key] = s.Value
	}
	commit := set["vcs.revision"]
	if commit == "" {
		if v := info.Main.Version; v != "" && v != "(devel)" {
			return v
		}
		return "unknown (built without version control)"
	}
	text := commit[:min(12, len(commit))]
	if t := set["vcs.time"]; len(t) >= len("2006-01-02") {
		text += " (" + t[:len("2006-01-02")] + ")"
	}
	if set["vcs.modified"] == "true" {
		text += " with local changes"
	}
	return text
}

// built is when this program was made, as far as that is known.
func built() time.Time {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if t, err := time.Parse(time.RFC3339, s.Value); s.Key == "vcs.time" && err == nil {
				return t
			}
		}
	}
	if path, err := os.Executable(); err == nil {
		if info, err := os.Stat(path); err == nil {
			return info.ModTime()
		}
	}
	return time.Time{}
}

type versionCmd struct{}

// Help is the example that "director version --help" shows.
func (versionCmd) Help() string { return "Example: director version" }

// Run prints the version.
func (versionCmd) Run(io streams) error {
	fmt.Fprintln(io.out, "director", version)
	return nil
}
