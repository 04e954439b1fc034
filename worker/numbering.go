package worker

import (
	"os"
	"strings"

	"github.com/lvs-director/director/event"
)

// NewNumbering numbers the events of a part of this process, from now on: a program that takes the
// place of another by exec begins anew.
func NewNumbering(part event.Part) *event.Numbering {
	return event.NewNumbering(BootID(), Monotonic(), part)
}

// BootID names this boot of the host; empty when that is not known.
func BootID() string {
	text, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(text))
}
