package virtualserver

import (
	"net/netip"
	"slices"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// requests is what the loop was asked for and has not taken yet: the latest
// configuration, the latest verdict on each real server, the overrides, a stop. Later
// ones replace earlier ones, so it is bounded by the configuration.
type requests struct {
	application *application
	verdicts    map[conf.RealServerID]event.RealServerState
	overrides   *overriding
	followed    *event.VRRPState
	presence    map[string]event.InstanceState // by identity
	own         *[]netip.Addr
	looked      bool // somebody looks at the counters
	stop        *stopRequest
}

// causes are the events behind them.
func (t *requests) causes() event.Numbers {
	var list []event.Number
	if t.overrides != nil {
		list = t.overrides.causes
	}
	if t.application != nil {
		list = append(slices.Clip(list), t.application.known.Causes.List()...)
	}
	return event.NumbersOf(list...)
}

// application is a configuration to apply.
type application struct {
	config     *conf.Config
	known      Known
	generation uint64
}

// overriding is a list of overrides, and weights set by hand that end.
type overriding struct {
	list, reset []event.Override
	causes      []event.Number // that changed them
}

// stopRequest asks the loop to stop; keep leaves the table as it is.
type stopRequest struct{ keep bool }

// Known is what is known from elsewhere when a loop is given a configuration: after a
// restart by the supervisor.
type Known struct {
	// RealServers are verdicts, so that a real server that was down stays out of the
	// table. A verdict that was passed to Verdict is newer and wins. A real server
	// without a verdict is up, or down with alpha.
	RealServers []event.RealServerState
	// VirtualServers say which ones had their quorum.
	VirtualServers []event.VirtualServerState
	// Causes are the events that brought the configuration.
	Causes event.Numbers
	// Fresh says that no loop was before this one since director was started: then
	// lvs_flush empties the table.
	Fresh bool
}
