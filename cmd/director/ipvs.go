package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/supervisor/hostcheck"
	"github.com/lvs-director/director/virtualserver/ipvsadm"
)

type ipvsCmd struct {
	List   ipvsListCmd   `cmd:"" default:"withargs" help:"Print the kernel's table (default)."`
	Import ipvsImportCmd `cmd:"" help:"Convert a table to virtual_server blocks."`
}

type ipvsListCmd struct {
	byPid
	List    bool `short:"L" name:"list" help:"Print like ipvsadm -L, with the owner of each service (default)."`
	Small   bool `short:"l" name:"lower-list" hidden:""`
	Save    bool `short:"S" name:"save" help:"Print like ipvsadm -S, for ipvsadm-restore."`
	Numeric bool `short:"n" name:"numeric" help:"Without effect: addresses and ports are always printed as numbers."`
	Stats   bool `name:"stats" help:"Connections, packets and bytes since the service, or the server in it, was added."`
	Rate    bool `name:"rate" help:"The same for each second, as the kernel estimates it."`
	Exact   bool `name:"exact" help:"With --stats or --rate: all digits."`

	Slots  string           `name:"slots" placeholder:"VS" help:"Who gets which client in a virtual server with mh or sh (192.0.2.10:80, fwmark 5): the fingerprint that has to be the same on all active directors, and the slots of each real server."`
	Client []netip.AddrPort `name:"client" placeholder:"ADDR:PORT" help:"With --slots: the real server that this client gets."`
}

// Help is the example that "director ipvs --help" shows.
func (ipvsCmd) Help() string {
	return `Reads the kernel's table itself; director need not run. "# director's" marks services that the director of
--run-dir has made and will remove, "# director's, adopted" those that were there before, which it keeps as wanted and
will remove as well, "# not director's" those that it leaves alone.

Example: director ipvs -Ln
         director ipvs -Ln --stats
         director ipvs --slots 192.0.2.10:80 --client 203.0.113.7:40000
         director ipvs -Sn > table.save
         director ipvs import table.save`
}

// Run prints the table.
func (c *ipvsListCmd) Run(std streams) error {
	if c.Save && (c.List || c.Small) {
		return errors.New("give either -L or -S")
	}
	if c.Slots != "" {
		return c.slots(std)
	}
	if len(c.Client) > 0 {
		return errors.New("--client is for --slots")
	}
	counters := c.Stats || c.Rate
	switch {
	case c.Stats && c.Rate:
		return errors.New("give either --stats or --rate")
	case c.Save && (counters || c.Exact):
		return errors.New("-S writes no counters: leave --stats, --rate and --exact out")
	case c.Exact && !counters:
		return errors.New("--exact is for --stats and --rate")
	}
	list, err := hostcheck.IPVSTable(c.run())
	if err != nil {
		return err
	}
	switch {
	case c.Save:
		err = ipvsadm.Save(std.out, list)
	case counters:
		err = ipvsadm.Counters(std.out, list, ipvsadm.Columns{Rate: c.Rate, Exact: c.Exact})
	default:
		err = ipvsadm.List(std.out, hostcheck.IPVSHeading(), list)
	}
	if err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	return nil
}

// slots prints who gets which client.
func (c *ipvsListCmd) slots(std streams) error {
	if c.Save || c.Stats || c.Rate || c.Exact {
		return errors.New("--slots prints one virtual server: leave -S, --stats, --rate and --exact out")
	}
	s, err := hostcheck.SlotsOf(c.run(), c.Slots)
	if err != nil {
		return err
	}
	for _, client := range c.Client {
		server, err := s.Of(client)
		if err != nil {
			return fmt.Errorf("client %s: %w", client, err)
		}
		fmt.Fprintln(std.out, client, server)
	}
	if len(c.Client) > 0 {
		return nil
	}
	return s.Write(std.out)
}

type ipvsImportCmd struct {
	byPid
	File string `arg:"" optional:"" help:"Output of ipvsadm-save -n or director ipvs -S; - is standard input; default is the running table."`
}

// Help is the example that "director ipvs import --help" shows.
func (ipvsImportCmd) Help() string {
	return `Prints virtual_server blocks for a configuration file. It adds no checks. When a line cannot be read, or
cannot be had in a configuration, nothing is printed but why, with the numbers of the lines.

Example: ipvsadm-save -n | director ipvs import - > virtual-servers.conf`
}

// Run prints the blocks.
func (c *ipvsImportCmd) Run(std streams) error {
	list, err := c.read(std)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		from := c.File
		switch from {
		case "":
			from = "the kernel's table"
		case "-":
			from = "standard input"
		}
		return fmt.Errorf("there is no virtual server in %s: nothing is imported", from)
	}
	made, err := hostcheck.Import(list, func(text string) (*conf.Config, []conf.Finding) {
		return load.LoadText("import", text, load.Options{})
	})
	if err != nil {
		return err
	}
	for _, note := range made.Notes {
		fmt.Fprintln(std.err, "director: note:", note)
	}
	if _, err := io.WriteString(std.out, made.Text); err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	return nil
}

// read reads the table that is to be imported.
func (c *ipvsImportCmd) read(std streams) ([]ipvsadm.Service, error) {
	from := os.Stdin
	switch c.File {
	case "":
		return hostcheck.IPVSTable(c.run())
	case "-":
	default:
		f, err := os.Open(c.File)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		from = f
	}
	text, err := io.ReadAll(io.LimitReader(from, ipvsadm.MaxText+1))
	if err != nil {
		return nil, fmt.Errorf("reading the table: %w", err)
	}
	list, wrong := ipvsadm.Parse(string(text))
	for _, e := range wrong {
		fmt.Fprintf(std.err, "%s:%d: %v\n", c.File, e.Line, e.Err)
	}
	if len(wrong) > 0 {
		return nil, fmt.Errorf("nothing is imported from %s", c.File)
	}
	ipvsadm.Sort(list)
	return list, nil
}
