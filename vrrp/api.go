package vrrp

import (
	"context"
	"errors"
	"fmt"

	"github.com/lvs-director/director/conf"
)

// ErrStopped is returned by the methods of an engine that does not run any more.
var ErrStopped = errors.New("the VRRP engine has stopped")

// do has f called by the engine and waits for it.
func (e *Engine) do(ctx context.Context, f func()) error {
	finished := make(chan struct{})
	select {
	case e.commands <- func() { f(); close(finished) }:
	case <-e.done:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-finished:
		return nil
	case <-e.done:
		return ErrStopped
	}
}

// Apply makes cfg the configuration: the first one and every later one. An
// instance is the same as before when its conf.InstanceID is; it then keeps its
// state. resume is for the first configuration of a restarted process; it may be
// nil.
// It returns when the engine has taken the configuration; addresses follow.
// With an error nothing has changed.
func (e *Engine) Apply(ctx context.Context, cfg *conf.Config, resume map[conf.InstanceID]Resume) error {
	var refused error
	if err := e.do(ctx, func() { refused = e.apply(cfg, resume) }); err != nil {
		return fmt.Errorf("applying a configuration: %w", err)
	}
	return refused
}

// AllowMaster lets instances become MASTER. Until it is called they listen in
// BACKUP; a restarted one that resumes MASTER does not wait for it.
func (e *Engine) AllowMaster() {
	_ = e.do(context.Background(), e.allowMaster) // one that has stopped needs no permission
}

// Stop gives up every mastership at once, then removes the addresses if
// release is set, and returns when Run is about to.
func (e *Engine) Stop(release bool) {
	_ = e.do(context.Background(), func() { e.stop(release) })
	<-e.done
}
