package keyword

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
	"github.com/lvs-director/director/conf/syntax"
)

// The rows of the tables are made by these functions, one for each kind of
// value. field gives the place in the block's struct.

type integer interface {
	~int | ~int64 | ~uint8 | ~uint16 | ~uint32
}

// number is a decimal number of lo to hi.
func number[T any, V integer](name string, lo, hi int64, deflt string, field func(*T) *V) keyword[T] {
	return keyword[T]{
		name: name, value: fmt.Sprintf("%d..%d", lo, hi), deflt: deflt, need: 1,
		set: func(l *Loader, n *syntax.Node, t *T) {
			if len(n.Args) == 0 {
				return // an optional one
			}
			if v, ok := l.Integer(n, 0, lo, hi); ok {
				*field(t) = V(v)
			}
		},
		get: func(t *T) []string {
			v := int64(*field(t))
			if v < lo || v > hi {
				return nil // what stands for not having been said
			}
			return one(strconv.FormatInt(v, 10))
		},
	}
}

// atMost uses the largest value for a larger one: the default would mean the opposite of
// what was asked for.
func atMost[T any, V integer](name string, lo, hi int64, deflt string, field func(*T) *V) keyword[T] {
	k := number(name, lo, hi, deflt, field)
	set := k.set
	k.set = func(l *Loader, n *syntax.Node, t *T) {
		if v, ok := value.Decimal(n.Arg(0)); ok && v > hi {
			l.WarnArg(n, 0, "out-of-range", "%s %d is outside of %d to %d: %d is used", l.Word, v, lo, hi, hi)
			l.Taken = true
			*field(t) = V(hi)
			return
		}
		set(l, n, t)
	}
	return k
}

// duration is decimal seconds of lo to hi.
func duration[T any](name string, lo, hi time.Duration, deflt string, field func(*T) *time.Duration) keyword[T] {
	return keyword[T]{
		name: name, value: value.Seconds(lo) + ".." + value.Seconds(hi), deflt: deflt, unit: "s", need: 1,
		set: func(l *Loader, n *syntax.Node, t *T) {
			if v, ok := l.Timer(n, 0, lo, hi); ok {
				*field(t) = v
			}
		},
		get: func(t *T) []string {
			v := *field(t)
			if v < lo || v > hi {
				return nil // what stands for not having been said
			}
			return one(value.Seconds(v))
		},
	}
}

// wholeSeconds is a number of seconds of lo to hi.
func wholeSeconds[T any](name string, lo, hi int64, deflt string, field func(*T) *time.Duration) keyword[T] {
	k := duration(name, time.Duration(lo)*time.Second, time.Duration(hi)*time.Second, deflt, field)
	k.set = func(l *Loader, n *syntax.Node, t *T) {
		if v, ok := l.Integer(n, 0, lo, hi); ok {
			*field(t) = time.Duration(v) * time.Second
		}
	}
	return k
}

// flag is a keyword that is true when it is said, with an optional BOOL.
func flag[T any](name string, field func(*T) *bool) keyword[T] {
	return keyword[T]{
		name: name, value: "[BOOL]", deflt: "false", max: 1,
		set: func(l *Loader, n *syntax.Node, t *T) {
			if v, ok := l.Boolean(n, 0); ok {
				*field(t) = v
			}
		},
		get: func(t *T) []string { return one(strconv.FormatBool(*field(t))) },
	}
}

// bare is a keyword that is true when it is said, and takes no word.
func bare[T any](name string, field func(*T) *bool) keyword[T] {
	return keyword[T]{
		name: name, deflt: "off",
		set: func(l *Loader, n *syntax.Node, t *T) {
			*field(t) = true
			if v, ok := value.BoolWord(n.Arg(0)); ok && !v {
				l.NoteArg(n, 0, "extra-words", "%s takes no value: writing it turns it on",
					name).Hint = "leave the line out to have it off"
			}
		},
		get: func(t *T) []string {
			if *field(t) {
				return []string{}
			}
			return nil
		},
	}
}

// choice is a BOOL whose absence means something.
func choice[T any](name, deflt string, field func(*T) *conf.Choice) keyword[T] {
	return keyword[T]{
		name: name, value: "[BOOL]", deflt: deflt, max: 1,
		set: func(l *Loader, n *syntax.Node, t *T) {
			if v, ok := l.Boolean(n, 0); ok {
				*field(t) = conf.No
				if v {
					*field(t) = conf.Yes
				}
			}
		},
		get: func(t *T) []string { return some(field(t).String()) },
	}
}

