package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

const slowest = 10

// report writes the summary and returns the exit status.
func report(out io.Writer, results []*result, list []allowed, ci bool) int {
	fmt.Fprintln(out, "\n==== What the suites took")
	var total time.Duration
	var tests []ended
	passed, failed, skipped := 0, 0, 0
	for _, r := range results {
		total += r.took
		tests = append(tests, r.tops...)
		passed, failed, skipped = passed+r.passed, failed+len(r.failed), skipped+len(r.skipped)
		fmt.Fprintf(out, "%6.1f min  %-7s %s\n", r.took.Minutes(), r.suite, r.verdict())
	}
	fmt.Fprintf(out, "%6.1f min  in all\n", total.Minutes())

	slices.SortFunc(tests, func(a, b ended) int { return cmp.Compare(b.took, a.took) })
	if len(tests) > 0 {
		fmt.Fprintf(out, "\n==== The slowest tests\n")
	}
	for _, t := range tests[:min(slowest, len(tests))] {
		fmt.Fprintf(out, "%7.1f s  %s %s\n", t.took.Seconds(), t.pkg, t.test)
	}

	unlisted := reportSkips(out, results, list)
	reportLeftOut(out, results)
	fmt.Fprintf(out, "\n==== %d tests and subtests passed, %d failed, %d were skipped\n", passed, failed, skipped)
	var wrong []string
	for _, r := range results {
		if r.failure != "" || len(r.failed) > 0 {
			wrong = append(wrong, r.complaint())
		}
	}
	if ci && unlisted > 0 {
		wrong = append(wrong, fmt.Sprintf("%d tests were skipped that are not listed in integration/suites/skips.txt",
			unlisted))
	}
	reportFailures(out, results)
	if len(wrong) > 0 {
		fmt.Fprintf(out, "FAILED:\n    %s\n", strings.Join(wrong, "\n    "))
		return 1
	}
	fmt.Fprintln(out, "PASSED")
	return 0
}

// reportFailures repeats the last lines of the failed tests: what came before them may be
// far away, or cut off.
func reportFailures(out io.Writer, results []*result) {
	for _, r := range results {
		for _, t := range r.failed {
			if len(t.said) > 0 {
				fmt.Fprintf(out, "%s %s:\n    %s\n", t.pkg, t.test, strings.Join(t.said, "\n    "))
			}
		}
	}
}

// reportSkips lists the skipped tests with the reasons, except those that ran in
// another suite. It returns how many are not on the list.
func reportSkips(out io.Writer, results []*result, list []allowed) (unlisted int) {
	ran := map[key]bool{}
	for _, r := range results {
		for _, t := range r.tops {
			if t.reason == "" {
				ran[key{t.pkg, t.test}] = true
			}
		}
	}
	begun := false
	for _, r := range results {
		for _, t := range r.skipped {
			if !begun {
				fmt.Fprintln(out, "\n==== Skipped, and why")
				begun = true
			}
			note := ""
			if _, listed := find(list, t.pkg, t.test); !listed {
				unlisted++
				note = "  NOT LISTED"
			} else if ran[key{t.pkg, t.test}] {
				note = "  (ran in the suite kernel)"
			}
			fmt.Fprintf(out, "%s %s: %s%s\n", t.pkg, t.test, t.reason, note)
		}
	}
	return unlisted
}

// reportLeftOut lists the tests that the quick form left out.
func reportLeftOut(out io.Writer, results []*result) {
	for _, r := range results {
		if len(r.without) > 0 {
			fmt.Fprintf(out, "\n==== Left out of %s, as integration/suites/skips.txt says why; .ci/run runs them\n%s\n",
				r.suite, strings.Join(r.without, " "))
		}
	}
}

func (r *result) verdict() string {
	if r.failure != "" || len(r.failed) > 0 {
		return "FAILED"
	}
	if r.passed == 0 {
		return "passed"
	}
	return fmt.Sprintf("passed: %d tests and subtests, %d skipped", r.passed, len(r.skipped))
}

// complaint describes why a suite failed: its failed tests, or its own failure.
func (r *result) complaint() string {
	var tests []string
	for _, t := range r.failed {
		if !strings.Contains(t.test, "/") {
			tests = append(tests, t.pkg+" "+t.test)
		}
	}
	text := r.suite
	if r.failure != "" {
		text += ": " + r.failure
	}
	if len(tests) > 0 {
		text += ": " + strings.Join(tests, ", ")
	}
	return text + " (integration/logs/" + r.suite + ".log)"
}
