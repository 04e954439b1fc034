package value

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/lvs-director/director/conf/syntax"
)

// Instead says what happens without the value that could not be used.
func (l *Reader) Instead() string {
	if l.Fallback == "" || l.Fallback[0] < '1' || l.Fallback[0] > '9' {
		return "it is ignored"
	}
	value, _, _ := strings.Cut(l.Fallback, ";")
	return value + " is used"
}

// Decimal reads a whole number as keepalived does: decimal digits with an
// optional sign, nothing else.
func Decimal(s string) (int64, bool) {
	digits := strings.TrimLeft(s, "+-")
	if digits == "" || len(s)-len(digits) > 1 {
		return 0, false
	}
	for i := 0; i < len(digits); i++ {
		if digits[i] < '0' || digits[i] > '9' {
			return 0, false
		}
	}
	v, err := strconv.ParseInt(s, 10, 64)
	return v, err == nil
}

// Integer reads word i, a number of lo to hi.
func (l *Reader) Integer(n *syntax.Node, i int, lo, hi int64) (int64, bool) {
	s := n.Arg(i)
	v, ok := Decimal(s)
	if !ok {
		f := l.WarnArg(n, i, "invalid-number", "%q is not a number for %s: %s", Clip(s), l.Word, l.Instead())
		if strings.HasPrefix(s, "0x") {
			f.Hint = "numbers are decimal"
		}
		return 0, false
	}
	if v < lo || v > hi {
		l.WarnArg(n, i, "out-of-range", "%s %d is outside of %d to %d: %s", l.Word, v, lo, hi, l.Instead())
		return 0, false
	}
	return v, true
}

// seconds reads decimal seconds to the microsecond.
func seconds(s string) (d time.Duration, exact, ok bool) {
	whole, frac, _ := strings.Cut(s, ".")
	if whole == "" && frac == "" || strings.HasPrefix(whole, "-") {
		return 0, false, false
	}
	if whole == "" {
		whole = "0"
	}
	w, ok := Decimal(whole)
	if !ok || w < 0 || w > int64(math.MaxInt64/time.Second)-1 {
		return 0, false, false
	}
	exact = true
	var us int64
	for i := 0; i < len(frac); i++ {
		c := frac[i]
		if c < '0' || c > '9' {
			return 0, false, false
		}
		switch {
		case i < 6:
			us = us*10 + int64(c-'0')
		case i == 6:
			exact = false
			if c >= '5' {
				us++
			}
		}
	}
	for i := len(frac); i < 6; i++ {
		us *= 10
	}
	return time.Duration(w)*time.Second + time.Duration(us)*time.Microsecond, exact, true
}

// MaxTimer is the longest time keepalived's timers hold: 2^32 µs.
const MaxTimer = 4294967295 * time.Microsecond

// LongTimer is longer than anybody waits: of some times keepalived bounds only
// what 64 bits hold.
const LongTimer = 200 * 365 * 24 * time.Hour

// Milliseconds reads word i, decimal milliseconds of lo to hi.
func (l *Reader) Milliseconds(n *syntax.Node, i int, lo, hi int64) (time.Duration, bool) {
	d, _, ok := seconds(n.Arg(i)) // as if they were seconds
	switch {
	case !ok:
		l.WarnArg(n, i, "invalid-number", "%q is not a number of milliseconds for %s: %s", Clip(n.Arg(i)), l.Word,
			l.Instead())
		return 0, false
	case d < time.Duration(lo)*time.Second || d > time.Duration(hi)*time.Second:
		l.WarnArg(n, i, "out-of-range", "%s %s is outside of %d to %d milliseconds: %s", l.Word, Clip(n.Arg(i)), lo, hi,
			l.Instead())
		return 0, false
	}
	return d / 1000, true
}

// Timer reads word i, decimal seconds of lo to hi.
func (l *Reader) Timer(n *syntax.Node, i int, lo, hi time.Duration) (time.Duration, bool) {
	s := n.Arg(i)
	d, exact, ok := seconds(s)
	if !ok {
		l.WarnArg(n, i, "invalid-number", "%q is not a number of seconds for %s: %s", Clip(s), l.Word, l.Instead())
		return 0, false
	}
	if d < lo || d > hi {
		l.WarnArg(n, i, "out-of-range", "%s %s is outside of %s to %s seconds: %s", l.Word, Clip(s), Seconds(lo), Seconds(hi),
			l.Instead())
		return 0, false
	}
	if !exact {
		l.Taken = true
		l.WarnArg(n, i, "rounded", "%s %s is rounded to %s seconds: timers count microseconds", l.Word, Clip(s), Seconds(d))
	}
	return d, true
}

// Seconds writes a duration as the seconds of a configuration: "1", "0.25".
func Seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64)
}

// BoolWord reads keepalived's words for true and false.
func BoolWord(s string) (v, ok bool) {
	switch s {
	case "true", "on", "yes":
		return true, true
	case "false", "off", "no":
		return false, true
	}
	return false, false
}

// Boolean reads word i; omitted it is true.
func (l *Reader) Boolean(n *syntax.Node, i int) (v, ok bool) {
	if i >= len(n.Args) {
		return true, true
	}
	v, ok = BoolWord(n.Arg(i))
	if !ok {
		f := l.WarnArg(n, i, "invalid-bool", "%q is neither yes nor no for %s: the line is ignored", Clip(n.Arg(i)), l.Word)
		f.Hint = "true, on, yes, false, off, no, in lower case"
	}
	return v, ok
}

// Address reads word i, an IP address.
func (l *Reader) Address(n *syntax.Node, i int) (netip.Addr, bool) {
	a, err := ParseAddr(n.Arg(i))
	if err != nil {
		l.WarnArg(n, i, "invalid-address", "%q is not an IP address for %s: the line is ignored", Clip(n.Arg(i)), l.Word)
		return netip.Addr{}, false
	}
	return a, true
}

// ParseAddr reads an address; one with an IPv4 address inside stays IPv6, and
// a zone is refused.
func ParseAddr(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return a, err
	}
	if a.Zone() != "" {
		return netip.Addr{}, fmt.Errorf("address %q has a zone", s)
	}
	return a, nil
}

// Port reads word i, a port of 1 to 65535.
func (l *Reader) Port(n *syntax.Node, i int) (uint16, bool) {
	v, ok := l.Integer(n, i, 1, 65535)
	return uint16(v), ok
}

// MaxInterfaceName is the kernel's IFNAMSIZ less the end.
const MaxInterfaceName = 15

// InterfaceName reads word i.
func (l *Reader) InterfaceName(n *syntax.Node, i int) (string, bool) {
	s := n.Arg(i)
	switch {
	case len(s) > MaxInterfaceName:
		l.WarnArg(n, i, "interface-name", "interface name %q is longer than %d characters: the line is ignored", Clip(s),
			MaxInterfaceName)
		return "", false
	case s == "" || s == "." || s == ".." || strings.ContainsAny(s, "/ \t\n"):
		l.WarnArg(n, i, "interface-name", "%q cannot be the name of an interface: the line is ignored", Clip(s))
		return "", false
	}
	return s, true
}
