package daemon

import (
	"fmt"
	"os"
	"syscall"
)

// variable names the descriptors of the pipes to the command that started this daemon.
const variable = "DIRECTOR_DAEMON"

// Child is the daemon's side of its start. All methods of nil do nothing.
type Child struct {
	ready, text *os.File
}

// Inherited is this process's start as a daemon; nil when it was not started as one.
func Inherited() *Child {
	value, ok := os.LookupEnv(variable)
	if !ok {
		return nil
	}
	os.Unsetenv(variable) // programs that are started from here are no daemons
	var ready, text int
	if _, err := fmt.Sscanf(value, "%d %d", &ready, &text); err != nil || ready <= 2 || text <= 2 || ready == text {
		return nil // only director sets it
	}
	syscall.CloseOnExec(ready)
	syscall.CloseOnExec(text)
	return &Child{os.NewFile(uintptr(ready), "ready"), os.NewFile(uintptr(text), "text")}
}

// Write writes to the standard error of the command, until the daemon is ready. It never
// fails: the command may have ended.
func (c *Child) Write(p []byte) (int, error) {
	if c != nil {
		_, _ = c.text.Write(p)
	}
	return len(p), nil
}

// Ready ends the command with success.
func (c *Child) Ready() {
	if c == nil {
		return
	}
	c.text.Close()
	_, _ = c.ready.Write([]byte{1}) // it may have ended
	c.ready.Close()
}

// Environment is that of a program that this process executes in its own place, and that
// goes on with the start.
func (c *Child) Environment() []string {
	if c == nil {
		return os.Environ()
	}
	for _, f := range []*os.File{c.ready, c.text} {
		_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, f.Fd(), syscall.F_SETFD, 0) // cannot fail: it is open
	}
	return append(os.Environ(), fmt.Sprintf("%s=%d %d", variable, c.ready.Fd(), c.text.Fd()))
}
