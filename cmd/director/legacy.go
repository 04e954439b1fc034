package main

import (
	"fmt"
	"os"
	"strings"
)

// legacyCmd is the command line that keepalived's users and service files
// have: flags and no command. Those that mean nothing here (director never
// forks, always logs in detail to standard error) are taken without effect.
type legacyCmd struct {
	File        string `short:"f" name:"use-file" placeholder:"FILE" help:"Configuration file."`
	Test        bool   `short:"t" name:"config-test" help:"Check the configuration and exit."`
	TestOutput  string `name:"config-test-output" hidden:""`
	ConfigID    string `short:"i" name:"config-id" placeholder:"ID" help:"Read lines that begin with @ID; default is the host name."`
	LocalConfig string `name:"local-config" placeholder:"FILE" help:"File with director's own words, read behind the main one; default /etc/director/local.conf, if it exists, behind a default file."`

	OnlyVRRP     bool `short:"P" name:"vrrp" help:"Only VRRP, no virtual servers."`
	OnlyCheckers bool `short:"C" name:"check" help:"Only virtual servers and checkers, no VRRP."`
	KeepVIPs     bool `short:"V" name:"dont-release-vrrp" help:"Leave virtual addresses in place when stopping."`
	KeepIPVS     bool `short:"I" name:"dont-release-ipvs" help:"Leave the IPVS table in place when stopping."`

	DontFork   bool `short:"n" name:"dont-fork" help:"Without effect: director never forks."`
	LogConsole bool `short:"l" name:"log-console" help:"Without effect: director logs to standard error."`
	LogDetail  bool `short:"D" name:"log-detail" help:"Without effect: director logs every event once."`
	Version    bool `short:"v" name:"version" help:"Print the version."`

	daemonDirs
	LogLevel string `enum:"debug,info,warn,error" default:"info" help:"Least severe lines to log: debug, info, warn or error."`
}

// Help says where the rest is.
func (legacyCmd) Help() string {
	return "Example: director -n -l -f /etc/keepalived/keepalived.conf\nThe other commands are listed by director --help."
}

// Run runs, checks or prints the version as the flags say.
func (c *legacyCmd) Run(io streams) error {
	switch {
	case c.Version:
		return versionCmd{}.Run(io)
	case c.Test:
		if c.TestOutput != "" {
			f, err := os.Create(c.TestOutput)
			if err != nil {
				return fmt.Errorf("opening the file for the findings: %w", err)
			}
			defer f.Close()
			io.err = f
		}
		return (&checkCmd{File: c.File, ConfigID: c.ConfigID, LocalConfig: c.LocalConfig}).Run(io)
	case c.OnlyVRRP && c.OnlyCheckers:
		return fmt.Errorf("-P and -C exclude each other: leave out both to run everything")
	}
	return (&runCmd{
		File: c.File, ConfigID: c.ConfigID, LocalConfig: c.LocalConfig,
		OnlyVRRP: c.OnlyVRRP, OnlyCheckers: c.OnlyCheckers,
		KeepAddresses: c.KeepVIPs, KeepServices: c.KeepIPVS,
		daemonDirs: c.daemonDirs, LogFormat: "text", LogLevel: c.LogLevel,
	}).Run(io)
}

// splitOptionalValue makes of keepalived's -tFILE and --config-test=FILE,
// flags with an optional value, two flags.
func splitOptionalValue(args []string) []string {
	var out []string
	for _, a := range args {
		file, ok := strings.CutPrefix(a, "--config-test=")
		if !ok && strings.HasPrefix(a, "-t") && strings.ContainsAny(a, "/.") {
			file, ok = a[2:], true
		}
		if ok {
			out = append(out, "--config-test", "--config-test-output="+file)
			continue
		}
		out = append(out, a)
	}
	return out
}
