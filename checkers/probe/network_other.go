//go:build !linux

package probe

func newNetwork() (network, error) { return newDialer(), nil }
