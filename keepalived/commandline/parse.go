package commandline

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

var errGenhash = errors.New("genhash must be the first flag")

// Parse reads the arguments behind the program's name.
func Parse(args []string) (Options, error) {
	o := Options{Facility: Daemon}
	p := parser{args: args, o: &o}
	for p.next < len(args) {
		if err := p.argument(); err != nil {
			return o, err
		}
	}
	return o, nil
}

// Absolute is a command line on which files do not depend on the working directory. One
// that cannot be read stays as it is.
func Absolute(args []string, directory string) []string {
	o, err := Parse(args)
	if err != nil {
		return args
	}
	out := slices.Clone(args)
	for _, p := range slices.Backward(o.paths) { // two in one argument cannot be
		if name := out[p.arg][p.offset:]; !path.IsAbs(name) && name != "" {
			out[p.arg] = out[p.arg][:p.offset] + path.Join(directory, name)
		}
	}
	return out
}

// parser is at one place of a command line.
type parser struct {
	args []string
	next int // argument to be read
	o    *Options
}

// argument reads the next one, with its value.
func (p *parser) argument() error {
	a := p.args[p.next]
	p.next++
	switch {
	case strings.HasPrefix(a, "--") && len(a) > 2:
		return p.long(a)
	case len(a) > 1 && a[0] == '-' && a != "--":
		return p.bundle(a)
	}
	return fmt.Errorf("unexpected argument %q", a)
}

// long reads --name, --name=value or --name value.
func (p *parser) long(a string) error {
	name, v, glued := strings.Cut(a[2:], "=")
	f, err := named(name)
	if err != nil {
		return err
	}
	offset := len(a) - len(v)
	switch {
	case glued && f.takes == nothing:
		return fmt.Errorf("--%s takes no value", f.long)
	case glued:
		return p.give(f, "--"+f.long, v, place{p.next - 1, offset})
	}
	return p.rest(f, "--"+f.long)
}

// named is the flag of a long name, which may be shortened as long as it is clear.
func named(name string) (*flag, error) {
	var found *flag
	for i := range flags {
		switch f := &flags[i]; {
		case f.long == name:
			return f, nil
		case name != "" && strings.HasPrefix(f.long, name):
			if found != nil {
				return nil, fmt.Errorf("--%s is --%s or --%s", name, found.long, f.long)
			}
			found = f
		}
	}
	if found == nil {
		return nil, fmt.Errorf("unknown flag --%s", name)
	}
	return found, nil
}

func shortFlag(c byte) *flag {
	for i := range flags {
		if flags[i].short == c && c != 0 {
			return &flags[i]
		}
	}
	return nil
}

// bundle reads short flags in one argument. One that takes a value ends it.
func (p *parser) bundle(a string) error {
	for i := 1; i < len(a); i++ {
		f := shortFlag(a[i])
		if f == nil {
			return fmt.Errorf("unknown flag -%c in %s", a[i], a)
		}
		name := "-" + string(a[i])
		rest := a[i+1:]
		switch {
		case f.takes == value && rest != "", f.takes == optional && rest != "" && !isBundle(rest):
			offset := len(a) - len(rest)
			if rest[0] == '=' { // the optional value is written as behind a long flag, too
				rest, offset = rest[1:], offset+1
			}
			return p.give(f, name, rest, place{p.next - 1, offset})
		case f.takes == value:
			return p.rest(f, name)
		}
		if err := f.set(p.o, ""); err != nil {
			return err
		}
	}
	return nil
}

// isBundle says whether what is glued to -t is more flags and no file. keepalived takes a
// file; nobody who writes -tnl or -tf FILE means one of that name.
func isBundle(rest string) bool {
	for i := range len(rest) {
		f := shortFlag(rest[i])
		if f == nil || f.takes != nothing && i+1 < len(rest) {
			return false
		}
	}
	return true
}

// rest gives a flag the next argument, when it wants one.
func (p *parser) rest(f *flag, name string) error {
	if f.takes != value {
		return f.set(p.o, "")
	}
	if p.next == len(p.args) {
		return fmt.Errorf("%s wants %s", name, f.what)
	}
	v := p.args[p.next]
	p.next++
	return p.give(f, name, v, place{p.next - 1, 0})
}

func (p *parser) give(f *flag, name, v string, at place) error {
	switch {
	case v == "" && f.takes == value:
		return fmt.Errorf("%s wants %s", name, f.what)
	case strings.ContainsAny(v, "\x00\n"):
		return fmt.Errorf("%s: %q has a line break or a NUL in it", name, v)
	}
	if f.path {
		p.o.paths = append(p.o.paths, at)
	}
	if err := f.set(p.o, v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// FlagText is how a flag is written, and what it does; without a Help it is accepted, and
// means nothing here.
type FlagText struct {
	Short       string // "-f", or empty
	Long        string // "--use-file"
	Value, Help string // Value as it stands behind Long: "=FILE", "[=FILE]"
}

// FlagTexts are all flags, in the order of the usage.
func FlagTexts() []FlagText {
	list := make([]FlagText, 0, len(flags))
	for _, f := range flags {
		t := FlagText{Long: "--" + f.long, Value: f.what, Help: f.help}
		if f.short != 0 {
			t.Short = "-" + string(f.short)
		}
		if f.takes == value {
			t.Value = "=" + f.what
		}
		list = append(list, t)
	}
	return list
}

// Usage is the list of flags.
func Usage(program string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s [FLAG...]\n", program)
	var quiet []string
	for _, f := range FlagTexts() {
		name := "    " + f.Long
		if f.Short != "" {
			name = f.Short + ", " + f.Long
		}
		if f.Help == "" {
			quiet = append(quiet, strings.TrimSpace(name))
			continue
		}
		fmt.Fprintf(&b, "  %-34s %s\n", name+f.Value, f.Help)
	}
	fmt.Fprintf(&b, "Accepted without effect: %s.\n", strings.Join(quiet, ", "))
	return b.String()
}
