//go:build !linux

package ipvs

// Open fails: only Linux has IPVS.
func Open() (Driver, error) { return nil, ErrNoIPVS }

// Opener returns Open.
func Opener() func() (Driver, error) { return Open }
