//go:build !linux

package lvs

import (
	"context"
	"errors"
)

func watchAddresses(context.Context) (<-chan struct{}, error) {
	return nil, errors.New("watching the addresses of this host: Linux only")
}
