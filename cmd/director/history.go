package main

import (
	"errors"
	"fmt"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/lvs-director/director/cmd/director/screen"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/history"
	"github.com/lvs-director/director/supervisor/status"
	"github.com/lvs-director/director/words"
)

type historyCmd struct {
	byPid
	File   string `short:"f" placeholder:"FILE" help:"Configuration file whose history is shown; default the running director's, else as for check."`
	Number string `arg:"" optional:"" help:"Print the text of this configuration."`
	JSON   bool   `name:"json" help:"Print JSON."`
}

// Help is the example that "director history --help" shows.
func (historyCmd) Help() string {
	return `Lists the configurations that were in force, the newest first; * marks the one that is. With a number it prints
that configuration's text, passwords included.

Example: director history`
}

// Run lists the history, or prints one configuration of it.
func (c *historyCmd) Run(io streams) error {
	number, err := entryNumber(c.Number)
	if err != nil {
		return err
	}
	var now control.ConfigState
	err = control.Ask(c.run(), http.MethodGet, "/v1/about", 10*time.Second, nil, &now)
	running := err == nil
	if err != nil && !errors.Is(err, control.ErrNoDirector) {
		return err
	}
	file := c.File
	if running && file == "" {
		file, c.StateDir = now.Config, now.StateDir
	}
	if file, err = load.FindFile(file); err != nil {
		return err
	}
	if running {
		screen.Attention(io.err, now, time.Now())
	}
	store, err := history.Look(c.StateDir, file)
	if err != nil {
		return err
	}
	if number != 0 {
		return printText(io, store, number)
	}
	entries, err := store.List()
	if err != nil {
		return err
	}
	unreadable, err := store.Unreadable()
	if err != nil {
		return err
	}
	list := control.NewHistory(entries, unreadable, now)
	if c.JSON {
		return control.Write(io.out, list, true)
	}
	for _, u := range list.Unreadable {
		fmt.Fprintf(io.err, "director: note: configuration %d of the history cannot be read: %s\n", u.Number, u.Error)
	}
	if len(entries) == 0 {
		fmt.Fprintf(io.out, "no configuration of %s was kept in %s\n", file, c.StateDir)
		return nil
	}
	tab := tabwriter.NewWriter(io.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tab, "NUMBER\tIN FORCE SINCE\tDIGEST\tINSTANCES\tVIRTUAL SERVERS\tWHY")
	for _, e := range list.Configurations {
		mark, why := "", e.Reason
		if e.InForce {
			mark = " *"
		}
		if e.Unconfirmed {
			why += ", never confirmed"
			if e.InForce && now.ConfirmUntil != nil {
				why = e.Reason + ", not confirmed yet"
			}
		}
		fmt.Fprintf(tab, "%d%s\t%s\t%s\t%d\t%d\t%s\n", e.Number, mark, e.Time.Local().Format("2006-01-02 15:04:05"),
			words.ShortDigest(e.Digest), e.Instances, e.VirtualServers, why)
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	if running {
		for _, line := range status.Remarks(now) {
			fmt.Fprintln(io.out, "-", line)
		}
	}
	return nil
}

// printText prints a configuration; with several files, each after its name.
func printText(io streams, store *history.Store, number int) error {
	e, text, err := store.Load(number)
	if err != nil {
		return err
	}
	if w, ok := io.out.(*checkedWriter); ok && w.isTerminal() || len(text.Files) > 1 {
		fmt.Fprintf(io.out, "# configuration %d, %s, %s\n", e.Number, e.Time.Local().Format(time.RFC3339), e.Reason)
	}
	for _, f := range text.Files {
		if len(text.Files) > 1 {
			fmt.Fprintf(io.out, "# file %s\n", f.Name)
		}
		fmt.Fprint(io.out, f.Text)
	}
	return nil
}
