package main

import (
	"fmt"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/effective"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/supervisor/control"
)

type configCmd struct {
	namedFile
	File        string `short:"f" placeholder:"FILE" help:"Configuration file; default as for check."`
	ConfigID    string `short:"i" name:"config-id" placeholder:"ID" help:"Read lines that begin with @ID; default is the host name."`
	LocalConfig string `name:"local-config" placeholder:"FILE" help:"File with director's own words, read behind the main one; default /etc/director/local.conf, if it exists, behind a default file."`
	JSON        bool   `name:"json" help:"Print JSON."`
}

// Help is the example that "director config --help" shows.
func (configCmd) Help() string {
	return `Prints the effective configuration: defaults filled in, inheritance applied, includes and definitions expanded,
each value with where it came from. Secrets are masked. Exit status 1 when the file has errors.

Example: director config -f /etc/keepalived/keepalived.conf`
}

// Run prints the effective configuration.
func (c *configCmd) Run(std streams) error {
	if err := c.into(&c.File); err != nil {
		return err
	}
	file, err := load.FindFile(c.File)
	if err != nil {
		return err
	}
	cfg, findings := load.Load(file, load.Options{ConfigID: c.ConfigID, Local: c.LocalConfig})
	if conf.HasErrors(findings) {
		_ = conf.WriteFindings(std.err, control.WorthSaying(findings), isTerminal(std.err))
		return fmt.Errorf("%s has errors: there is no effective configuration", file)
	}
	if c.JSON {
		err = control.Write(std.out, control.EffectiveConfig{File: file, Blocks: effective.Sections(cfg)}, true)
	} else {
		err = effective.Render(std.out, cfg)
	}
	if err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	return nil
}
