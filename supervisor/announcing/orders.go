package announcing

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/announce/rules"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/handover"
	"github.com/lvs-director/director/supervisor/statefile"
)

// Which blocks an operator has taken away from this host (director handover) outlives reloads and restarts, as the
// handovers of instances do.

func (a *Announcing) file() string { return statefile.Name(a.o.StateDir, "announce", a.o.File) }

// Load reads what was handed over before this director started. load is called with the file and what reads it.
func (a *Announcing) Load(load func(path string, read func() error) error) {
	if err := load(a.file(), func() error { return a.orders.Load(a.file()) }); err != nil {
		a.o.Log.Error("handovers of announced addresses from before the start are not in force", "error", err)
	}
	a.orders.Expire(time.Now())
	if names := a.orders.Instances(); len(names) > 0 {
		a.o.Log.Warn("handovers of announced addresses from before the start are in force", "announces",
			strings.Join(names, " "), "end_with", "director resume")
	}
}

// Export and Import are for the program that takes over.
func (a *Announcing) Export() map[string]handover.Order {
	orders, _ := a.orders.Export()
	return orders
}

// Import is the counterpart of Export.
func (a *Announcing) Import(orders map[string]handover.Order) {
	a.orders.Import(orders, uint64(len(orders)))
}

// follow forgets the orders of blocks that are gone.
func (a *Announcing) follow() {
	gone := slices.DeleteFunc(a.orders.Instances(), func(name string) bool {
		return slices.ContainsFunc(a.config.Blocks, func(b rules.Block) bool { return b.Name == name })
	})
	if len(a.orders.End(gone)) > 0 {
		a.o.Log.Warn("a handover ends: its announce block is no longer configured", "announces", strings.Join(gone, " "))
		a.save()
	}
}

func (a *Announcing) save() {
	path, copied := a.file(), a.orders.Clone()
	a.o.Save.Save(func() (func(), error) { return nil, copied.Save(path) })
}

// IsSaving says that the disk has not answered yet.
func (a *Announcing) IsSaving() bool { return a.o.Save.IsBusy() }

func (a *Announcing) tellOrders() {
	m := make(map[string]event.Number)
	for _, name := range a.orders.Instances() {
		m[name] = a.causes[name]
	}
	a.loop.HandedOver(m)
}

// Named are the blocks that a name stands for; all is the name of all.
func (a *Announcing) Named(name, all string) []string { return a.names(name, all) }

// HandOver takes blocks away from this host until a time; zero is until Resume. cause is the event of the command.
func (a *Announcing) HandOver(names []string, until time.Time, cause event.Number) {
	a.orders.Begin(names, time.Now().Round(0), until)
	for _, name := range names {
		a.causes[name] = cause
	}
	a.o.Log.Info("withdrawing announced addresses for an operator", "announces", strings.Join(names, " "))
	a.save()
	a.tellOrders()
}

// Resume ends that, and says of which blocks.
func (a *Announcing) Resume(names []string) (ended []string) {
	if ended = a.orders.End(names); len(ended) > 0 {
		a.o.Log.Info("handover ended: announcing again", "announces", strings.Join(ended, " "))
		a.save()
		a.tellOrders()
	}
	return ended
}

// Round is called by each round of the supervisor's loop: it is the sign that this goes on, and ends orders whose
// time is over.
func (a *Announcing) Round(now time.Time) {
	a.Beat()
	if ended := a.orders.Expire(now); len(ended) > 0 {
		a.o.Log.Info("handover ended: its time is over", "announces", strings.Join(ended, " "))
		a.save()
		a.tellOrders()
	}
}

// withdrawPatience is how long Withdrawn waits, and withdrawLook how often it looks.
const (
	withdrawPatience = 5 * time.Second
	withdrawLook     = 10 * time.Millisecond
)

// Withdrawn waits until blocks that were handed over are withdrawn, and says what became of each. It is called
// beside the supervisor's loop.
func (a *Announcing) Withdrawn(ctx context.Context, names []string) (list []control.AnnounceOutcome) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, withdrawPatience)
	defer cancel()
	look := time.NewTicker(withdrawLook)
	defer look.Stop()
	for {
		list = nil
		open := false
		for _, s := range a.loop.Snapshot().Blocks {
			if slices.Contains(names, s.Block.Name) {
				list = append(list, control.AnnounceOutcome{
					Announce: s.Block.Name, State: s.State.String(), After: time.Since(began),
				})
				open = open || s.State == rules.Announced
			}
		}
		if !open {
			return list
		}
		select {
		case <-ctx.Done():
			return list
		case <-look.C:
		}
	}
}
