//go:build !linux

package netns

import "errors"

var errUnsupported = errors.New("network namespaces exist on Linux only")

// Inside fails: only Linux has network namespaces.
func Inside(string) (bool, error) { return false, errUnsupported }

// Enter fails: only Linux has network namespaces.
func Enter(string) (noSys, err error) { return nil, errUnsupported }
