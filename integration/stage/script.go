//go:build linux

package stage

import (
	"fmt"
	"os"
	"slices"

	"github.com/lvs-director/director/integration/lab"
)

// script implements lab.Reporter for programs that are not tests: a failure of
// the lab ends the script.
type script struct {
	name     string
	failed   bool
	cleanups []func()
}

// ended is the panic of a Fatalf, which unwinds to Play.
type ended struct{}

// Play runs a script on a lab of its own and closes the lab. It reports whether
// the script reached its end without a failure.
func Play(name string, steps func(t lab.Reporter)) (ok bool) {
	s := &script{name: name}
	defer func() { ok = !s.failed }()
	defer s.conclude()
	steps(s)
	return true
}

func (s *script) Helper()          {}
func (s *script) Name() string     { return s.name }
func (s *script) Failed() bool     { return s.failed }
func (s *script) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

func (s *script) Logf(format string, args ...any) {
	fmt.Printf(format+"\n", args...)
}

func (s *script) Errorf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, s.name+": "+format+"\n", args...)
	s.failed = true
}

func (s *script) Fatalf(format string, args ...any) {
	s.Errorf(format, args...)
	panic(ended{})
}

// conclude takes a Fatalf's panic and tidies up.
func (s *script) conclude() {
	p := recover()
	for _, f := range slices.Backward(s.cleanups) {
		f()
	}
	if _, expected := p.(ended); p != nil && !expected {
		panic(p)
	}
}
