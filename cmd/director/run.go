package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/cmd/director/internal/history"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/notify"
	"github.com/lvs-director/director/notify/program"
	"github.com/lvs-director/director/notify/tracking"
	"github.com/lvs-director/director/worker"
)

type runCmd struct {
	File     string `short:"f" placeholder:"FILE" help:"Configuration file; default /etc/director/director.conf, else /etc/keepalived/keepalived.conf."`
	ConfigID string `short:"i" name:"config-id" placeholder:"ID" help:"Lines that begin with @ID are read; default the host's name."`
	Strict   bool   `help:"Warnings of the configuration are errors."`

	OnlyVRRP      bool `name:"only-vrrp" help:"Only VRRP, no virtual servers (keepalived's -P)."`
	OnlyCheckers  bool `name:"only-checkers" help:"Only virtual servers and checkers, no VRRP (keepalived's -C)."`
	KeepAddresses bool `name:"keep-addresses" help:"Leave virtual addresses in place when stopping (keepalived's -V)."`
	KeepServices  bool `name:"keep-services" help:"Leave the IPVS table in place when stopping (keepalived's -I)."`
	NoFallback    bool `name:"no-fallback" help:"Do not start with the last good configuration when the file has errors: stay down."`
	Takeover      bool `help:"Go ahead although another keepalived or director serves the same VRID or virtual server here; it is not stopped."`

	daemonDirs
	LogFormat string `enum:"text,json" default:"text" help:"Format of the log on standard error: text or json."`
}

// Help is the example that "director run --help" shows.
func (runCmd) Help() string {
	return `Runs until TERM or INT; HUP reads the configuration again. Logs go to standard error. When the file has
errors, the last configuration that was good runs instead, and everything says so.

Example: director run -f /etc/keepalived/keepalived.conf`
}

// Run is the supervisor's process from its start to its end.
func (c *runCmd) Run(std streams) error {
	log, flush := newLogger(std.err, c.LogFormat)
	defer flush()
	stop, hup := make(chan os.Signal, 2), make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(stop)
	defer signal.Stop(hup)
	if text, ok := os.LookupEnv(handDownVar); ok {
		return c.goOn(log, flush, text, stop, hup)
	}
	file, err := configFile(c.File)
	if err != nil {
		return err
	}
	c.File = file
	start, err := c.choose(log)
	if err != nil {
		_ = conf.WriteFindings(std.err, start.disk.findings, isTerminal(std.err))
		return err
	}
	cfg := start.current.cfg
	loadModules(cfg)
	logFindings(log, start.current.findings)
	if err := permitted(cfg); err != nil {
		return err
	}
	lock, err := lockRunDir(c.daemonDirs)
	if err != nil {
		return err
	}
	defer lock.Close()
	defer os.Remove(c.pidFile())
	if err := c.refuseConflicts(log, cfg); err != nil {
		return err
	}
	listener, err := listenControl(c.control())
	if err != nil {
		return err
	}
	defer listener.Close()

	s := c.supervisor(log, flush)
	s.current, s.disk, s.fallback = start.current, start.disk, start.fallback
	if s.history, err = history.Open(c.StateDir, c.File); err != nil {
		s.historyFailed(err)
	}
	return s.serve(listener, lock, stop, hup, nil)
}

// supervisor makes one without a configuration.
func (c *runCmd) supervisor(log *slog.Logger, flush func()) *supervisor {
	return &supervisor{
		log: log, flush: flush, opts: c,
		load:     c.load,
		loadText: c.loadText,
		notify:   notify.New(notify.Options{Log: log, Runner: &program.Runner{}}),
		tracking: tracking.New(tracking.Options{Log: log, Runner: &program.Runner{}}),
		release: map[string]func() error{
			vrrpWorker: func() error { return releaseAddresses(c.daemonDirs, log) },
			lvsWorker:  func() error { return releaseServices(c.daemonDirs, log) },
		},
		ready:    notifyServiceManager(log),
		events:   make(chan worker.Event),
		requests: make(chan func()),
		loaded:   make(chan loaded),
		done:     make(chan struct{}),
	}
}

// serve runs the supervisor with its signals and its control socket; inherited
// is what it goes on with, nil at a start.
func (s *supervisor) serve(listener *net.UnixListener, lock *os.File, stop, hup chan os.Signal, inherited *handDown) error {
	group, ctx := errgroup.WithContext(context.Background())
	ctx, cancel := context.WithCancel(ctx)
	s.gate, s.lock, s.stopSignals, s.hup = newGate(listener), lock, stop, hup
	group.Go(func() error { return serveControl(ctx, s.gate, s) })
	group.Go(func() error {
		defer cancel()
		return s.run(ctx, inherited)
	})
	return group.Wait()
}

// logFindings writes what was found in a configuration that is about to run,
// or not to. Notes are for director check.
func logFindings(log *slog.Logger, findings []conf.Finding) {
	for _, f := range findings {
		switch f.Severity {
		case conf.Error:
			log.Error("configuration", "at", f.Pos.String(), "problem", f.Message)
		case conf.Warning:
			log.Warn("configuration", "at", f.Pos.String(), "problem", f.Message)
		}
	}
}

// notifyServiceManager tells systemd, when it started us, of our state.
func notifyServiceManager(log *slog.Logger) func(string) {
	return func(state string) {
		if _, err := daemon.SdNotify(false, state); err != nil {
			log.Warn("telling the service manager", "state", state, "error", err)
		}
	}
}

// reloadingNow is the state systemd wants at a reload: both fields in one datagram.
func reloadingNow() string {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // cannot fail for this clock
	return fmt.Sprintf("%s\nMONOTONIC_USEC=%d", daemon.SdNotifyReloading, now.Nano()/1000)
}
