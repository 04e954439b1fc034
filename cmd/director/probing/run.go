package probing

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/lvs-director/director/checkers"
	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
)

// Ask makes the checks and prints what they say, as JSON or for people. It returns the worst verdict. An
// error is that nothing was checked: there is none of that name, or no configuration.
func (q Question) Ask(out io.Writer, asJSON bool) (event.Verdict, error) {
	cfg, file, err := q.configuration()
	if err != nil {
		return event.CannotTell, err
	}
	list, err := q.choose(cfg, file)
	if err != nil {
		return event.CannotTell, err
	}
	report, worst, err := check(cfg, file, list)
	switch {
	case err != nil:
		return event.CannotTell, err
	case asJSON:
		err = control.Write(out, report, true)
	default:
		err = printed(out, report)
	}
	return worst, err
}

// probesAtOnce bounds the runs under way.
const probesAtOnce = 500

// check makes the checks and reports on them in their order, with the worst verdict.
func check(cfg *conf.Config, file string, list []run) (report control.ProbeReport, worst event.Verdict, err error) {
	prober, err := probe.New(probe.Options{Programs: programsOnce(cfg), Files: filesOnce(cfg), Path: pathOnce()})
	if err != nil {
		return report, worst, err
	}
	defer prober.Close()
	type answer struct {
		n int
		r probe.Result
	}
	answers := make(chan answer)
	places := make(chan struct{}, probesAtOnce)
	go func() {
		for n, p := range list {
			places <- struct{}{}
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute+
					probe.Longest(p.target.Checker.Timeout, p.target.Checker.TotalTimeout))
				defer cancel()
				r := prober.Probe(ctx, p.target)
				<-places
				answers <- answer{n, r}
			}()
		}
	}()
	report = control.ProbeReport{File: file, Checks: make([]control.Probe, len(list))}
	worst = event.Alive
	for range list {
		a := <-answers
		p := list[a.n]
		r := event.CheckResult{
			Checker: p.name, OK: a.r.OK, Verdict: checkers.VerdictOf(a.r), Reason: a.r.Reason, At: time.Now(), Took: a.r.Took,
		}
		report.Checks[a.n] = control.Probe{VirtualServer: p.virtual, RealServer: p.real, Check: *control.NewCheck(r)}
		worst = max(worst, r.Verdict) // alive, dead, unknown
	}
	return report, worst, nil
}

func printed(out io.Writer, r control.ProbeReport) error {
	tab := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	virtual := ""
	for _, p := range r.Checks {
		if r.File != "" && p.VirtualServer != virtual {
			virtual = p.VirtualServer
			fmt.Fprintf(tab, "%s\n", virtual)
		}
		fmt.Fprintf(tab, "  %s\t%s\t%s\t%v\t%s\n", p.RealServer, p.Checker, p.Verdict,
			p.Took.Round(10*time.Microsecond), p.Reason)
	}
	return tab.Flush()
}
