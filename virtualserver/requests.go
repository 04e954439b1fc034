package virtualserver

import (
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/table"
)

// requests is what the loop was asked for and has not taken yet: the latest
// configuration, the latest verdict on each real server, a stop. Later ones
// replace earlier ones, so it is bounded by the configuration.
type requests struct {
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

// stopRequest asks the loop to stop; keep leaves the table as it is.
type stopRequest struct{ keep bool }
