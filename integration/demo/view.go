//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lvs-director/director/integration/pair"
)

// view prints a status line every two seconds, and the IPVS table of the master
// when its entries change.
type view struct {
	end  chan struct{}
	once sync.Once
	done chan struct{}
}

const viewEvery = 2 * time.Second

func startView(r *pair.Running) *view {
	v := &view{end: make(chan struct{}), done: make(chan struct{})}
	go v.run(r)
	return v
}

func (v *view) stop() {
	v.once.Do(func() { close(v.end) })
	<-v.done
}

func (v *view) run(r *pair.Running) {
	defer close(v.done)
	tick := time.NewTicker(viewEvery)
	defer tick.Stop()
	shown, last := "", time.Now()
	for {
		now := time.Now()
		if m, ok := master(r); ok {
			if entries := tableEntries(r, m); entries != shown {
				shown = entries
				fmt.Printf("%s  IPVS table of %s:\n%s", now.Format("15:04:05"), r.Dirs[m].Name, entries)
			}
		}
		fmt.Printf("%s  %s\n", now.Format("15:04:05"), standing(r, last))
		last = now
		select {
		case <-v.end:
			return
		case <-tick.C:
		}
	}
}

// standing is the status line: the master, and what the client received since the
// last line.
func standing(r *pair.Running, since time.Time) string {
	who := "nobody is master"
	if m, ok := master(r); ok {
		who = r.Dirs[m].Name + " is master"
	}
	if holds(r, 0) && holds(r, 1) {
		who = "dir1 and dir2 have the address"
	}
	seen := r.Web.SoFar(since)
	var answers []string
	for _, server := range r.Servers {
		answers = append(answers, fmt.Sprintf("%s %3d", server.Name, seen.Servers[server.Name]))
	}
	return fmt.Sprintf("  %-30s answers: %s   failed: %d", who, strings.Join(answers, ", "), seen.Failed)
}

func holds(r *pair.Running, i int) bool { return r.Dirs[i].On() && r.Holds(i) }

// master is the director that holds the virtual addresses.
func master(r *pair.Running) (int, bool) {
	for i := range r.Dirs {
		if holds(r, i) && !holds(r, 1-i) {
			return i, true
		}
	}
	return 0, false
}

// tableEntries is the table without its counts of connections, which change
// all the time.
func tableEntries(r *pair.Running, i int) string {
	table := pair.Table(r.Dirs[i])
	var b strings.Builder
	for _, vs := range table {
		fmt.Fprintf(&b, "            %s %s %s\n", vs.Protocol, vs.Address, vs.Scheduler)
		// The kernel lists the server added last first.
		slices.SortFunc(vs.Servers, func(a, b pair.RealServer) int { return a.Address.Compare(b.Address) })
		for _, rs := range vs.Servers {
			fmt.Fprintf(&b, "              -> %-20s %s weight %d\n", rs.Address, rs.Forward, rs.Weight)
		}
	}
	return b.String()
}
