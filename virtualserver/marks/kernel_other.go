//go:build !linux

package marks

import (
	"errors"

	"github.com/lvs-director/director/nft"
)

var errNoNetfilter = errors.New("only Linux has nftables")

// NewKernel has no nftables here: rules cannot be put.
func NewKernel() Kernel { return none{} }

type none struct{}

// Put implements Kernel.
func (none) Put(r Rules) error {
	if len(r.Marks)+len(r.Sources) == 0 {
		return nil
	}
	return errNoNetfilter
}

// Repairs implements Kernel.
func (none) Repairs() <-chan nft.Repair { return nil }

// Close implements Kernel.
func (none) Close() {}

// Foreign counts nothing here.
func Foreign() (uint64, error) { return 0, errNoNetfilter }
