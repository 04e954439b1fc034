package tracking

import (
	"errors"
	"io/fs"
	"os"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// LookAtFile is what a track_file is like now, or will be once it is in force and
// init_file has written to it. Nothing is written.
func LookAtFile(c *conf.TrackFile) event.TrackerState {
	s := event.TrackerState{Kind: event.TrackFile, Name: c.Name, Up: true}
	if _, err := os.Stat(c.Path); c.Init && (c.Overwrite || errors.Is(err, fs.ErrNotExist)) {
		s.Value = c.InitValue
		return s
	}
	s.Value, s.Reason = readValue(c.Path)
	return s
}
