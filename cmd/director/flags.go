package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/keepalived/commandline"
	"github.com/lvs-director/director/supervisor/directors"
	"github.com/lvs-director/director/worker"
)

// daemonDirs are the directories of a director.
type daemonDirs struct {
	RunDir   string `name:"run-dir" default:"/run/director" placeholder:"DIR" help:"Directory of the control socket and the journals; each director on a host needs its own."`
	StateDir string `name:"state-dir" default:"/var/lib/director" placeholder:"DIR" help:"Directory of files that survive a reboot."`
}

// Directories of a director that was told none.
const (
	defaultRunDir   worker.RunDir = commandline.DefaultRunDir
	defaultStateDir               = "/var/lib/director"
)

// run is the run directory with its files.
func (d daemonDirs) run() worker.RunDir { return worker.RunDir(d.RunDir) }

// byPid chooses one of several directors.
type byPid struct {
	daemonDirs
	Pid string `short:"p" name:"pid" placeholder:"FILE" help:"Ask the director with this pid file, or pid."`
}

// AfterApply finds the run directory when something else says which director is meant.
func (d *byPid) AfterApply() (err error) {
	if d.Pid == "" {
		return nil
	}
	if d.run() != defaultRunDir {
		return errors.New("give either --run-dir or -p")
	}
	dir, err := directors.ByPid(d.Pid)
	d.RunDir = string(dir)
	return err
}

// byFile chooses one of several directors, also by its configuration.
type byFile struct {
	byPid
	Of string `short:"f" name:"file" placeholder:"FILE" help:"Ask the director that runs with this configuration file."`
}

// AfterApply finds the run directory when something else says which director is meant.
func (d *byFile) AfterApply() (err error) {
	if d.Of == "" {
		return d.byPid.AfterApply()
	}
	if d.Pid != "" || d.run() != defaultRunDir {
		return errors.New("give one of --run-dir, -p and -f")
	}
	dir, err := directors.ByFile(d.Of)
	d.RunDir = string(dir)
	return err
}

// namedFile lets a command take its file without -f.
type namedFile struct {
	Named string `arg:"" optional:"" name:"file" help:"The same as -f FILE."`
}

// into puts the name where -f puts it.
func (n namedFile) into(file *string) error {
	switch {
	case n.Named == "":
		return nil
	case *file != "" && *file != n.Named:
		return errors.New("two files: give one, either with -f or without")
	}
	*file = n.Named
	return nil
}

// reading says which lines of a configuration file count, and what is read behind it.
type reading struct {
	ConfigID    string `short:"i" name:"config-id" placeholder:"ID" help:"Read lines that begin with @ID; default is the host name."`
	LocalConfig string `name:"local-config" placeholder:"FILE" help:"File with director's own words, read behind the main one; default /etc/director/local.conf, if it exists, behind a default file."`
}

func (r reading) options() load.Options {
	return load.Options{ConfigID: r.ConfigID, Local: r.LocalConfig}
}

// lasts is a time that a flag takes, above zero.
type lasts time.Duration

// UnmarshalText reads one in Go's notation of durations.
func (l *lasts) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is not a time above 0, such as 30s, 10m or 2h", text)
	}
	*l = lasts(d)
	return nil
}

// text is the flag in a request; empty when it was not given.
func (l *lasts) text() string {
	if l == nil {
		return ""
	}
	return time.Duration(*l).String()
}

// number reads an argument that is called what.
func number(what, text string, lowest, highest int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < lowest || n > highest {
		return 0, fmt.Errorf("%s %s is not a number from %d to %d", what, text, lowest, highest)
	}
	return n, nil
}

// entryNumber reads the number of a configuration of the history; 0 is none.
func entryNumber(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("%s is not a number of the history: director history lists them", text)
	}
	return n, nil
}

// separateNegatives has the parser take a negative number for the value that it is, so
// that whoever wrote it is told which values there are: "--for -5m" becomes "--for=-5m",
// and one that stands alone goes to the end, after "--".
func separateNegatives(args []string) []string {
	if slices.Contains(args, "--") {
		return args
	}
	var out, alone []string
	for _, a := range args {
		switch before := len(out) - 1; {
		case len(a) < 2 || a[0] != '-' || a[1] < '0' || a[1] > '9':
			out = append(out, a)
		case before >= 0 && strings.HasPrefix(out[before], "--") && !strings.Contains(out[before], "="):
			out[before] += "=" + a
		case before >= 0 && len(out[before]) == 2 && out[before][0] == '-': // the value of a short flag
			out = append(out, a)
		default:
			alone = append(alone, a)
		}
	}
	if alone != nil {
		out = append(append(out, "--"), alone...)
	}
	return out
}
