package vrrp

import (
	"time"

	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/machine"
	"github.com/lvs-director/director/vrrp/resource"
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
			e.log.Warn("failed to watch interfaces and addresses, trying again: changes are not noticed", "error", event.Err, "times", n)
		}
	case event.Kind == link.Snapshot && !b.since.IsZero():
		e.log.Info("watching interfaces and addresses again", "after", now.Sub(b.since).Round(time.Millisecond).String())
		b.since = time.Time{}
	}
}

// isVirtual says whether an address that was found on an interface is
// director's, and so never the interface's own. The address of an owner
// (priority 255) is the host's: who puts it there, when the owner does not
// have it, is somebody else.
func (e *Engine) isVirtual(k resource.AddressKey) bool {
	if e.leftBehind[k] {
		return true
	}
	for _, i := range e.wanters[k] {
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
	case e.private(i) != nil:
		on = e.interfaces.byName[e.private(i).Name]
		return on, on != nil
	case i.cfg.Interface != "":
		return own, own != nil
	case i.cfg.VRF != "":
		on = e.interfaces.byName[i.cfg.VRF]
		return on, on != nil
	}
	return nil, true
}

// blame is who has removed an address: something else, unless its interface
// is down or gone, or one of ours that is being made.
func (e *Engine) blame(k resource.AddressKey) resource.Doubt {
	on := e.interfaces.byName[k.Device]
	if v := e.vmacs.Named(k.Device); on == nil || !on.Up || v != nil && !v.Made {
		return resource.Disturbed
	}
	return resource.Removed
}
