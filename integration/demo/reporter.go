//go:build linux

package main

import (
	"fmt"
	"os"
	"slices"
)

// reporter stands in for a test: what the lab cannot do ends the demo.
type reporter struct {
	name     string
	failed   bool
	cleanups []func()
}

// ended is the panic of a Fatalf, which unwinds to conclude.
type ended struct{}

func (r *reporter) Helper()          {}
func (r *reporter) Name() string     { return r.name }
func (r *reporter) Failed() bool     { return r.failed }
func (r *reporter) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *reporter) Logf(format string, args ...any) {
	fmt.Printf(format+"\n", args...)
}

func (r *reporter) Errorf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "demo: "+format+"\n", args...)
	r.failed = true
}

func (r *reporter) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(ended{})
}

// conclude is deferred by the player: it takes a Fatalf's panic and tidies up.
func (r *reporter) conclude() {
	if p := recover(); p != nil {
		if _, ok := p.(ended); !ok {
			panic(p)
		}
	}
	for _, f := range slices.Backward(r.cleanups) {
		f()
	}
}
