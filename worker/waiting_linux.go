package worker

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// waiting is how many bytes of the stream have arrived and were not read.
func (c *Conn) waiting() (n int) {
	s, ok := c.stream.(syscall.Conn)
	if !ok {
		return 0
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return 0 // it is closed
	}
	_ = raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.SIOCINQ) }) // 0 when it is closed
	return n
}
