package table

import "time"

// How the flows of a real server that failed are ended: it is removed, which makes
// the kernel drop its entries a jiffy or more later (net.ipv4.vs.expire_nodest_conn);
// then it is added again, at its place. Both in one batch would leave every flow
// alive: the kernel gives a server that comes back its entries again.
const (
	// FlowsPause is how long it stays out of the table at first; the next time twice
	// as long.
	FlowsPause = 200 * time.Millisecond
	// FlowsTries is how often it is removed before it is left in peace.
	FlowsTries = 5
)

// EndFlows is a real server whose flows are being ended.
type EndFlows struct {
	Tries   int       // how often it was removed
	Removed time.Time // when; zero while it is in the table again
	Done    bool
}

// BeginEndFlows is the first removal.
func BeginEndFlows(now time.Time) EndFlows { return EndFlows{Tries: 1, Removed: now} }

// Out says that it must not be in the table.
func (e EndFlows) Out() bool { return !e.Done && !e.Removed.IsZero() }

// Back is when it is added again.
func (e EndFlows) Back() time.Time { return e.Removed.Add(FlowsPause << (e.Tries - 1)) }

// Step says what comes next: it is added again when its time is over, and removed
// again if the kernel still counts connections to it then. connections are those
// counted while it is in the table.
func (e EndFlows) Step(now time.Time, connections uint64) EndFlows {
	switch {
	case e.Done || e.Tries == 0:
	case !e.Removed.IsZero():
		if !now.Before(e.Back()) {
			e.Removed = time.Time{}
		}
	case connections == 0 || e.Tries >= FlowsTries:
		e.Done = true
	default:
		e.Tries++
		e.Removed = now
	}
	return e
}
