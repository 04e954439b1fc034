//go:build !linux

package dumps

import "errors"

// Write fails: director runs on Linux only.
func Write(string, []byte) error { return errors.ErrUnsupported }