// word is one word as it stands.
func word[T any](name, value, deflt string, field func(*T) *string) keyword[T] {
	return keyword[T]{
		name: name, value: value, deflt: deflt, need: 1,
		set: func(_ *Loader, n *syntax.Node, t *T) { *field(t) = n.Arg(0) },
		get: func(t *T) []string { return some(*field(t)) },
	}
}

// oneOf is one word of several.
func oneOf[T any](name string, words []string, deflt string, field func(*T) *string) keyword[T] {
	k := word(name, join(words, "|"), deflt, field)
	k.set = func(l *Loader, n *syntax.Node, t *T) {
		for _, w := range words {
			if w == n.Arg(0) {
				*field(t) = w
				return
			}
		}
		l.WarnArg(n, 0, "unknown-value", "%s cannot be %q: %s", name, value.Clip(n.Arg(0)), l.Instead()).Hint = "one of " +
			join(words, ", ")
	}
	return k
}

// netInterface is the name of an interface.
func netInterface[T any](name, deflt string, field func(*T) *string) keyword[T] {
	k := word(name, "IF", deflt, field)
	k.set = func(l *Loader, n *syntax.Node, t *T) {
		if s, ok := l.InterfaceName(n, 0); ok {
			*field(t) = s
		}
	}
	return k
}

// ip is an IP address.
func ip[T any](name, deflt string, field func(*T) *netip.Addr) keyword[T] {
	return keyword[T]{
		name: name, value: "IP", deflt: deflt, need: 1,
		set: func(l *Loader, n *syntax.Node, t *T) {
			if a, ok := l.Address(n, 0); ok {
				*field(t) = a
			}
		},
		get: func(t *T) []string {
			if a := *field(t); a.IsValid() {
				return one(a.String())
			}
			return nil
		},
	}
}

// secret is a word that is never shown.
func secret[T any](name string, field func(*T) *conf.Secret) keyword[T] {
	return keyword[T]{
		name: name, value: "STRING", need: 1, hush: true, secret: allSecret,
		set: func(_ *Loader, n *syntax.Node, t *T) { *field(t) = conf.Secret(n.Arg(0)) },
		get: func(t *T) []string { return some(field(t).String()) },
		raw: func(t *T) string { return string(*field(t)) },
	}
}

// program is a command with the user and group that run it.
func program[T any](name string, field func(*T) *conf.Script) keyword[T] {
	return keyword[T]{
		name: name, value: `"COMMAND" [USER [GROUP]]`, need: 1, max: -1,
		set: func(l *Loader, n *syntax.Node, t *T) {
			if s, ok := l.Script(n); ok {
				s.Timeout = field(t).Timeout // said by a keyword of its own
				*field(t) = s
			}
		},
		get:    func(t *T) []string { return field(t).Words() },
		secret: argumentsSecret,
		mask: func(words []string) []string {
			return append([]string{conf.MaskCommand(words[0])}, words[1:]...)
		},
	}
}

// custom is a keyword with its own way of reading; words 0 means that its
// words are not counted.
func custom[T any](name, value, deflt string, need int, set func(*Loader, *syntax.Node, *T),
	get func(*T) []string) keyword[T] {
	return keyword[T]{name: name, value: value, deflt: deflt, need: need, set: set, get: get, max: -1}
}

// group is a keyword with a block. Its own words are not counted here: what
// reads a block of entries complains of words before its brace.
func group[T any](name, value string, need int, set func(*Loader, *syntax.Node, *T)) keyword[T] {
	k := keyword[T]{name: name, value: value, block: true, need: need, set: set, repeat: true}
	if need == 0 || name == "virtual_server" || name == "real_server" {
		k.max = -1
	}
	return k
}

// ignored is a keyword that is read and has no effect.
func ignored[T any](name, value string, need int, why string) keyword[T] {
	return keyword[T]{name: name, value: value, need: need, max: -1, state: NoEffect, why: why}
}

// ignoredFlag is a keyword with an optional BOOL that has no effect.
func ignoredFlag[T any](name, why string) keyword[T] {
	k := flag[T](name, func(*T) *bool { return new(bool) }).noEffect(why)
	k.get = nil
	return k
}

// ignoredNumber is a number that is checked and has no effect.
func ignoredNumber[T any](name string, lo, hi int64, deflt, why string) keyword[T] {
	k := number(name, lo, hi, deflt, func(*T) *int64 { return new(int64) }).noEffect(why)
	k.get = nil
	return k
}

func one(s string) []string { return []string{s} }

func some(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func join(words []string, sep string) string {
	s := ""
	for i, w := range words {
		if i > 0 {
			s += sep
		}
		s += w
	}
	return s
}
