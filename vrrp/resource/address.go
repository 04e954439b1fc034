package resource

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/lvs-director/director/conf"
)

// Address is a virtual or static address.
type Address struct{ conf.Address }

// AddressKey names an address on an interface.
type AddressKey struct {
	Device string
	Prefix netip.Prefix
}

// KeyOfAddress is the key of an address.
func KeyOfAddress(a conf.Address) AddressKey { return AddressKey{a.Device, a.Prefix} }

// Kind implements Key.
func (AddressKey) Kind() Kind { return KindAddress }

// Journal implements Key.
func (k AddressKey) Journal() string { return "address " + k.Device + " " + k.Prefix.String() }

// Attrs implements Key.
func (k AddressKey) Attrs() []any {
	return []any{"interface", k.Device, "address", k.Prefix.String()}
}

// String implements Key.
func (k AddressKey) String() string { return "address " + k.Prefix.String() + " on " + k.Device }

func parseAddress(rest string) (Address, bool) {
	device, text, _ := strings.Cut(rest, " ")
	prefix, err := netip.ParsePrefix(text)
	if err != nil || device == "" {
		return Address{}, false
	}
	return Address{conf.Address{Device: device, Prefix: prefix, PreferredLifetime: conf.Forever}}, true
}

// Key implements Resource.
func (a Address) Key() Key { return KeyOfAddress(a.Address) }

// Tracked implements Resource.
func (a Address) Tracked() bool { return !a.NoTrack }

// TrackGroup implements Resource.
func (a Address) TrackGroup() string { return a.Address.TrackGroup }

// Devices implements Resource.
func (a Address) Devices() []string { return named(a.Device) }

func (a Address) same(other Resource) bool {
	o, ok := other.(Address)
	o.NoTrack = a.NoTrack
	return ok && a.Address == o.Address
}

func (a Address) create(k *Kernel) error { return k.Addresses.Add(a.Address) }

func (a Address) remove(k *Kernel) error {
	if err := k.Addresses.Remove(a.Device, a.Prefix); err != nil {
		return fmt.Errorf("removing %s: %w", a.Key(), err)
	}
	return nil
}
