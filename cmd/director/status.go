package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/lvs-director/director/cmd/director/internal/handover"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify"
)

// Exit statuses of director status.
const (
	exitDegraded  = 1
	exitNoService = 2
)

// statusReport is what director status shows.
type statusReport struct {
	Version string    `json:"version"`
	Pid     int       `json:"pid"`
	Since   time.Time `json:"since"`
	configState
	// Problems are what makes the whole worse than it should be, in words.
	Problems  []string         `json:"problems"`
	Workers   []workerReport   `json:"workers"`
	Instances []instanceReport `json:"instances"`
	strangersReport
	VirtualServers []virtualServerReport `json:"virtual_servers"`
	Scripts        []notify.Last         `json:"scripts"`
}

type workerReport struct {
	Name     string    `json:"name"`
	Pid      int       `json:"pid"` // 0 when it does not run
	Since    time.Time `json:"since"`
	Restarts int       `json:"restarts"`
	Error    string    `json:"error,omitempty"` // how the last one died
}

type instanceReport struct {
	Name      string          `json:"name"`
	State     event.VRRPState `json:"state"`
	Since     time.Time       `json:"since"`
	Priority  int             `json:"priority"`
	Reason    string          `json:"reason"`
	Master    string          `json:"master,omitempty"` // address of the router that is MASTER
	Interface string          `json:"interface"`
	VRID      uint8           `json:"virtual_router_id"`
	Addresses []string        `json:"addresses"`
	// Restored counts the addresses, routes and rules that somebody else had
	// removed and that were put back; Missing is what could not be had.
	Restored int    `json:"restored,omitempty"`
	Missing  string `json:"missing,omitempty"`
	// HandedOver is the hand-over in force; nil is none.
	HandedOver *handover.Order `json:"handed_over,omitempty"`
	// Counters are those of the vrrp worker that runs.
	Counters *event.InstanceCounters `json:"counters,omitempty"`
}

type virtualServerReport struct {
	Name        string             `json:"name"`
	Scheduler   string             `json:"scheduler"`
	Forward     string             `json:"forward"`
	Quorum      bool               `json:"quorum"`
	Alive       int                `json:"alive"`
	Error       string             `json:"error,omitempty"`
	Repaired    int                `json:"repaired,omitempty"`
	RealServers []realServerReport `json:"real_servers"`
}

type realServerReport struct {
	Name      string             `json:"name"`
	Up        bool               `json:"up"`
	Weight    int                `json:"weight"`
	Since     time.Time          `json:"since"`
	Reason    string             `json:"reason"`
	LastCheck *event.CheckResult `json:"last_check,omitempty"`
}

type statusCmd struct {
	daemonDirs
	JSON bool `name:"json" help:"Print JSON."`
}

// Help is the example that "director status --help" shows.
func (statusCmd) Help() string {
	return `Degraded things are shown first. Exit status 0 when all is well, 1 when something is degraded,
2 when there is no service: no director, every instance in FAULT, or no virtual server with a live real server.

Example: director status --json`
}

// Run asks the running director and prints its answer.
func (c *statusCmd) Run(io streams) error {
	var r statusReport
	if err := ask(c.daemonDirs, http.MethodGet, "/v1/status", 10*time.Second, nil, &r); err != nil {
		fmt.Fprintln(io.err, "director:", err)
		if errors.Is(err, errNoDirector) {
			return status(exitNoService)
		}
		return status(exitFailure)
	}
	if c.JSON {
		enc := json.NewEncoder(io.out)
		enc.SetIndent("", "  ")
		if err := enc.Encode(r); err != nil {
			return fmt.Errorf("writing the status: %w", err)
		}
	} else {
		printStatus(io.out, r, time.Now())
	}
	if code := r.exitStatus(); code != exitOK {
		return status(code)
	}
	return nil
}

// exitStatus judges the whole: 0 all well, 1 degraded, 2 no service.
func (r statusReport) exitStatus() int {
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
		return exitNoService
	case faults+dead+down+len(r.Problems) > 0, r.Fallback != "":
		return exitDegraded
	}
	return exitOK
}
