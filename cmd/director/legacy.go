package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/keepalived/commandline"
	"github.com/lvs-director/director/logging"
	"github.com/lvs-director/director/supervisor/daemon"
	"github.com/lvs-director/director/supervisor/hostcheck"
	"github.com/lvs-director/director/worker"
)

// runKeepalived carries out the command line that keepalived's users and service files
// have: flags and no command.
func runKeepalived(args []string, std streams) error {
	o, err := commandline.Parse(args)
	called := commandline.Called(os.Args[0])
	if called && o.File == "" {
		o.File = load.DefaultFiles[1]
	}
	child, _ := std.err.(*daemon.Child)
	switch {
	case err != nil:
		return fmt.Errorf("%w (see %s --help)", err, filepath.Base(os.Args[0]))
	case o.Help:
		fmt.Fprint(std.err, commandline.Usage(filepath.Base(os.Args[0])))
		return nil
	case o.Version && called:
		fmt.Fprint(std.err, commandline.VersionText(version, built()))
		return nil
	case o.Version:
		return versionCmd{}.Run(std)
	case o.AskSignal:
		n, ok := commandline.SignalNumber(o.SignalOf)
		if !ok {
			fmt.Fprintf(std.err, "Unknown sigfunc %s\n", o.SignalOf)
			return exitCode(exitFailure)
		}
		fmt.Fprintln(std.out, n)
		return nil
	case o.Test:
		return testConfiguration(o, std)
	case o.OnlyVRRP && o.OnlyCheckers:
		return errors.New("-P and -C exclude each other: leave out both to run everything")
	case o.LogFormat != "" && !slices.Contains(logging.Formats, o.LogFormat):
		return fmt.Errorf("--log-format %s: it is %s", o.LogFormat, strings.Join(logging.Formats, " or "))
	}
	background := !foreground(&o, std)
	if child == nil && std.early == nil {
		if len(o.Files) > 1 {
			fmt.Fprintf(std.err, "director: warning: -f is given %d times: %s counts\n", len(o.Files), o.File)
		}
		if background {
			directory, err := os.Getwd()
			if err == nil {
				args = commandline.Absolute(args, directory)
			}
			return exitCode(daemon.Start(append(os.Args[:1:1], args...), std.err, daemon.Patience))
		}
	}
	return runAsKeepalived(&o, background, child, std)
}

// foreground says whether this process stays where it was started. The first process of a
// container must: with it everything ends. A program that an upgrade put here is where the
// one before was.
func foreground(o *commandline.Options, std streams) bool {
	switch {
	case o.Foreground || os.Getpid() == 1:
		return true
	case std.early == nil:
		return false
	}
	null, err := os.Stat(os.DevNull)
	if err != nil {
		return true
	}
	info, err := os.Stderr.Stat()
	return err != nil || !os.SameFile(null, info)
}

// runAsKeepalived is the supervisor's process.
func runAsKeepalived(o *commandline.Options, background bool, child *daemon.Child, std streams) error {
	if mask, ok := o.UmaskBits(); ok {
		syscall.Umask(mask)
	}
	to := worker.LogTo{
		Format: cmp.Or(o.LogFormat, "text"), Level: cmp.Or(o.LogLevel, "info"), Quiet: background,
		Facility: o.Facility, Identifier: commandline.Identifier("", "", ""),
	}
	if o.LogFile != "" {
		path, err := filepath.Abs(o.LogFile)
		if err != nil {
			return fmt.Errorf("finding %s: %w", o.LogFile, err)
		}
		to.File = path
	}
	// In the foreground standard error has the log whatever else has it; where that is the
	// journal, syslog is the journal too.
	to.Syslog = !o.NoSyslog && (background || logging.HasSyslog() && !logging.IsJournal(os.Stderr))
	if background && to.Syslog && to.File == "" && !logging.HasSyslog() {
		fmt.Fprintf(std.err, "director: warning: there is no syslog at %s: the log is lost; -g FILE keeps one\n",
			logging.DefaultSocket)
	}
	return (&runCmd{
		File: o.File, ConfigID: o.ConfigID,
		OnlyVRRP: o.OnlyVRRP, OnlyCheckers: o.OnlyCheckers,
		KeepAddresses: o.KeepAddresses, KeepServices: o.KeepServices, NoFallback: o.NoFallback, Takeover: o.Takeover,
		daemonDirs: daemonDirs{RunDir: o.RunDir, StateDir: cmp.Or(o.StateDir, defaultStateDir)},
	}).supervise(std, to, o, child)
}

// testConfiguration is -t: keepalived's exit status, and what director has found.
func testConfiguration(o commandline.Options, std streams) error {
	out := std.err
	if o.TestOutput != "" {
		f, err := os.Create(o.TestOutput)
		if err != nil {
			return fmt.Errorf("opening the file for the findings: %w", err)
		}
		defer f.Close()
		out = f
	}
	file, err := load.FindFile(o.File)
	if err == nil {
		_, err = os.Stat(file)
	}
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(out, "director: %v: nothing was checked\n", err)
		return nil // as keepalived has it
	}
	if err != nil {
		return err
	}
	cfg, findings := load.Load(file, load.Options{ConfigID: o.ConfigID})
	if o.Namespace != "" {
		cfg.NetworkNamespace = o.Namespace
	}
	var ofHost []conf.Finding
	if !conf.HasErrors(findings) {
		h, err := hostcheck.ThisHost(cfg)
		if err != nil {
			return err
		}
		ofHost = hostcheck.Findings(cfg, h)
	}
	all := append(findings, ofHost...)
	all = slices.DeleteFunc(all, func(f conf.Finding) bool { return f.Severity == conf.Note })
	if err := conf.WriteFindings(out, all, isTerminal(out)); err != nil {
		return fmt.Errorf("writing findings: %w", err)
	}
	if status := commandline.TestStatus(findings, ofHost, cfg.Global.DynamicInterfaces); status != exitOK {
		return exitCode(status)
	}
	return nil
}
