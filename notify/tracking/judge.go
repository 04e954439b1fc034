package tracking

import (
	"strconv"

	"github.com/lvs-director/director/notify/program"
)

// judge says whether a run was a success, which only exit status 0 is, and why.
func judge(e program.Exit) (ok bool, reason string) {
	switch {
	case e.Err != "":
		return false, e.Err
	case e.TimedOut:
		return false, "its time was over"
	case e.Signal != "":
		return false, "ended by signal: " + e.Signal
	}
	return e.OK(), "exit status " + strconv.Itoa(e.Code)
}
