package main

import (
	"errors"
	"strings"
	"syscall"
	"testing"
)

// failing is an output that nothing can be written to.
type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// TestOutputThatFails: who asked and got nothing learns it by the exit status, unless
// the reader has gone.
func TestOutputThatFails(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{syscall.ENOSPC, exitFailure},
		{syscall.EPIPE, exitOK},
		{nil, exitOK},
	} {
		var said strings.Builder
		if got := run([]string{"version"}, failing{c.err}, &said, nil); got != c.want {
			t.Errorf("%v: exit status %d, want %d", c.err, got, c.want)
		}
		if told := strings.Contains(said.String(), "standard output"); told != errors.Is(c.err, syscall.ENOSPC) {
			t.Errorf("%v: %q", c.err, said.String())
		}
	}
}
