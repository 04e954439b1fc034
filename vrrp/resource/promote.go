package resource

import (
	"errors"
	"io/fs"

	"github.com/lvs-director/director/vrrp/link"
)

// The kernel removes the secondary addresses of a network together with its
// primary one, unless promote_secondaries of the interface is on. Where that
// would take along what is to stay, it is switched on for as long as we remove.

// promote prepares the interfaces of a round of removals.
func (r *Reconciler) promote(n *round) {
	going := make(map[AddressKey]bool)
	for _, k := range n.keys {
		if a, ok := k.(AddressKey); ok && a.Prefix.Addr().Is4() {
			going[a] = true
		}
	}
	if len(going) == 0 {
		return
	}
	all, err := r.kernel.Addresses.List()
	if err != nil {
		return // to remove what is ours is more important
	}
	n.promoted, n.alone = make(map[string]bool), make(map[string]bool)
	for a := range going {
		if n.promoted[a.Device] || n.alone[a.Device] || !takesAlong(all, a, going) {
			continue
		}
		if r.promoteOn(a.Device) {
			n.promoted[a.Device] = true
		} else {
			n.alone[a.Device] = true
		}
	}
}

// takesAlong says whether an address would take others along that stay.
func takesAlong(all []link.HostAddress, a AddressKey, going map[AddressKey]bool) bool {
	for _, s := range link.Secondaries(all, a.Device, a.Prefix) {
		if !going[AddressKey{s.Device, s.Prefix}] {
			return true
		}
	}
	return false
}

// promoteOn switches the setting on; it is in the journal meanwhile. false
// means that it cannot be set.
func (r *Reconciler) promoteOn(device string) bool {
	key := SettingKey{device}
	if r.held[key] {
		return true // it is configured
	}
	r.claim([]string{key.Journal()})
	was, err := r.kernel.Routes.PromoteSecondaries(device, true)
	if err != nil || was {
		r.disclaim([]string{key.Journal()})
		return err == nil
	}
	r.held[key] = true
	return true
}

// demote puts the setting back that promoteOn has changed.
func (r *Reconciler) demote(n *round) {
	for device := range n.promoted {
		key := SettingKey{device}
		if r.wanted[key] != nil || !r.held[key] {
			continue
		}
		if _, err := r.kernel.Routes.PromoteSecondaries(device, false); err != nil && !errors.Is(err, fs.ErrNotExist) {
			r.log.Warn("failed to restore a setting of an interface", append(key.Attrs(), "error", err)...)
			continue
		}
		delete(r.held, key)
		r.disclaim([]string{key.Journal()})
	}
}
