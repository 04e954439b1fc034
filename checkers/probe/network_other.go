//go:build !linux

package probe

func newNetwork() (network, error) { return newDialer(), nil }

// RoomFor does nothing here.
func RoomFor(int) error { return nil }
