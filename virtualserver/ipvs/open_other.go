//go:build !linux

package ipvs

import "github.com/lvs-director/director/virtualserver/table"

// Open fails: only Linux has IPVS.
func Open() (Driver, error) { return nil, ErrNoIPVS }

// Opener returns Open.
func Opener() func() (Driver, error) { return Open }

// MaglevIndex is that of most kernels.
func MaglevIndex() int { return table.MaglevIndex }
