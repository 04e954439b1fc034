//go:build linux

package scale

import "errors"

// Figures are those of one run of the part.
type Figures struct {
	Forwarding Forwarding
	Growth     []Growth
}

// Measure measures all. It takes about ten minutes, so it does so once, however many trials are asked for.
func Measure(int) (f Figures, err error) {
	var failed error
	f.Forwarding, err = measureForwarding()
	f.Growth, failed = measureGrowth()
	return f, errors.Join(err, failed)
}
