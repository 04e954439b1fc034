//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/integration/guest"
	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/stage"
)

// part is one subject of the bench: how to measure it and how to report its figures.
type part struct {
	name, what string
	lab        bool // it needs IPVS, which may exist only in the guest
	figures    func(trials int) (any, error)
	section    func(figures json.RawMessage) (string, error)
}

// kept is what a part stores in its file.
type kept struct {
	Day     string
	Commit  string
	Trials  int
	Took    time.Duration
	InGuest bool
	Counted bool // the guest's clock counted instructions
	Error   string
	Figures json.RawMessage
}

// newPart joins a measurement with its section of the report.
func newPart[F any](name, what string, measure func(trials int) (F, error), section func(F) string) part {
	return part{
		name: name, what: what,
		figures: func(trials int) (any, error) { return measure(trials) },
		section: func(raw json.RawMessage) (string, error) {
			var f F
			if err := json.Unmarshal(raw, &f); err != nil {
				return "", err
			}
			return section(f), nil
		},
	}
}

func (p part) inLab() part {
	p.lab = true
	return p
}

func (p part) path() string { return filepath.Join(stage.LogsDir(), "bench-"+p.name+".json") }

// measure runs the part and stores its figures and its error.
func (p part) measure(trials int) error {
	began := time.Now()
	figures, err := p.figures(trials)
	k := kept{Trials: trials, Took: time.Since(began), InGuest: guest.Inside(),
		Counted: guest.Inside() && os.Getenv(guest.CountedVar) != ""}
	if err != nil {
		k.Error = err.Error()
	}
	raw, jsonErr := json.Marshal(figures)
	k.Figures = raw
	return errors.Join(err, jsonErr, p.keep(k))
}

// fail stores only the error of a part that could not be measured.
func (p part) fail(err error) error {
	return errors.Join(err, p.keep(kept{Error: err.Error()}))
}

func (p part) keep(k kept) error {
	k.Day = time.Now().UTC().Format(time.DateOnly)
	k.Commit = output("git", "-C", lab.ModuleRoot(), "rev-parse", "--short", "HEAD")
	text, err := json.MarshalIndent(k, "", "\t")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(stage.LogsDir(), 0o755); err != nil {
		return err
	}
	return os.WriteFile(p.path(), text, 0o644)
}

func (p part) forget() error {
	if err := os.Remove(p.path()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove earlier figures: %w", err)
	}
	return nil
}

func (p part) kept() (k kept, err error) {
	text, err := os.ReadFile(p.path())
	if err != nil {
		return k, err
	}
	if err := json.Unmarshal(text, &k); err != nil {
		return k, fmt.Errorf("read the figures of %s: %w", p.name, err)
	}
	return k, nil
}

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
