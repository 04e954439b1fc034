package main

import (
	"errors"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/keepalived/commandline"
	"github.com/lvs-director/director/supervisor"
	"github.com/lvs-director/director/supervisor/daemon"
	"github.com/lvs-director/director/supervisor/startup"
	"github.com/lvs-director/director/worker"
)

type runCmd struct {
	File        string `short:"f" placeholder:"FILE" help:"Configuration file; default /etc/director/director.conf, else /etc/keepalived/keepalived.conf."`
	ConfigID    string `short:"i" name:"config-id" placeholder:"ID" help:"Read lines that begin with @ID; default is the host name."`
	LocalConfig string `name:"local-config" placeholder:"FILE" help:"File with director's own words, read behind the main one; default /etc/director/local.conf, if it exists, behind a default file."`
	Strict      bool   `help:"Treat warnings of the configuration as errors."`

	OnlyVRRP      bool `name:"only-vrrp" help:"Only VRRP, no virtual servers (keepalived's -P)."`
	OnlyCheckers  bool `name:"only-checkers" help:"Only virtual servers and checkers, no VRRP (keepalived's -C)."`
	KeepAddresses bool `name:"keep-addresses" help:"Leave virtual addresses in place when stopping (keepalived's -V)."`
	KeepServices  bool `name:"keep-services" help:"Leave the IPVS table in place when stopping (keepalived's -I)."`
	NoFallback    bool `name:"no-fallback" help:"When the file has errors, do not start with the last good configuration."`
	Takeover      bool `help:"Start although another keepalived or director serves the same VRID or virtual server here; it is not stopped."`

	daemonDirs
	LogFormat string `enum:"text,json,keepalived" default:"text" help:"Format of the log on standard error: text, json or keepalived."`
	LogLevel  string `enum:"debug,info,warn,error" default:"info" help:"Least severe lines to log: debug, info, warn or error."`
	Metrics   string `placeholder:"ADDR:PORT" help:"Serve metrics for Prometheus there, in the place of the configuration's metrics { listen }."`
	Compat    string `name:"metrics-compat" enum:"keepalived," default:"" placeholder:"keepalived" help:"Serve the metrics also by the names of the exporters for keepalived."`
}

// Help is the example that "director run --help" shows.
func (runCmd) Help() string {
	return `Runs until TERM or INT; HUP reads the configuration again. When the file has errors, the last good configuration
runs instead, and log and status say so. The log goes to standard error; when that is the journal of systemd, each
line carries its priority.

Example: director run -f /etc/keepalived/keepalived.conf`
}

// Run is the supervisor's process from its start to its end.
func (c *runCmd) Run(std streams) error {
	return c.supervise(std, worker.LogTo{
		Format: c.LogFormat, Level: c.LogLevel, Identifier: commandline.Identifier("", "", ""),
	}, nil, nil)
}

// supervise is Run with a log that goes elsewhere, and with keepalived's flags if it was
// started with them, as a daemon or not.
func (c *runCmd) supervise(
	std streams, to worker.LogTo, flags *commandline.Options, child *daemon.Child,
) error {
	log, identify, flush, err := startup.NewLog(std.err, to)
	if err != nil {
		return err
	}
	defer flush()
	err = supervisor.Run(supervisor.Options{
		Signals: std.early, Metrics: c.Metrics, MetricsCompat: c.Compat,
		File: c.File, ConfigID: c.ConfigID, LocalFile: c.LocalConfig,
		Strict: c.Strict, OnlyVRRP: c.OnlyVRRP, OnlyCheckers: c.OnlyCheckers,
		KeepAddresses: c.KeepAddresses, KeepServices: c.KeepServices, NoFallback: c.NoFallback, Takeover: c.Takeover,
		RunDir: c.run(), StateDir: c.StateDir, LogTo: to, Version: version, Log: log, Flush: flush,
		Keepalived: flags, Daemon: child, Identify: identify,
	})
	var refused *supervisor.StartError
	if errors.As(err, &refused) {
		_ = conf.WriteFindings(std.err, refused.Findings, isTerminal(std.err))
	}
	if err != nil && to.Quiet {
		log.Error("director ends", "error", err) // who started it may not be there any more
	}
	return err
}
