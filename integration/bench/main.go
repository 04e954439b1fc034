//go:build linux

// The bench measures what a failover costs, with director and with Debian's
// keepalived in the same run, and writes docs/benchmarks.md. Times of VRRP
// come from this machine's own kernel, in network namespaces; what a client
// sees comes from the lab, which is a guest where this kernel has no IPVS.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/lvs-director/director/integration/guest"
	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
	"github.com/lvs-director/director/integration/traffic"
)

func main() {
	traffic.Main()
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// trials is how often each figure is measured; the tables show medians.
const trials = 10

func run(ctx context.Context) error {
	out := flag.String("out", filepath.Join(lab.ModuleRoot(), "docs", "benchmarks.md"), "the file to write")
	n := flag.Int("trials", trials, "how often each figure is measured")
	flag.Parse()
	gapsFile := filepath.Join(stage.LogsDir(), "bench.json")

	if guest.Inside() {
		return writeGaps(gapsFile, *n)
	}
	fmt.Println("This measures failovers in network namespaces, for about twenty minutes. Nothing on this")
	fmt.Println("machine's network is changed; other work on the machine shows in the figures.")
	tidy, _, _, err := stage.Set(ctx, stage.Needs{})
	defer tidy()
	if err != nil {
		return err
	}
	var report report
	report.Machine = describeMachine()
	for _, s := range series {
		for _, kind := range kinds() {
			row, err := measureSeries(s, kind, *n)
			if err != nil {
				return err
			}
			report.Times = append(report.Times, row)
		}
	}

	_, elsewhere, status, err := stage.Set(ctx, stage.Needs{IPVS: true})
	switch {
	case err != nil:
		return err
	case elsewhere && status != 0:
		return fmt.Errorf("the part in the guest ended with status %d", status)
	case !elsewhere:
		if err := writeGaps(gapsFile, *n); err != nil {
			return err
		}
	}
	report.InGuest = elsewhere
	text, err := os.ReadFile(gapsFile)
	if err != nil {
		return fmt.Errorf("read the figures of the lab: %w", err)
	}
	if err := json.Unmarshal(text, &report.Gaps); err != nil {
		return fmt.Errorf("read the figures of the lab: %w", err)
	}
	if err := os.WriteFile(*out, []byte(report.markdown(*n)), 0o644); err != nil {
		return err
	}
	fmt.Println("written:", *out)
	return nil
}

// kinds are measured in this order, one after the other in each series.
func kinds() []pair.Kind { return []pair.Kind{stage.Keepalived(), stage.Director()} }
