// Package buildinfo says what this program was made from, and when.
package buildinfo

import (
	"os"
	"runtime/debug"
	"time"
)

// Version is the version of a program that the linker was told nothing about.
func Version(info *debug.BuildInfo) string {
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

// Time is when this program was made, as far as that is known.
func Time() time.Time {
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
