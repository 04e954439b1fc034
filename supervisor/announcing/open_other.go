//go:build !linux

package announcing

import (
	"errors"

	"github.com/lvs-director/director/announce/link"
)

func openHost() (link.Kernel, error) { return nil, errors.ErrUnsupported }
