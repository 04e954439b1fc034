package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/lvs-director/director/buildinfo"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/keepalived/commandline"
	"github.com/lvs-director/director/logging"
	"github.com/lvs-director/director/supervisor"
	"github.com/lvs-director/director/supervisor/daemon"
	"github.com/lvs-director/director/supervisor/startup"
)

// runKeepalived carries out the command line that keepalived's users and service files
// have: flags and no command.
func runKeepalived(args []string, std streams) error {
	o, err := commandline.Parse(args)
	program, called := filepath.Base(os.Args[0]), commandline.Called(os.Args[0])
	if called && o.File == "" {
		o.File = load.DefaultFiles[1]
	}
	switch {
	case err != nil:
		return fmt.Errorf("%w (see %s --help)", err, program)
	case o.Help:
		fmt.Fprint(std.err, commandline.Usage(program))
	case o.Version && called:
		fmt.Fprint(std.err, commandline.VersionText(version, buildinfo.Time()))
	case o.Version:
		return versionCmd{}.Run(std)
	case o.AskSignal:
		n, ok := commandline.SignalNumber(o.SignalOf)
		if !ok {
			fmt.Fprintf(std.err, "Unknown sigfunc %s\n", o.SignalOf)
			return exitCode(exitFailure)
		}
		fmt.Fprintln(std.out, n)
	case o.Test:
		status, err := startup.Test(&o, std.err)
		if err == nil && status != exitOK {
			err = exitCode(status)
		}
		return err
	case o.OnlyVRRP && o.OnlyCheckers:
		return errors.New("-P and -C exclude each other: leave out both to run everything")
	case o.LogFormat != "" && !slices.Contains(logging.Formats, o.LogFormat):
		return fmt.Errorf("--log-format %s: it is %s", o.LogFormat, strings.Join(logging.Formats, " or "))
	default:
		return startAsKeepalived(&o, args, std)
	}
	return nil
}

// startAsKeepalived is the supervisor's process, or the command that starts it as a daemon.
func startAsKeepalived(o *commandline.Options, args []string, std streams) error {
	child, _ := std.err.(*daemon.Child)
	background := !startup.Foreground(o, supervisor.TakesOver())
	started := child == nil && !supervisor.TakesOver() // by the user, here
	if started && len(o.Files) > 1 {
		fmt.Fprintf(std.err, "director: warning: -f is given %d times: %s counts\n", len(o.Files), o.File)
	}
	if started && background {
		if directory, err := os.Getwd(); err == nil {
			args = commandline.Absolute(args, directory)
		}
		return exitCode(daemon.Start(append(os.Args[:1:1], args...), std.err, daemon.Patience))
	}
	if mask, ok := o.UmaskBits(); ok {
		syscall.Umask(mask)
	}
	to, warning, err := startup.LogTo(o, background)
	if err != nil {
		return err
	}
	if warning != "" {
		fmt.Fprintln(std.err, "director: warning:", warning)
	}
	return (&runCmd{
		File: o.File, ConfigID: o.ConfigID, LocalConfig: o.LocalFile,
		OnlyVRRP: o.OnlyVRRP, OnlyCheckers: o.OnlyCheckers,
		KeepAddresses: o.KeepAddresses, KeepServices: o.KeepServices, NoFallback: o.NoFallback, Takeover: o.Takeover,
		daemonDirs: daemonDirs{RunDir: o.RunDir, StateDir: cmp.Or(o.StateDir, defaultStateDir)},
	}).supervise(std, to, o, child)
}
