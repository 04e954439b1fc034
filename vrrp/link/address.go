package link

import (
	"net/netip"

	"github.com/lvs-director/director/conf"
)

// Mark is the protocol of addresses, routes and rules that director makes
// (IFA_PROTO, RTA_PROTOCOL, FRA_PROTOCOL): the number that is registered for
// keepalived (rt_protos of iproute2). It outlives every file, and says
// "keepalived's kind", not "this director's". Of addresses the kernel keeps it
// since 5.18; an earlier one ignores it.
const Mark = conf.ProtocolKeepalived

// Addresses changes the addresses on interfaces. One goroutine uses it.
type Addresses interface {
	// List tells all addresses of the host.
	List() ([]HostAddress, error)
	// Add puts an address that carries the mark on its device. The error is
	// fs.ErrExist when it is there already; then it stays as it is.
	Add(a conf.Address) error
	// Mark gives one the mark that is there without it and is known to be
	// director's; lifetime, metric and flags stay. The error is fs.ErrNotExist
	// when it is not there, and errors.ErrUnsupported when the kernel marks only
	// new ones (Debian 12's 6.1 does so with IPv4) or none.
	Mark(device string, prefix netip.Prefix) error
	// Remove takes it away. It is not an error when it is not there; every other
	// error means that it may still be there. An IPv4 address takes with it
	// those that Secondaries tells, unless promote_secondaries is on.
	Remove(device string, prefix netip.Prefix) error
	// RemoveAlone takes it away, and puts back at once all that the kernel has
	// removed with it: other addresses and routes of the device. It tells those
	// addresses. They are gone for a moment, so this is for where
	// promote_secondaries cannot be set.
	RemoveAlone(device string, prefix netip.Prefix) (restored []netip.Prefix, err error)
	Close() error
}

// HostAddress is an address and the name of the interface that has it.
type HostAddress struct {
	Device string
	Prefix netip.Prefix
	// Marked: it carries the Mark, and is on no interface of announced addresses, which are package announce's.
	Marked bool
	// Secondary is IFA_F_SECONDARY: it goes with the primary address of its
	// network. Of IPv6 it has no meaning here and is false.
	Secondary bool
}

// At says whether it is the address prefix on device.
func (a HostAddress) At(device string, prefix netip.Prefix) bool {
	return a.Device == device && a.Prefix == prefix
}

// Secondaries are the addresses that the kernel removes together with an
// address, unless promote_secondaries of the device is on: the secondary ones
// in the same network, if the address is its primary one. IPv6 knows no such thing.
func Secondaries(all []HostAddress, device string, prefix netip.Prefix) []HostAddress {
	var list []HostAddress
	primary := false
	for _, a := range all {
		switch {
		case a.Device != device || !a.Prefix.Addr().Is4() || a.Prefix.Masked() != prefix.Masked():
		case a.Secondary:
			list = append(list, a)
		case a.Prefix == prefix:
			primary = true
		}
	}
	if !primary {
		return nil
	}
	return list
}
