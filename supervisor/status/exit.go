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

// ExitStatus evaluates the whole: 0 all well, 1 degraded, 2 no service.
func ExitStatus(r control.Status) int {
	faults, dead, down := 0, 0, 0
	for _, i := range r.Instances {
		if i.State != event.Master && i.State != event.Backup {
			faults++
		}
	}
	for _, vs := range r.VirtualServers {
		if vs.Alive == 0 || vs.Error != "" {
			dead++
		}
		down += len(vs.RealServers) - vs.Alive
	}
	switch {
	case len(r.Instances) > 0 && faults == len(r.Instances), len(r.VirtualServers) > 0 && dead == len(r.VirtualServers):
		return NoService
	case faults+dead+down+len(r.Problems) > 0, r.Fallback != "":
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
	case v.Alive == 0 || v.Error != "":
		return 0
	case v.Alive < len(v.RealServers):
		return 1
	}
	return 2
}
