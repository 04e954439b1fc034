package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() { os.Exit(run()) }

func run() int {
	isQuick := flag.Bool("quick", false,
		"run the suites in their quick form, as make test does; NAME:long runs one in its long form")
	isShort := flag.Bool("short", false, "run the suites in their short form, as .ci/run does")
	ci := flag.Bool("ci", false, "fail for a test that was skipped and is not on the list; print each test")
	limit := flag.Duration("limit", 3*time.Hour, "end what runs after this time, and fail")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "usage: suites [flags] SUITE...\nThe suites: %s.\n",
			strings.Join(names(), ", "))
		flag.PrintDefaults()
	}
	flag.Parse()

	usual := long
	switch {
	case *isQuick:
		usual = quick
	case *isShort:
		usual = short
	}
	wanted, err := choose(flag.Args(), usual)
	if err != nil {
		fmt.Fprintln(os.Stderr, "suites:", err)
		return 2
	}
	list, err := readSkipList(skipList)
	if err != nil {
		fmt.Fprintln(os.Stderr, "suites:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := withLimit(ctx, *limit)
	defer cancel()

	if *ci {
		os.Setenv("CI", "true")
	}
	logs := filepath.Join("integration", "logs")
	if err := os.MkdirAll(logs, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, "suites:", err)
		return 2
	}
	var results []*result
	for _, s := range wanted {
		results = append(results, s.run(ctx, list, filepath.Join(logs, s.name+".log"), *ci))
	}
	return report(os.Stdout, results, list, *ci)
}

func withLimit(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, limit, fmt.Errorf("the limit of %v is over", limit))
}
