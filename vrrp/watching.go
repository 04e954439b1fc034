package vrrp

import (
	"time"

	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/machine"
)

// blind is since when, and how often, the kernel does not tell of changes.
type blind struct {
	since  time.Time // zero: it does
	limits limits
}

// watched says once a minute that interfaces are not watched, and then that
// they are again.
func (e *Engine) watched(event link.Event, now time.Time) {
	b := &e.blind
	switch {
	case event.Kind == link.WatchFailed:
		if b.since.IsZero() {
			b.since = now
		}
		if n, ok := b.limits.allow("watch", now); ok {
			e.log.Warn("changes of interfaces and addresses are not noticed at present; trying again", "error", event.Err, "times", n)
		}
	case event.Kind == link.Snapshot && !b.since.IsZero():
		e.log.Info("changes of interfaces and addresses are noticed again", "after", now.Sub(b.since).Round(time.Millisecond).String())
		b.since = time.Time{}
	}
}

// isVirtual says whether an address that was found on an interface is
// director's, and so never the interface's own. The address of an owner
// (priority 255) is the host's: who puts it there, when the owner does not
// have it, is somebody else.
func (e *Engine) isVirtual(p place) bool {
	if e.leftBehind[p] {
		return true
	}
	for _, i := range e.places[p] {
		if i.cfg.Priority != machine.Owner || i.owns {
			return true
		}
	}
	return false
}

// boundTo is the interface that an instance's packets come and go by: its own,
// which is in a VRF or not; its VRF's, when it has only a source address; or
// none, which is any. ok is false while there is no such interface.
func (e *Engine) boundTo(i *instance, own *iface) (on *iface, ok bool) {
	switch {
	case i.cfg.Interface != "":
		return own, own != nil
	case i.cfg.VRF != "":
		on = e.interfaces.byName[i.cfg.VRF]
		return on, on != nil
	}
	return nil, true
}

// renamed has director's addresses taken off an interface that has another
// name now: its configuration is for the name that nobody has any more.
type renamed struct{ from, to string }
