package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/realserver"
)

type realserverCmd struct {
	VIP      []netip.Addr `arg:"" optional:"" help:"The virtual addresses."`
	Method   string       `default:"dr" enum:"dr,tun,nat" help:"How the directors forward: dr, tun or nat (default dr)."`
	File     string       `short:"f" placeholder:"FILE" help:"Take addresses and methods from a configuration instead."`
	Server   netip.Addr   `name:"server" placeholder:"ADDRESS" help:"With -f: only what this real server needs."`
	Format   string       `default:"commands" enum:"commands,sysctl,ifupdown,networkd" help:"Print commands, or a file for sysctl, ifupdown or networkd."`
	Apply    bool         `xor:"do" help:"Apply the settings to this host, the real server."`
	Undo     bool         `xor:"do" help:"Undo what --apply did."`
	StateDir string       `name:"state-dir" default:"/var/lib/director" placeholder:"DIR" help:"Where --apply saves the previous settings."`
}

// Help is the example that "director realserver --help" shows.
func (realserverCmd) Help() string {
	return `Prints what a real server needs for the directors to forward to it: the virtual address on a device that does
not announce it (DR, TUN), or the way back (NAT). --apply does it on this host until the next boot.

Example: director realserver 192.0.2.10 --method dr
         director realserver 192.0.2.10 --method dr --format networkd`
}

// Run prints, or does, what a real server needs.
func (c *realserverCmd) Run(std streams) error {
	state := filepath.Join(c.StateDir, "realserver.json")
	if c.Undo {
		return realserver.Undo(state)
	}
	p, err := c.plan()
	if err != nil {
		return err
	}
	if c.Apply {
		return realserver.Apply(p, state)
	}
	text := map[string]func() string{
		"sysctl": p.Sysctl, "ifupdown": p.Ifupdown, "networkd": p.Networkd,
		"commands": func() string { return p.Commands() + "\n" + p.Words() },
	}[c.Format]()
	if _, err := io.WriteString(std.out, text); err != nil {
		return fmt.Errorf("writing the plan: %w", err)
	}
	return nil
}

func (c *realserverCmd) plan() (realserver.Plan, error) {
	switch {
	case c.File != "" && len(c.VIP) > 0:
		return realserver.Plan{}, errors.New("give either virtual addresses or -f")
	case c.File == "":
		method := map[string]conf.ForwardMethod{"dr": conf.DR, "tun": conf.TUN, "nat": conf.NAT}[c.Method]
		return realserver.For(c.VIP, method)
	}
	cfg, findings := load.Load(c.File, load.Options{})
	if conf.HasErrors(findings) {
		return realserver.Plan{}, fmt.Errorf("%s has errors: director check shows them", c.File)
	}
	return realserver.Configured(cfg, c.Server)
}
