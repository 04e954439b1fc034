package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/lvs-director/director/event"
)

// maxHandover bounds the time of a hand-over that ends by itself.
const maxHandover = 30 * 24 * time.Hour

// handoverRequest is what POST /v1/handover and /v1/resume are given.
type handoverRequest struct {
	Name string `json:"name"` // of an instance or a sync group, or "all"
	// For is how long, in Go's notation of durations; empty is until a resume.
	For string `json:"for,omitempty"`
}

// until is when a hand-over that begins now ends by itself; zero is never.
func (q handoverRequest) until(now time.Time) (time.Time, error) {
	if q.For == "" {
		return time.Time{}, nil
	}
	d, err := time.ParseDuration(q.For)
	if err != nil || d <= 0 || d > maxHandover {
		return time.Time{}, fmt.Errorf("nothing can be handed over for %q: more than nothing, at most %v", q.For, maxHandover)
	}
	return now.Round(0).Add(d), nil
}

func (handoverRequest) untilText(until time.Time) string {
	if until.IsZero() {
		return "director resume"
	}
	return until.Format(time.RFC3339)
}

// handoverReport is what became of a hand-over.
type handoverReport struct {
	Until     time.Time         `json:"until,omitzero"`
	Instances []handoverOutcome `json:"instances"`
}

// handoverOutcome is what became of one instance.
type handoverOutcome struct {
	Instance string          `json:"instance"`
	Was      event.VRRPState `json:"was"`
	State    event.VRRPState `json:"state"`
	// Master is who has taken over, and After how long that took.
	Master string        `json:"master,omitempty"`
	After  time.Duration `json:"after_ns,omitempty"`
	// TakenBack: there was no other router. Ended: somebody ended it meanwhile.
	TakenBack bool `json:"taken_back,omitempty"`
	Ended     bool `json:"ended,omitempty"`
	Settled   bool `json:"settled"`
}

// settle looks whether it is known what became of the instance; inForce says
// that the order, of that number, is.
func (o *handoverOutcome) settle(i event.InstanceState, number uint64, inForce bool, after time.Duration) bool {
	if o.Settled || inForce && i.HandOver != number {
		return o.Settled
	}
	o.State, o.Master, o.After = i.State, i.Peer, after
	o.TakenBack = !inForce && i.State == event.Master
	o.Ended = !inForce && !o.TakenBack
	o.Settled = !inForce || o.Master != "" || o.Was != event.Master
	return o.Settled
}

// String is the outcome in words.
func (o handoverOutcome) String() string {
	took := o.After.Round(time.Millisecond)
	switch {
	case o.TakenBack:
		return fmt.Sprintf("%s: no other router took over: the addresses are back here after %v", o.Instance, took)
	case o.Ended:
		return fmt.Sprintf("%s: the hand-over was ended meanwhile; it is %s", o.Instance, o.State)
	case !o.Settled:
		return fmt.Sprintf("%s: %s; nobody was heard within %v", o.Instance, o.State, took)
	case o.Was == event.Master:
		return fmt.Sprintf("%s: %s is MASTER after %v", o.Instance, o.Master, took)
	case o.Master != "":
		return fmt.Sprintf("%s: was %s and stays it, MASTER is %s", o.Instance, o.Was, o.Master)
	}
	return fmt.Sprintf("%s: was %s and stays it", o.Instance, o.Was)
}

type handoverCmd struct {
	daemonDirs
	Name string        `arg:"" help:"A vrrp_instance or a vrrp_sync_group, or all."`
	For  time.Duration `placeholder:"TIME" help:"Take part again by itself after this time (10m, 2h)."`
}

// Help is the example that "director handover --help" shows.
func (handoverCmd) Help() string {
	return `Gives the mastership away: the peer takes over within its skew, sooner than after a failure, and this
host stays BACKUP until "director resume" or the end of --for, also over a reload or a restart. When no other
router is there, or falls silent later, this host serves again, and says so. Exit status 1 when nobody took over.

Example: director handover all --for 10m`
}

// Run hands over and prints what became of it.
func (c *handoverCmd) Run(io streams) error {
	q := handoverRequest{Name: c.Name}
	if c.For != 0 {
		q.For = c.For.String()
	}
	var r handoverReport
	if err := ask(c.daemonDirs, http.MethodPost, "/v1/handover", 10*time.Minute, q, &r); err != nil {
		return err
	}
	failed := false
	for _, o := range r.Instances {
		fmt.Fprintln(io.out, o)
		failed = failed || o.TakenBack || o.Ended || !o.Settled
	}
	if failed {
		return status(exitFailure)
	}
	if r.Until.IsZero() {
		fmt.Fprintf(io.out, "until you type: director resume %s\n", c.Name)
	} else {
		fmt.Fprintf(io.out, "until %s, or you type: director resume %s\n", r.Until.Local().Format("2006-01-02 15:04:05"), c.Name)
	}
	return nil
}

type resumeCmd struct {
	daemonDirs
	Name string `arg:"" help:"A vrrp_instance or a vrrp_sync_group, or all."`
}

// Help is the example that "director resume --help" shows.
func (resumeCmd) Help() string {
	return `Ends a hand-over. An instance that preempts becomes MASTER again as soon as its priority allows.

Example: director resume all`
}

// Run ends a hand-over.
func (c *resumeCmd) Run(io streams) error {
	var r handoverReport
	if err := ask(c.daemonDirs, http.MethodPost, "/v1/resume", 10*time.Second, handoverRequest{Name: c.Name}, &r); err != nil {
		return err
	}
	for _, o := range r.Instances {
		fmt.Fprintf(io.out, "%s takes part again\n", o.Instance)
	}
	return nil
}
