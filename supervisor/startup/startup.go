// Package startup does what keepalived's command line asks for before a supervisor runs:
// where it runs, where its log goes, and the test of a configuration.
package startup

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"

	"github.com/lvs-director/director/buildinfo"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/keepalived/commandline"
	"github.com/lvs-director/director/keepalived/logline"
	"github.com/lvs-director/director/logging"
	"github.com/lvs-director/director/supervisor/hostcheck"
	"github.com/lvs-director/director/worker"
)

// Foreground says whether this process stays where it was started. The first process of a
// container must: with it everything ends. A program that an upgrade put here is where the
// one before was.
func Foreground(o *commandline.Options, upgraded bool) bool {
	switch {
	case o.Foreground || os.Getpid() == 1:
		return true
	case !upgraded:
		return false
	}
	null, err := os.Stat(os.DevNull)
	if err != nil {
		return true
	}
	info, err := os.Stderr.Stat()
	return err != nil || !os.SameFile(null, info)
}

// LogTo is where the log goes; warning is what the user should know of it. In the foreground
// standard error has the log whatever else has it; where that is the journal, syslog is the
// journal too.
func LogTo(o *commandline.Options, background bool) (to worker.LogTo, warning string, err error) {
	to = worker.LogTo{
		Format: cmp.Or(o.LogFormat, "text"), Level: cmp.Or(o.LogLevel, "info"), Quiet: background,
		Facility: o.Facility, Identifier: commandline.Identifier("", "", ""),
	}
	if o.LogFile != "" {
		if to.File, err = filepath.Abs(o.LogFile); err != nil {
			return to, "", fmt.Errorf("finding %s: %w", o.LogFile, err)
		}
	}
	there := logging.HasSyslog()
	to.Syslog = !o.NoSyslog && (background || there && !logging.IsJournal(os.Stderr))
	if background && to.Syslog && to.File == "" && !there {
		warning = fmt.Sprintf("there is no syslog at %s: the log is lost; -g FILE keeps one", logging.DefaultSocket)
	}
	return to, warning, nil
}

// Test is -t: keepalived's exit status for a configuration and this host. What was found goes
// to out, or to the file that the flag names.
func Test(o *commandline.Options, out io.Writer) (status int, err error) {
	if o.TestOutput != "" {
		// As keepalived opens it: what is there stays, and no link in a directory of others is followed.
		f, err := os.OpenFile(o.TestOutput, os.O_WRONLY|os.O_CREATE|os.O_APPEND|syscall.O_NOFOLLOW, 0o644)
		if err != nil {
			return 0, fmt.Errorf("opening the file for the findings: %w", err)
		}
		defer f.Close()
		out = f
	}
	file, err := load.FindFile(o.File)
	if err == nil {
		_, err = os.Stat(file)
	}
	if errors.Is(err, fs.ErrNotExist) {
		_, err = fmt.Fprintf(out, "director: %v: nothing was checked\n", err)
		return commandline.TestGood, err // as keepalived has it
	}
	if err != nil {
		return 0, err
	}
	cfg, findings := load.Load(file, load.Options{ConfigID: o.ConfigID, Local: o.LocalFile})
	if o.Namespace != "" {
		cfg.NetworkNamespace = o.Namespace
	}
	var ofHost []conf.Finding
	if !conf.HasErrors(findings) {
		h, err := hostcheck.ThisHost(cfg)
		if err != nil {
			return 0, err
		}
		ofHost = hostcheck.Findings(cfg, h)
	}
	all := slices.Concat(findings, ofHost)
	all = slices.DeleteFunc(all, func(f conf.Finding) bool { return f.Severity == conf.Note })
	if err := conf.WriteFindings(out, all, false); err != nil {
		return 0, fmt.Errorf("writing findings: %w", err)
	}
	return commandline.TestStatus(findings, ofHost, cfg.Global.DynamicInterfaces), nil
}

// NewLog is the log of a process that goes on running; identify changes what it is called
// in syslog.
func NewLog(w io.Writer, to worker.LogTo) (log *slog.Logger, identify func(string), flush func(), err error) {
	f, ok := w.(*os.File)
	o := logging.Options{Format: to.Format, Level: to.Level, Journal: ok && logging.IsJournal(f), Quiet: to.Quiet,
		File: to.File}
	var name atomic.Pointer[string]
	name.Store(&to.Identifier)
	if to.Syslog {
		o.Syslog = &logging.Syslog{Facility: to.Facility, Identifier: func() string { return *name.Load() }}
	}
	if to.Format == "keepalived" {
		o.Handler = func(w io.Writer, options *slog.HandlerOptions) slog.Handler {
			return logline.NewHandler(w, logline.Options{
				Level: options.Level, Identifier: *name.Load(), Pid: os.Getpid(), Bare: options.ReplaceAttr != nil,
				Banner: commandline.Banner(buildinfo.Time()),
			})
		}
	}
	log, flush, err = logging.New(w, o)
	return log, func(now string) { name.Store(&now) }, flush, err
}
