package status

import (
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
)

// Exit statuses of director status.
const (
	OK        = 0
	Degraded  = 1
	NoService = 2
)

// ExitStatus evaluates the whole: 0 all well, 1 degraded, 2 something that is
// configured serves nobody.
func ExitStatus(r control.Status) int {
	faults, nobody, down := 0, 0, 0
	for _, i := range r.Instances {
		if i.State != event.Master && i.State != event.Backup {
			faults++
		}
	}
	for _, vs := range r.VirtualServers {
		if vs.ChecksSuspended && vs.Error == "" {
			continue // what is known of it is old, and it serves nobody here
		}
		if vs.Alive == 0 || vs.Error != "" {
			nobody++
		}
		down += len(vs.RealServers) - vs.Alive
	}
	absent := 0
	for _, o := range r.Overrides {
		if Absent(o) {
			absent++
		}
	}
	for _, p := range r.Problems {
		nobody += first(p.NoService)
	}
	switch {
	case nobody > 0, len(r.Instances) > 0 && faults == len(r.Instances):
		return NoService
	case faults+down+absent+len(r.Problems) > 0, r.Fallback != "", r.ReloadRefused != "":
		return Degraded
	}
	return OK
}

// Badness orders states: what needs the operator first.
func Badness(s event.VRRPState) int {
	switch s {
	case event.Master:
		return 2
	case event.Backup:
		return 1
	}
	return 0
}

// Degree orders virtual servers: 0 no service, 1 degraded, 2 well.
func Degree(v control.VirtualServer) int {
	switch {
	case v.ChecksSuspended && v.Error == "":
		return 2
	case v.Alive == 0 || v.Error != "":
		return 0
	case v.Alive < len(v.RealServers):
		return 1
	}
	return 2
}
