//go:build linux

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// The marks of a page between which a part's figures are; the first one names the part.
const (
	beginMark = "<!-- bench "
	endMark   = "<!-- end of bench -->\n"
)

// writeInto writes the kept figures of the parts that a page's marks name into the page.
func writeInto(path string, all []part) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	made, err := into(string(text), func(name string) (string, error) {
		i := slices.IndexFunc(all, func(p part) bool { return p.name == name })
		if i < 0 {
			return "", fmt.Errorf("there is no part %q; the parts are %s", name, names(all))
		}
		k, err := all[i].kept()
		if err != nil {
			return "", err
		}
		return sectionOf(all[i], k)
	})
	if err != nil {
		return fmt.Errorf("write the figures into %s: %w", path, err)
	}
	return os.WriteFile(path, []byte(made), 0o644)
}

// into puts the section of each part that a text's marks name between them, without the heading: the page has its own.
func into(text string, section func(name string) (string, error)) (string, error) {
	var b strings.Builder
	for n := 0; ; n++ {
		before, rest, found := strings.Cut(text, beginMark)
		b.WriteString(before)
		if !found {
			if n == 0 {
				return "", fmt.Errorf("the page has no %q", beginMark)
			}
			return b.String(), nil
		}
		name, rest, ok := strings.Cut(rest, " -->\n")
		_, after, ended := strings.Cut(rest, endMark)
		if !ok || !ended || strings.Contains(name, "\n") {
			return "", fmt.Errorf("%q has no %q after it", beginMark+name, strings.TrimSpace(endMark))
		}
		made, err := section(name)
		if err != nil {
			return "", err
		}
		if heading, body, ok := strings.Cut(made, "\n"); ok && strings.HasPrefix(heading, "## ") {
			made = body
		}
		fmt.Fprintf(&b, "%s%s -->\n\n%s\n\n%s", beginMark, name, strings.TrimSpace(made), endMark)
		text = after
	}
}
