//go:build unix

package worker

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
)

// socketPair makes two connected stream sockets: ours for this process, theirs
// for a worker to inherit.
func socketPair() (ours net.Conn, theirs *os.File, err error) {
	// Both are close-on-exec; os/exec clears the flag on the one that the worker gets.
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("making a socket pair: %w", err)
	}
	file := os.NewFile(uintptr(fds[0]), "worker")
	defer file.Close()
	ours, err = net.FileConn(file)
	if err != nil {
		syscall.Close(fds[1])
		return nil, nil, fmt.Errorf("using a socket pair: %w", err)
	}
	return ours, os.NewFile(uintptr(fds[1]), "supervisor"), nil
}

// Inherited returns a worker's end of the connection to its supervisor.
func Inherited() (*Conn, error) {
	syscall.CloseOnExec(ConnFD)
	file := os.NewFile(ConnFD, "supervisor")
	defer file.Close()
	c, err := net.FileConn(file)
	if err != nil {
		return nil, fmt.Errorf("taking on the connection to the supervisor: %w (workers are started by director run)", err)
	}
	return NewConn(c), nil
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed)
}
