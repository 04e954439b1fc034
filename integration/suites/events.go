package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
)

// event is a line of "go test -json" (go doc test2json).
type event struct {
	Action  string
	Package string
	Test    string
	Elapsed float64 // seconds
	Output  string
}

// ended is a test that has ended.
type ended struct {
	pkg, test string
	took      time.Duration
	reason    string   // of a skip
	said      []string // the last lines of a failed one, with their places in the code
}

// result is the result of a suite.
type result struct {
	suite   string
	each    bool
	took    time.Duration
	failure string // why the suite itself failed
	passed  int    // tests and subtests
	failed  []ended
	skipped []ended
	tops    []ended  // all tests that are not subtests
	without []string // the names of the tests that this form left out

	output map[key][]string // of the tests that have not ended
	said   map[key][]string // of single tests and subtests, for the reason of a skip
}

type key struct{ pkg, test string }

func newResult(suite string, each bool) *result {
	return &result{suite: suite, each: each, output: map[key][]string{}, said: map[key][]string{}}
}

// read reads the events of a suite to their end, and prints failures and messages
// as they arrive.
func (r *result) read(in io.Reader, out io.Writer) {
	lines := bufio.NewReaderSize(in, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil || e.Action == "" {
				out.Write(line) // not an event: a message of go itself
			} else {
				r.take(e, out)
			}
		}
		if err != nil {
			return
		}
	}
}

func (r *result) take(e event, out io.Writer) {
	e.Package = strings.TrimPrefix(e.Package, module+"/")
	top, _, sub := strings.Cut(e.Test, "/")
	whole, own := key{e.Package, top}, key{e.Package, e.Test}
	took := time.Duration(e.Elapsed * float64(time.Second))
	switch e.Action {
	case "build-output":
		io.WriteString(out, e.Output)
	case "output":
		if e.Test == "" {
			if e.Output != "PASS\n" && !strings.HasPrefix(e.Output, "? ") {
				io.WriteString(out, e.Output)
			}
			return
		}
		if !strings.HasPrefix(e.Output, "=== ") {
			r.output[whole] = append(r.output[whole], e.Output)
			r.said[own] = append(r.said[own], e.Output)
		}
	case "pass", "fail", "skip":
		if e.Test == "" {
			if e.Action == "fail" {
				r.interrupted(e.Package, out)
			}
			return
		}
		end := ended{pkg: e.Package, test: e.Test, took: took}
		switch e.Action {
		case "pass":
			r.passed++
		case "fail":
			end.said = lastLines(r.said[own])
			r.failed = append(r.failed, end)
		case "skip":
			end.reason = skipReason(r.said[own])
			r.skipped = append(r.skipped, end)
		}
		delete(r.said, own)
		if sub {
			return
		}
		r.tops = append(r.tops, end)
		if e.Action == "fail" {
			io.WriteString(out, strings.Join(r.output[whole], ""))
		} else if r.each {
			fmt.Fprintf(out, "--- %s: %s (%.2fs)\n", strings.ToUpper(e.Action), e.Test, e.Elapsed)
		}
		delete(r.output, whole)
	}
}

// interrupted prints the output of the tests that were running when their package
// ended, by a panic or at its time limit.
func (r *result) interrupted(pkg string, out io.Writer) {
	for k, text := range r.output {
		if k.pkg == pkg {
			io.WriteString(out, strings.Join(text, ""))
			r.failed = append(r.failed, ended{pkg: pkg, test: k.test, said: lastLines(text)})
			delete(r.output, k)
		}
	}
}

// maxLastLines is how many lines of a failed test the end of the output repeats.
const maxLastLines = 8

var place = regexp.MustCompile(`^\s*\S+\.go:\d+: `)

// lastLines are the last ones that a test printed with their places in the code.
func lastLines(said []string) (list []string) {
	for _, line := range said {
		if place.MatchString(line) {
			list = append(list, strings.TrimSpace(line))
		}
	}
	return list[max(0, len(list)-maxLastLines):]
}

var skipLine = regexp.MustCompile(`^\s*\S+\.go:\d+: (?:SKIP:? )?(.*)`)

// skipReason is the last line that a test printed before it was skipped.
func skipReason(said []string) string {
	for _, line := range slices.Backward(said) {
		if m := skipLine.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil {
			return m[1]
		}
	}
	return "no reason was given"
}
