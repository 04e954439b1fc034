package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"text/tabwriter"
	"time"

	"github.com/lvs-director/director/cmd/director/internal/history"
)

type historyCmd struct {
	daemonDirs
	File   string `short:"f" placeholder:"FILE" help:"Configuration file whose history is shown; default the running director's, else as for check."`
	Number int    `arg:"" optional:"" help:"Print the text of this configuration."`
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
	var now configState
	err := ask(c.daemonDirs, http.MethodGet, "/v1/about", 10*time.Second, nil, &now)
	running := err == nil
	if err != nil && !errors.Is(err, errNoDirector) {
		return err
	}
	file := c.File
	if running && file == "" {
		file, c.StateDir = now.Config, now.StateDir
	}
	if file, err = configFile(file); err != nil {
		return err
	}
	if running {
		printAttention(io.err, now)
	}
	store, err := history.Look(c.StateDir, file)
	if err != nil {
		return err
	}
	if c.Number != 0 {
		return printText(io, store, c.Number)
	}
	entries, err := store.List()
	if err != nil {
		return err
	}
	if c.JSON {
		enc := json.NewEncoder(io.out)
		enc.SetIndent("", "  ")
		return enc.Encode(jsonHistory(entries, now))
	}
	if len(entries) == 0 {
		fmt.Fprintf(io.out, "no configuration of %s was kept in %s\n", file, c.StateDir)
		return nil
	}
	tab := tabwriter.NewWriter(io.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tab, "NUMBER\tIN FORCE SINCE\tDIGEST\tINSTANCES\tVIRTUAL SERVERS\tWHY")
	for _, e := range jsonHistory(entries, now) {
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
			shortDigest(e.Digest), e.Instances, e.VirtualServers, why)
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	if running {
		for _, line := range now.remarks() {
			fmt.Fprintln(io.out, "-", line)
		}
	}
	return nil
}

// historyLine is a line of director history.
type historyLine struct {
	history.Entry
	InForce     bool `json:"in_force"`
	Unconfirmed bool `json:"unconfirmed,omitempty"`
}

// jsonHistory is the history, the newest first.
func jsonHistory(entries []history.Entry, now configState) []historyLine {
	lines := make([]historyLine, 0, len(entries))
	for i := len(entries) - 1; i >= 0; i-- {
		e := entries[i]
		lines = append(lines, historyLine{Entry: e, InForce: now.Number == e.Number, Unconfirmed: e.Unconfirmed})
	}
	return lines
}

// printText prints a configuration; with several files, each after its name.
func printText(io streams, store *history.Store, number int) error {
	e, text, err := store.Load(number)
	if err != nil {
		return err
	}
	if f, ok := io.out.(*os.File); ok && isTerminal(f) || len(text.Files) > 1 {
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
