package event

import "strconv"

// ProgramEnd is how the program of a check ended.
type ProgramEnd struct {
	Code     int    // exit status; -1 if a signal ended it or it was not started
	Signal   string // the signal that ended it: "killed"
	TimedOut bool   // ended because its time was over
	Err      string // why it was not run
	Output   string // the last line that it printed, at most ProgramLine bytes
}

// ProgramLine is how much of the output of a check's program is told, in bytes.
const ProgramLine = 120

// String says how it ended: "exit status 1: disk is full", "timed out".
func (e ProgramEnd) String() string {
	text := "exit status " + strconv.Itoa(e.Code)
	switch {
	case e.Err != "":
		return e.Err
	case e.TimedOut:
		text = "timed out"
	case e.Signal != "":
		text = "ended by signal: " + e.Signal
	}
	if e.Output != "" {
		text += ": " + e.Output
	}
	return text
}
