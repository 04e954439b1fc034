//go:build linux

// The demo runs a pair of directors, three real servers and a client that sends
// a request every 20 ms, breaks one thing after the other and prints what the
// client sees. It runs in namespaces of its own, or in a guest if this machine's
// kernel has no IPVS; it does not touch the machine's network. Its exit status is
// 1 if an event cost the client more than its limit.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/lvs-director/director/integration/guest"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
	"github.com/lvs-director/director/integration/traffic"
)

func main() {
	traffic.Main()
	os.Exit(run())
}

func run() int {
	compare := flag.Bool("compare", false, "play the same with Debian's keepalived and show both")
	keep := flag.Bool("keep", false, "leave the lab running in the end, with a prompt to look inside")
	flag.Parse()
	if !guest.Inside() {
		fmt.Println("This starts a lab: a client, two directors and three real servers in network namespaces,")
		fmt.Println("in a QEMU guest if this kernel has no IPVS. Nothing on this machine's network is changed.")
	}
	var stdin io.Reader
	if *keep {
		stdin = os.Stdin
	}
	tidy, elsewhere, status, err := stage.Set(context.Background(), stage.Needs{IPVS: true, Stdin: stdin})
	defer tidy()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "demo:", err)
		return 1
	case elsewhere:
		return status
	}

	kinds := []pair.Kind{stage.Director()}
	if *compare {
		kinds = []pair.Kind{stage.Keepalived(), stage.Director()}
	}
	var all []row
	for i, kind := range kinds {
		last := i == len(kinds)-1
		rows, ok := play(kind, *keep && last)
		all = append(all, rows...)
		if !ok {
			return 1
		}
	}
	printTable(os.Stdout, all)
	for _, r := range all {
		if r.verdict() == missed && r.kind == stage.Director().Name() {
			return 1
		}
	}
	return 0
}
