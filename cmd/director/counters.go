package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/worker"
)

// The vrrp worker counts and is asked when somebody wants to know: while
// nobody does, its counters cost nothing.

// countPatience is how long director status waits for them. A worker that
// takes longer has something better to do.
const countPatience = time.Second

// count has the counters brought up to date, if that is possible in time.
func (s *supervisor) count(ctx context.Context) error {
	var done chan struct{}
	if err := s.do(ctx, func() { done = s.askCounters() }); err != nil || done == nil {
		return err
	}
	enough := time.NewTimer(countPatience)
	defer enough.Stop()
	select {
	case <-done:
	case <-enough.C:
	case <-s.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// askCounters asks; the channel is closed when the answer is there. It is nil
// when there is nobody to ask.
func (s *supervisor) askCounters() chan struct{} {
	w := s.workers[vrrpWorker]
	if w == nil || w.pid == 0 {
		return nil
	}
	if s.counting == nil {
		s.counting = make(chan struct{})
	}
	w.keeper.Send("count", worker.Message{Count: &worker.Count{}})
	return s.counting
}

// counted takes the counters in.
func (s *supervisor) counted(c event.VRRPCounters) {
	s.known.counters = c
	if s.counting != nil {
		close(s.counting)
		s.counting = nil
	}
}

// strangersReport is what is heard on the links and not listened to.
type strangersReport struct {
	Strangers []event.Stranger `json:"strangers,omitempty"`
	// MoreStrangers are refused packets whose senders are not in the list.
	MoreStrangers uint64 `json:"more_strangers,omitempty"`
	// Dropped are packets for none of the instances, by interface and reason.
	Dropped map[string]map[string]uint64 `json:"dropped,omitempty"`
}

// count puts the counters into a report.
func (k *knowledge) count(r *statusReport) {
	for n := range r.Instances {
		if c, ok := k.counters.Instances[r.Instances[n].Name]; ok {
			r.Instances[n].Counters = &c
		}
	}
	r.strangersReport = strangersReport{
		Strangers: k.counters.Strangers, MoreStrangers: k.counters.MoreStrangers, Dropped: k.counters.Dropped,
	}
}

// printStrangers shows whose advertisements are refused, and what was refused
// of whom nobody knows. Our own virtual routers come first: another password
// or key is a pair that does not work.
func (r statusReport) printStrangers(w io.Writer, now time.Time) {
	if len(r.Strangers) > 0 {
		fmt.Fprintln(w, "\nREFUSED FROM\tINTERFACE\tVRID\tINSTANCE\tPRIORITY\tTIMES\tLAST\tWHY")
		for _, s := range slices.SortedStableFunc(slices.Values(r.Strangers), func(a, b event.Stranger) int {
			return fewer(a.Instance == "") - fewer(b.Instance == "")
		}) {
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%d\t%d\t%s ago\t%s\n", s.Sender, or(s.Interface, "-"), s.VRID, or(s.Instance, "-"),
				s.Priority, s.Times, age(now, s.Last), s.Reason)
		}
	}
	for _, i := range r.Instances {
		if i.Counters != nil && len(i.Counters.Dropped) > 0 {
			fmt.Fprintf(w, "%s dropped: %s\n", i.Name, countsText(i.Counters.Dropped))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Dropped)) {
		if len(r.Dropped[name]) > 0 {
			fmt.Fprintf(w, "%s dropped: %s\n", or(name, "unicast"), countsText(r.Dropped[name]))
		}
	}
	if r.MoreStrangers > 0 {
		fmt.Fprintf(w, "not listed above: %d refused packets of other senders\n", r.MoreStrangers)
	}
}

// countsText is "checksum 3, ttl 1".
func countsText(counts map[string]uint64) string {
	var words []string
	for _, reason := range slices.Sorted(maps.Keys(counts)) {
		words = append(words, fmt.Sprintf("%s %d", reason, counts[reason]))
	}
	return strings.Join(words, ", ")
}
