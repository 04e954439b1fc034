package worker

import "path/filepath"

// The workers' names.
const (
	VRRP = "vrrp"
	LVS  = "lvs"
)

// RunDir is the run directory of a director: it has what a boot does not
// outlive.
type RunDir string

// Control is the control socket.
func (d RunDir) Control() string { return filepath.Join(string(d), "control.sock") }

// Readers is the control socket for those who may only read (status_socket).
func (d RunDir) Readers() string { return filepath.Join(string(d), "status.sock") }

// PidFile is the supervisor's pid and lock.
func (d RunDir) PidFile() string { return filepath.Join(string(d), "director.pid") }

// Journal is the journal of a worker.
func (d RunDir) Journal(worker string) string {
	return filepath.Join(string(d), "journal-"+worker)
}

// ProcessName is the name of a process of director: of a worker, or with an
// empty name of the supervisor.
func ProcessName(worker string) string {
	if worker == "" {
		return "director"
	}
	return "director: " + worker
}
