//go:build !linux

package worker

// waiting is not known here.
func (c *Conn) waiting() int { return 0 }
