//go:build linux

// The bench measures director and Debian's keepalived in the same run, and writes
// docs/benchmarks.md. The times of VRRP come from network namespaces on this machine's own kernel.
// What a client sees comes from the lab, which is a guest if this kernel has no IPVS.
//
// The bench consists of parts. Each part stores its figures in a file of its own, and the report is
// made from these files. A new run of one part replaces only the figures of that part.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/integration/bench/scale"
	"github.com/lvs-director/director/integration/guest"
	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
	"github.com/lvs-director/director/integration/traffic"
)

func main() {
	beChecks()
	beServers()
	traffic.Main()
	scale.Main()
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// parts are measured and reported in this order.
func parts() []part {
	return []part{
		newPart("failover", "failovers in network namespaces", measureFailovers, failoverSection),
		newPart("clients", "what a client sees of a failover, in the lab", measureClients, clientSection).inLab(),
		newPart("check", "checking large configurations", measureChecking, checkingSection),
		newPart("steady", "1,000 virtual routers at rest", measureSteady, steadySection),
		newPart("moves", "thousands of virtual routers that move", measureMoves, movesSection),
		newPart("announce", "the announcements of thousands of addresses", measureAnnouncements, announceSection),
		newPart("table", "filling the IPVS table, in the lab", measureFilling, fillingSection).inLab(),
		newPart("reload", "a reload of a large table, in the lab", measureReloads, reloadsSection).inLab(),
		newPart("weights", "changing weights, in the lab", measureWeights, weightsSection).inLab(),
		newPart("reconcile", "comparing a table that nobody changes, in the lab", measureRounds, roundsSection).inLab(),
		newPart("checks", "a table with checks, in the lab", measureCheckedTable, checkedTableSection).inLab(),
		newPart("cost", "what a check costs, in the lab", measureCosts, costsSection).inLab(),
		newPart("death", "from the death of a real server to its leaving the table, in the lab", measureDeaths,
			deathSection).inLab(),
		newPart("told", "telling of ten thousand transitions", measureTold, toldSection),
		newPart("readers", "advertisements while others read", measureReaders, readersSection),
		newPart("large", "40,000 real servers that are read, in the lab", measureLarge, largeSection).inLab(),
		newPart("scale", "one director as it grows, in the lab", scale.Measure, scale.Section).inLab(),
		newPart("load", "failovers that should not happen, on a busy machine", measureLoad, loadSection),
		newPart("bfd", "BFD sessions: what they use, and downs that should not happen", measureBFD, bfdSection),
	}
}

func names(list []part) string {
	var all []string
	for _, p := range list {
		all = append(all, p.name)
	}
	return strings.Join(all, ", ")
}

func run(ctx context.Context) error {
	all := parts()
	out := flag.String("out", filepath.Join(lab.ModuleRoot(), "docs", "benchmarks.md"), "the file to write")
	trials := flag.Int("trials", 10, "how often each figure is measured; the slow ones less often")
	only := flag.String("only", "",
		"the parts to measure, separated by commas: "+names(all)+"; none only writes the report")
	counted := flag.Bool("counted", false,
		"let the guest's clock count instructions: for parts of the lab, on a machine that has other work too")
	page := flag.String("into", "", "a page of the documents, besides: the figures between its marks are written anew")
	flag.Parse()
	if *counted {
		os.Setenv(guest.CountedVar, "1")
	}
	chosen, err := choose(all, *only)
	if err != nil {
		return err
	}
	if guest.Inside() {
		return measureInLab(all, *trials)
	}
	fmt.Println("The bench runs in network namespaces and in the lab for about half an hour. It does not change this")
	fmt.Println("machine's network. Other work on the machine distorts the figures.")
	tidy, _, _, err := stage.Set(ctx, stage.Needs{})
	defer tidy()
	if err != nil {
		return err
	}
	var failed []error
	for _, p := range chosen {
		began := time.Now()
		fmt.Printf("%s %s: %s\n", began.Format(time.TimeOnly), p.name, p.what)
		if p.lab {
			err = elsewhere(ctx, p, *trials)
		} else {
			err = p.measure(*trials)
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "bench: %s: %v\n", p.name, err)
			failed = append(failed, fmt.Errorf("%s: %w", p.name, err))
		}
		fmt.Printf("%s %s: took %v\n", time.Now().Format(time.TimeOnly), p.name, time.Since(began).Round(time.Second))
		// Write the report after each part: a later part may never end.
		if err := writeReport(*out, all); err != nil {
			return err
		}
	}
	if err := writeReport(*out, all); err != nil {
		return err
	}
	fmt.Println("written:", *out)
	if *page != "" {
		if err := writeInto(*page, all); err != nil {
			return errors.Join(append(failed, err)...)
		}
		fmt.Println("written:", *page)
	}
	return errors.Join(failed...)
}

// choose returns the parts that -only names, or all parts without -only.
func choose(all []part, only string) ([]part, error) {
	switch only {
	case "":
		return all, nil
	case "none":
		return nil, nil
	}
	var chosen []part
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(all, func(p part) bool { return p.name == strings.TrimSpace(name) })
		if i < 0 {
			return nil, fmt.Errorf("there is no part %q; the parts are %s", name, names(all))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// elsewhere measures a part that needs the lab, which may be in the guest. There this program runs
// again, with the same arguments, and measures only this part.
func elsewhere(ctx context.Context, p part, trials int) error {
	if err := errors.Join(p.forget(), fetchIpvsadm(ctx)); err != nil {
		return err
	}
	os.Setenv(partVar, p.name)
	tidy, inGuest, status, err := stage.Set(ctx, stage.Needs{IPVS: true})
	defer tidy()
	switch {
	case err != nil:
		return p.fail(err)
	case !inGuest:
		return p.measure(trials)
	}
	k, err := p.kept()
	if err != nil {
		return p.fail(fmt.Errorf("the guest ended with status %d and left no figures: %w", status, err))
	}
	if err := p.keep(k); err != nil { // the guest does not know the commit
		return err
	}
	if k.Error != "" {
		return errors.New(k.Error)
	}
	return nil
}

// partVar in the environment names the part that is measured in the guest.
const partVar = "DIRECTOR_BENCH_PART"

// measureInLab is what this program does in the guest.
func measureInLab(all []part, trials int) error {
	chosen, err := choose(all, os.Getenv(partVar))
	if err != nil {
		return err
	}
	var failed []error
	for _, p := range chosen {
		if p.lab {
			failed = append(failed, p.measure(trials))
		}
	}
	return errors.Join(failed...)
}

// kinds are measured in this order, one after the other.
func kinds() []pair.Kind { return []pair.Kind{stage.Keepalived(), stage.Director()} }
