package virtualserver

import (
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/table"
)

// told is what the loop was told and has not taken yet: the latest
// configuration, the latest verdict of each real server, the wish to stop. What
// is told twice is kept once, so it is bounded by the configuration.
type told struct {
	application *application
	verdicts    table.Verdicts
	stop        *stopRequest
}

// application is a configuration to apply.
type application struct {
	servers    []*conf.VirtualServer
	verdicts   []event.RealServerState
	generation uint64
}

// stopRequest is the wish to stop: keep leaves the table as it is.
type stopRequest struct{ keep bool }
