package control

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/notify"
	"github.com/lvs-director/director/notify/fifo"
)

// ToldRequest asks for what scripts and FIFOs were told of an object.
type ToldRequest struct {
	Name string `json:"name"`
	// Limit is how many at most, the last ones; 0 is 20.
	Limit int `json:"limit,omitempty"`
}

// ToldReport is what scripts and FIFOs were told, in the order of telling.
type ToldReport struct {
	Schema
	Told []Told `json:"told"`
}

// Told is something that a script or a FIFO was told.
type Told struct {
	Object string    `json:"object"` // "INSTANCE VI_1"
	By     string    `json:"by"`     // the keyword: "notify_master", "notify_fifo"
	What   string    `json:"what"`   // the state, or the line of the FIFO
	At     time.Time `json:"at"`     // a script's start; when it happened, of a line
	// Took is how long the script ran, or until the line was written; 0 when it was not.
	Took   time.Duration `json:"took_ns"`
	Failed bool          `json:"failed"`
	Result string        `json:"result"`           // how it ended, in words
	Output string        `json:"output,omitempty"` // the last of what a script that failed has printed
}

// ToldByScripts is the form of the scripts that have ended, or run.
func ToldByScripts(recent, last []notify.Last) (list []Told) {
	for _, l := range recent {
		list = append(list, Told{
			Object: l.Object, By: l.Script, What: l.State, At: l.Exit.Started, Took: l.Exit.Ended.Sub(l.Exit.Started),
			Failed: !l.Exit.OK(), Result: l.Exit.String(), Output: l.Exit.Output,
		})
	}
	for _, l := range last {
		if l.Running {
			list = append(list, Told{Object: l.Object, By: l.Script, What: l.State, At: l.Exit.Started, Result: "running"})
		}
	}
	return list
}

// ToldByFIFOs is the form of the lines of FIFOs.
func ToldByFIFOs(all []fifo.Status) (list []Told) {
	for _, f := range all {
		for _, r := range f.Recent {
			t := Told{
				Object: r.Object, By: f.Keyword, What: strings.TrimSuffix(r.Text, "\n"), At: r.At, Result: r.Result,
				Failed: r.Result == fifo.LeftOut,
			}
			if !r.Written.IsZero() {
				t.Took = r.Written.Sub(r.At)
			}
			list = append(list, t)
		}
	}
	return list
}

// LastTold are the last ones in the order of time.
func LastTold(list []Told, limit int) []Told {
	slices.SortStableFunc(list, func(a, b Told) int { return a.At.Compare(b.At) })
	limit = cmp.Or(limit, 20)
	return list[max(0, len(list)-limit):]
}

// FIFO is a FIFO of the configuration.
type FIFO struct {
	Keyword string `json:"keyword"` // notify_fifo, vrrp_notify_fifo, lvs_notify_fifo
	Path    string `json:"path"`
	Problem string `json:"problem,omitempty"`
	Written uint64 `json:"lines_written"`
	Waiting int    `json:"lines_waiting"`
	// Lost are lines that were left out because nobody read the FIFO.
	Lost   uint64   `json:"lines_left_out"`
	Script []string `json:"script,omitempty"`
	Pid    int      `json:"pid,omitempty"` // of the script; absent when it does not run
	// Starts counts how often the script was started.
	Starts int `json:"starts,omitempty"`
	// Ended is how the script ended last, and Output the last of what it printed.
	Ended  string `json:"ended,omitempty"`
	Output string `json:"output,omitempty"`
}

// FIFOs is the form of what is known of FIFOs.
func FIFOs(all []fifo.Status) (list []FIFO) {
	for _, f := range all {
		list = append(list, FIFO{
			Keyword: f.Keyword, Path: f.Path, Problem: f.Problem, Written: f.Written, Waiting: f.Waiting, Lost: f.Lost,
			Script: conf.MaskArguments(f.Script), Pid: f.PID, Starts: f.Starts, Ended: f.Exit, Output: f.Output,
		})
	}
	return list
}
