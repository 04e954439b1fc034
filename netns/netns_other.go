//go:build !linux

package netns

import "errors"

var errUnsupported = errors.New("network namespaces exist on Linux only")

// Inside fails: only Linux has network namespaces.
func Inside(string) (bool, error) { return false, errUnsupported }

// Enter fails: only Linux has network namespaces.
func Enter(string) (noSys, err error) { return nil, errUnsupported }

// Do runs f for the empty name, and else fails: only Linux has network namespaces.
func Do(name string, f func() error) error {
	if name == "" {
		return f()
	}
	return errUnsupported
}

// Epoch fails: only Linux has network namespaces.
func Epoch() (string, error) { return "", errUnsupported }

// Identity fails: only Linux has network namespaces.
func Identity(string) (uint64, error) { return 0, errUnsupported }
