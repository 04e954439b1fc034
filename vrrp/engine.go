package vrrp

import (
	"context"

	"github.com/lvs-director/director/conf"
)

// Engine owns the instances of a configuration. Its methods may be called from
// any goroutine while Run runs.
type Engine struct {
	opts Options
}

// New makes an engine without instances.
func New(opts Options) *Engine { return &Engine{opts: opts} }

// Run works until ctx ends or Stop is called. When ctx ends it stops as Stop(true) does.
// An error means that it could not begin, or that the kernel refuses what it cannot work without.
func (e *Engine) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Apply makes cfg the configuration: the first one and every later one. An
// instance is the same as before when its VRID, address family and interface
// are; it then keeps its state. resume is by instance name and is for the
// first configuration of a restarted process; it may be nil.
// It returns when the engine has taken the configuration; addresses follow.
func (e *Engine) Apply(ctx context.Context, cfg *conf.Config, resume map[string]Resume) error {
	return nil
}

// AllowMaster lets instances become MASTER. Until it is called they listen in BACKUP.
func (e *Engine) AllowMaster() {}

// Stop gives up every mastership, removes the addresses if release is set,
// and returns when Run is about to.
func (e *Engine) Stop(release bool) {}
