//go:build !linux

package ownpath

import (
	"errors"
	"net/netip"
)

// Source is not supported here.
func Source(_, _ netip.Addr) (netip.Addr, error) {
	return netip.Addr{}, errors.New("not supported on this operating system")
}

// Deaf is not supported here.
func Deaf(_, _ netip.Addr) string { return "" }
