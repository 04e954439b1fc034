package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/lvs-director/director/cmd/director/screen"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/events"
)

const (
	eventsPatience = 30 * time.Second
	// followInterval is how often --follow looks.
	followInterval = 500 * time.Millisecond
)

type eventsCmd struct {
	byPid
	File   string   `short:"f" placeholder:"FILE" help:"Configuration file of the director; default the running one's, else as for check."`
	Object string   `arg:"" optional:"" help:"Only events of this object: an instance, a virtual server, a real server, an address, a tracker, a worker."`
	Since  *lasts   `placeholder:"1h" help:"Only events of the last so long."`
	Kind   []string `placeholder:"KIND" help:"Only events of this kind: state, priority, verdict, quorum, tracker, \"two masters\", refused, repair, problem, script, reload, handover, override, worker, command, director."`
	Last   int      `short:"n" placeholder:"N" help:"At most the last N; 100 unless --since is given."`
	Follow bool     `help:"Go on with those that come."`
	JSON   bool     `name:"json" help:"Print JSON; with --follow one line each."`
}

// Help is the example that "director events --help" shows.
func (eventsCmd) Help() string {
	return `Lists what has happened, the latest last: transitions, verdicts on real servers, quorums, scripts, reloads, drains,
deaths of workers and the commands of operators. They are kept in the state directory, 64 MiB or 90 days, and can be
read when director does not run. An object is named by its name or its address.

Example: director events --since 1h
         director events VI_1
         director events 10.0.0.11 --kind verdict
         director events --follow`
}

// Run lists events.
func (c *eventsCmd) Run(io streams) error {
	q := control.EventsRequest{Object: c.Object, Kinds: c.Kind, Limit: c.Last}
	if c.Since != nil {
		q.Since = time.Now().Add(-time.Duration(*c.Since))
	}
	if err := q.Check(); err != nil {
		return err
	}
	r, err := c.ask(q)
	if err != nil {
		return err
	}
	if c.JSON && !c.Follow {
		return control.Write(io.out, r, true)
	}
	for first := true; ; first = false {
		if err := screen.Events(io.out, r, c.JSON); err != nil {
			return err
		}
		if first {
			screen.AboutEvents(io.err, r, c.Object, c.Follow)
		}
		if !c.Follow {
			return nil
		}
		time.Sleep(followInterval)
		q.After, q.Since, q.Limit = r.Cursor, time.Time{}, 0
		if r, err = c.ask(q); err != nil {
			return err
		}
	}
}

// ask asks the running director, or reads the files of one that does not run.
func (c *eventsCmd) ask(q control.EventsRequest) (r control.EventsReport, err error) {
	err = control.Ask(c.run(), http.MethodPost, "/v1/events", eventsPatience, q, &r)
	if err == nil || !errors.Is(err, control.ErrNoDirector) {
		return r, err
	}
	dir, err := keptEvents(c.StateDir, c.File, err)
	if err != nil {
		return r, err
	}
	return events.Answer(dir, q, control.EventsReport{})
}

// keptEvents is the directory of the events of a director that does not run, which notRunning says.
func keptEvents(stateDir, file string, notRunning error) (string, error) {
	file, err := load.FindFile(file)
	if err != nil {
		return "", err
	}
	dir := events.Dir(stateDir, file)
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("%w; and no events of %s are kept in %s", notRunning, file, stateDir)
	}
	return dir, nil
}

type whyCmd struct {
	byPid
	File   string `short:"f" placeholder:"FILE" help:"Configuration file of the director; default the running one's, else as for check."`
	Object string `arg:"" help:"An instance, a virtual server, a real server, an address, a tracker, a worker."`
	JSON   bool   `name:"json" help:"Print JSON."`
}

// Help is the example that "director why --help" shows.
func (whyCmd) Help() string {
	return `Prints the latest event of the object, and below it, further to the right, the events that made it happen; then, when
that was no change of its state, how it came to be in that state. A cause is what a part of director has told another,
never a guess by time: "together" is said where there is no more to say.

Example: director why VI_1
         director why 10.0.0.11`
}

// Run prints the chain of events.
func (c *whyCmd) Run(io streams) error {
	var r control.WhyReport
	err := control.Ask(c.run(), http.MethodPost, "/v1/why", eventsPatience, control.WhyRequest{Object: c.Object}, &r)
	if errors.Is(err, control.ErrNoDirector) {
		var dir string
		if dir, err = keptEvents(c.StateDir, c.File, err); err == nil {
			r.Steps, err = events.Why(dir, c.Object)
		}
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return control.Write(io.out, r, true)
	}
	if len(r.Steps) == 0 {
		return fmt.Errorf("no event of %s is kept: director events lists those that are, director status what there is",
			c.Object)
	}
	return screen.Why(io.out, r)
}
