package signalhold

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// heldVar names the holder for a program that executes itself again before it runs; an upgrade hands it off
// with all else.
const heldVar = "DIRECTOR_SIGNALS_HELD"

// HandOn is a line for the environment of the program that is executed next, which calls Resumed.
func (h *Hold) HandOn() string {
	_, _ = unix.FcntlInt(uintptr(h.Socket), unix.F_SETFD, 0) // else the holder ends by itself
	return fmt.Sprintf("%s=%d %d", heldVar, h.Pid, h.Socket)
}

// Resumed releases the signals that are held for this program, which takes them in by now.
func Resumed() {
	text, ok := os.LookupEnv(heldVar)
	if !ok {
		return
	}
	os.Unsetenv(heldVar)
	h := &Hold{}
	_, err := fmt.Fscan(strings.NewReader(text), &h.Pid, &h.Socket)
	if err != nil || h.Pid <= 1 || h.Socket <= 2 {
		return // not ours
	}
	unix.CloseOnExec(h.Socket)
	h.Release()
}
