// Checks reach servers whose certificates Go refuses by itself.
//
//go:debug rsa1024min=0
//go:debug x509negativeserial=1

package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/signal"
	"reflect"
	"runtime"
	"syscall"

	"github.com/alecthomas/kong"

	_ "github.com/lvs-director/director/cmd/director/early"
	"github.com/lvs-director/director/cmd/director/process"
	"github.com/lvs-director/director/keepalived/commandline"
	"github.com/lvs-director/director/signals"
	"github.com/lvs-director/director/supervisor"
	"github.com/lvs-director/director/supervisor/daemon"
	"github.com/lvs-director/director/supervisor/signalhold"
	"github.com/lvs-director/director/worker"
)

// Exit statuses that all commands share; status has its own.
const (
	exitOK      = 0
	exitFailure = 1
)

const description = `director makes a Linux host one half of a load-balancer pair: VRRP decides which host owns the virtual addresses, IPVS forwards, health checkers choose the real servers. It reads an existing keepalived.conf.

Without a command it takes keepalived's flags: "director -f FILE" starts a daemon, "director -n -l -f FILE" runs in the foreground, "director -t -f FILE" checks.`

// commands is the command line.
type commands struct {
	Run        runCmd        `cmd:"" help:"Run in the foreground."`
	Check      checkCmd      `cmd:"" help:"Check a configuration file."`
	Config     configCmd     `cmd:"" help:"Print the effective configuration, with the origin of each value."`
	Fmt        fmtCmd        `cmd:"" help:"Print a configuration file in canonical form."`
	Status     statusCmd     `cmd:"" help:"Show the state of a running director, problems first; exit status 1 if degraded, 2 if something is not served."`
	Events     eventsCmd     `cmd:"" help:"List what has happened."`
	Why        whyCmd        `cmd:"" help:"Say why an instance, a virtual server or a real server is as it is."`
	List       listCmd       `cmd:"" help:"List the directors that run on this host."`
	Plan       planCmd       `cmd:"" help:"Show what a configuration file would change, without changing anything."`
	Diff       diffCmd       `cmd:"" help:"Compare configurations in force."`
	Reload     reloadCmd     `cmd:"" help:"Apply the configuration file to a running director."`
	Confirm    confirmCmd    `cmd:"" help:"Keep a configuration that was applied with reload --confirm."`
	History    historyCmd    `cmd:"" help:"List the configurations that have been in force."`
	Rollback   rollbackCmd   `cmd:"" help:"Apply an earlier configuration again."`
	Genhash    genhashCmd    `cmd:"" help:"Print the digest of a page for HTTP_GET and SSL_GET."`
	Genkey     genkeyCmd     `cmd:"" help:"Print a random key for auth_hmac or a peer."`
	Handover   handoverCmd   `cmd:"" help:"Hand the mastership over to a peer and stay BACKUP for a while."`
	Resume     resumeCmd     `cmd:"" help:"End a handover: take part in the election again."`
	Drain      drainCmd      `cmd:"" help:"Stop new connections to a real server or a host, until undrain or for a time."`
	Undrain    undrainCmd    `cmd:"" help:"End a drain."`
	Weight     weightCmd     `cmd:"" help:"Set the weight of a real server at run time, or reset it."`
	Announce   announceCmd   `cmd:"" help:"Show what a routing daemon announces of this director."`
	IPVS       ipvsCmd       `cmd:"" name:"ipvs" help:"Print the kernel's IPVS table, or convert one to a configuration."`
	Probe      probeCmd      `cmd:"" help:"Run checks once and print verdict, latency and reason."`
	RealServer realserverCmd `cmd:"" name:"realserver" help:"Print or apply the settings that a real server needs."`
	Doctor     doctorCmd     `cmd:"" help:"Find what keeps this director from serving, with causes and remedies."`
	Report     reportCmd     `cmd:"" help:"Write an archive of what a maintainer asks for, without secrets."`
	Notify     notifyCmd     `cmd:"" help:"Try whether notifications arrive."`
	Upgrade    upgradeCmd    `cmd:"" help:"Replace the program of a running director without missing an advertisement."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
	Worker     workerCmd     `cmd:"" hidden:"" help:"A worker process; started by run."`
	Handoff    handoffCmd    `cmd:"" name:"hand-down" hidden:"" help:"Report whether this program can take over from a running one; run by upgrade."`
}

// The main thread stays with the main goroutine: a worker is started from a
// thread that ends with the privileges it took on, and this one cannot end.
func init() { runtime.LockOSThread() }

func main() {
	early := earlySignals(os.Args)
	// Without this a write to a log whose reader has died kills the process,
	// and leaves the addresses behind. Caught, not ignored: programs that are
	// started by us get it as usual.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	var errOut io.Writer = os.Stderr
	if child := daemon.Inherited(); child != nil {
		errOut = child // /dev/null is standard error already
	}
	os.Exit(run(commandline.Arguments(os.Args), os.Stdout, errOut, early))
}

// earlySignals is the first that a process of a daemon does: a signal that is sent to all of
// them must not end one that has hardly begun. The supervisor obeys those that have come when it
// can; the others are told by the supervisor what to do, and by nobody else.
func earlySignals(argv []string) *supervisor.Signals {
	args := commandline.Arguments(argv)
	switch {
	case len(args) > 0 && (args[0] == "worker" || args[0] == "hand-down" || args[0] == signalhold.Command):
		signals.Ignore()
	case len(argv) > 0 && commandline.IsMeant(argv[0], args), len(args) > 0 && args[0] == "run":
		return supervisor.ListenEarly()
	}
	return nil
}

// exitCode is an exit status that has already been explained to the user.
type exitCode int

func (s exitCode) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// streams are where commands write to.
type streams struct {
	out, err io.Writer
	early    *supervisor.Signals // that are taken in already; nil unless this may become a supervisor
}

// run carries out one command line and returns the exit status.
func run(args []string, out, errOut io.Writer, early *supervisor.Signals) int {
	printed := &checkedWriter{Writer: out}
	code := runCommand(args, printed, errOut, early)
	// A reader that has enough is no failure, and another one has been explained.
	if printed.err == nil || errors.Is(printed.err, syscall.EPIPE) || code != exitOK {
		return code
	}
	fmt.Fprintln(errOut, "director: writing to standard output:", printed.err)
	return exitFailure
}

// checkedWriter keeps the first error.
type checkedWriter struct {
	io.Writer
	err error
}

// isTerminal says whether people read what is printed.
func (w *checkedWriter) isTerminal() bool {
	f, ok := w.Writer.(*os.File)
	return ok && isTerminal(f)
}

func (w *checkedWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if w.err == nil {
		w.err = err
	}
	return n, err
}

func runCommand(args []string, out, errOut io.Writer, early *supervisor.Signals) int {
	io := streams{out, errOut, early}
	if len(args) > 0 && args[0] == "worker" {
		return exitStatus(process.Worker(args[1:], errOut), errOut)
	}
	if len(args) == 1 && args[0] == signalhold.Command {
		_ = worker.SetProcessName(worker.ProcessName("signals")) // for ps only
		return exitStatus(signalhold.Run(), errOut)
	}
	if commandline.IsMeant(os.Args[0], args) {
		return exitStatus(runKeepalived(args, io), errOut)
	}
	args = separateNegatives(args)
	exit := -1
	parser, err := kong.New(&commands{},
		kong.Name("director"), kong.Description(description),
		kong.Writers(out, errOut), kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Exit(func(code int) { exit = code }),
		kong.Bind(io), kong.TypeMapper(reflect.TypeFor[netip.Addr](), kong.MapperFunc(addressOf)),
	)
	if err != nil {
		fmt.Fprintln(errOut, "director:", err)
		return exitFailure
	}
	ctx, err := parser.Parse(args)
	if exit >= 0 { // --help has been printed
		return exit
	}
	if err == nil {
		err = ctx.Run()
	} else {
		err = fmt.Errorf("%w (see %s --help)", err, commandOf(err))
	}
	return exitStatus(err, errOut)
}

// commandOf is the command in whose words a mistake is.
func commandOf(err error) string {
	var mistake *kong.ParseError
	if errors.As(err, &mistake) && mistake.Context != nil {
		if command := mistake.Context.Selected(); command != nil {
			return command.FullPath()
		}
	}
	return "director"
}

// addressOf reads an address of the command line.
func addressOf(ctx *kong.DecodeContext, to reflect.Value) error {
	var word string
	if err := ctx.Scan.PopValueInto("address", &word); err != nil {
		return err
	}
	a, err := netip.ParseAddr(word)
	if err != nil {
		return fmt.Errorf("%q is not an IP address", word)
	}
	to.Set(reflect.ValueOf(a))
	return nil
}

// exitStatus is what err means for the shell; it tells the user if that was
// not done yet.
func exitStatus(err error, errOut io.Writer) int {
	var s exitCode
	switch {
	case errors.As(err, &s):
		return int(s)
	case err != nil:
		fmt.Fprintln(errOut, "director:", err)
		return exitFailure
	}
	return exitOK
}
