package syntax

import (
	"fmt"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lvs-director/director/conf"
)

// builtins are the names that cannot be defined.
var builtins = map[string]bool{
	"_PWD": true, "_INSTANCE": true, "_RANDOM": true, "_ENV": true, "_HASH": true, "_BANG": true,
}

// builtin gives the value of a name that the language defines.
func (p *parser) builtin(ref reference, pos conf.Pos, o *Origin) (string, bool) {
	switch ref.name {
	case "_HASH":
		return "#", true
	case "_BANG":
		return "!", true
	case "_INSTANCE":
		return p.opts.ConfigID, true
	case "_PWD":
		return p.directory(), true
	case "_RANDOM":
		lo, hi, err := randomRange(ref.arg)
		if err != nil {
			p.report(conf.Warning, pos, o, "bad-random", "write ${_RANDOM MIN MAX}, two numbers from 0", "${_RANDOM %s}: %v",
				ref.arg, err)
			return "", false
		}
		return strconv.Itoa(p.opts.Random(lo, hi)), true
	}
	value, ok := p.opts.Env(ref.arg)
	if !ok {
		p.report(conf.Note, pos, o, "no-such-environment", "", "environment variable %q is not set; it counts as empty",
			ref.arg)
		return "", true
	}
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == 0 {
			return ' '
		}
		return r
	}, value), true
}

// randomRange reads the "[MIN [MAX]]" of ${_RANDOM}.
func randomRange(arg string) (lo, hi int, err error) {
	hi = 32767
	words := strings.Fields(arg)
	if len(words) > 2 {
		return 0, 0, fmt.Errorf("more than two numbers")
	}
	for i, to := range []*int{&lo, &hi}[:len(words)] {
		n, err := strconv.ParseUint(words[i], 10, 31)
		if err != nil {
			return 0, 0, fmt.Errorf("%q is not a number from 0 to 2147483647", words[i])
		}
		*to = int(n)
	}
	if lo > hi {
		return 0, 0, fmt.Errorf("%d is more than %d", lo, hi)
	}
	return lo, hi, nil
}

// directory is the directory of the file being read, absolute where it can be.
func (p *parser) directory() string {
	dir := path.Dir(p.currentFile().Name)
	if path.IsAbs(dir) {
		return dir
	}
	if p.opts.Dir != "" {
		return path.Join(p.opts.Dir, dir)
	}
	if abs, err := filepath.Abs(dir); err == nil {
		return abs
	}
	return dir
}
