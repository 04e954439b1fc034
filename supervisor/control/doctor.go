package control

import (
	"context"
	"runtime"

	"github.com/lvs-director/director/doctor"
)

// DoctorReport is what director doctor --json prints.
type DoctorReport struct {
	Schema
	File     string           `json:"file"`
	Findings []doctor.Finding `json:"findings"`
}

// maxStacks bounds the stacks of an answer, in bytes. All goroutines stand still while they are
// written, for some milliseconds.
const maxStacks = 4 << 20

// Goroutines are what the supervisor does at present.
type Goroutines struct {
	Schema
	Number int    `json:"number"`
	Text   string `json:"text"` // their stacks, as runtime.Stack gives them
	Cut    bool   `json:"cut"`  // there is more
}

// goroutines answers without the supervisor's loop: what hangs there is to be seen.
func goroutines(context.Context, struct{}) (Goroutines, error) {
	for size := 64 << 10; ; size *= 4 {
		stacks := make([]byte, min(size, maxStacks))
		if n := runtime.Stack(stacks, true); n < len(stacks) || size >= maxStacks {
			return Goroutines{Number: runtime.NumGoroutine(), Text: string(stacks[:n]), Cut: n == len(stacks)}, nil
		}
	}
}

// List is what director list --json prints.
type List struct {
	Schema
	Directors []Listed `json:"directors"`
}

// Listed is a director of this host.
type Listed struct {
	Pid    int    `json:"pid"`
	RunDir string `json:"run_dir"`
	Config string `json:"config"` // empty when it does not answer
	// Problems is how many status has; Error says why it does not answer.
	Problems       int    `json:"problems"`
	Instances      int    `json:"instances"`
	VirtualServers int    `json:"virtual_servers"`
	Error          string `json:"error,omitempty"`
}
