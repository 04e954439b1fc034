package main

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed skips.txt
var skipList string

// Kinds of tests that may be skipped.
const (
	longOnly   = "long"  // in the short form
	notQuick   = "ci"    // in the quick form, by name; nothing in the test itself skips it
	inTheGuest = "guest" // on a kernel that lacks something; the suite kernel runs them
	byHost     = "host"  // where the machine lacks something
)

// allowed is a row of the list.
type allowed struct {
	kind, pkg, test, why string
}

// readSkipList reads the list: rows of kind, package, test and reason. A star
// in a name stands for any text.
func readSkipList(text string) (list []allowed, err error) {
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) < 4 {
			return nil, fmt.Errorf("skips.txt:%d: want kind, package, test and reason", number)
		}
		a := allowed{kind: fields[0], pkg: fields[1], test: fields[2], why: strings.Join(fields[3:], " ")}
		switch a.kind {
		case longOnly, notQuick, inTheGuest, byHost:
		default:
			return nil, fmt.Errorf("skips.txt:%d: %q is no kind: want %s, %s, %s or %s", number, a.kind, longOnly, notQuick,
				inTheGuest, byHost)
		}
		list = append(list, a)
	}
	return list, nil
}

// find is the row that allows a skip.
func find(list []allowed, pkg, test string) (allowed, bool) {
	for _, a := range list {
		if like(a.pkg, pkg) && like(a.test, test) {
			return a, true
		}
	}
	return allowed{}, false
}

// like reports whether a name fits a pattern with stars.
func like(pattern, name string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	name, ok := strings.CutPrefix(name, first)
	if !star || !ok {
		return ok && name == ""
	}
	for i := range len(name) + 1 {
		if like(rest, name[i:]) {
			return true
		}
	}
	return false
}
