package conf

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/lvs-director/director/conf/syntax"
)

// instead says what happens without the value that could not be used.
func (l *loader) instead() string {
	if l.fallback == "" || l.fallback[0] < '1' || l.fallback[0] > '9' {
		return "it is ignored"
	}
	value, _, _ := strings.Cut(l.fallback, ";")
	return value + " is used"
}

// decimal reads a whole number as keepalived does: decimal digits with an
// optional sign, nothing else.
func decimal(s string) (int64, bool) {
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

// integer reads word i, a number of lo to hi.
func (l *loader) integer(n *syntax.Node, i int, lo, hi int64) (int64, bool) {
	s := n.Arg(i)
	v, ok := decimal(s)
	if !ok {
		f := l.warnArg(n, i, "invalid-number", "%q is no number for %s: %s", clip(s), l.word, l.instead())
		if strings.HasPrefix(s, "0x") {
			f.Hint = "numbers are decimal"
		}
		return 0, false
	}
	if v < lo || v > hi {
		l.warnArg(n, i, "out-of-range", "%s %d is outside of %d to %d: %s", l.word, v, lo, hi, l.instead())
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
	w, ok := decimal(whole)
	if !ok || w < 0 || w > math.MaxInt32*2 {
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

// maxTimer is the longest time keepalived's timers hold: 2^32 µs.
const maxTimer = 4294967295 * time.Microsecond

// timer reads word i, decimal seconds of lo to hi.
func (l *loader) timer(n *syntax.Node, i int, lo, hi time.Duration) (time.Duration, bool) {
	s := n.Arg(i)
	d, exact, ok := seconds(s)
	if !ok {
		l.warnArg(n, i, "invalid-number", "%q is no number of seconds for %s: %s", clip(s), l.word, l.instead())
		return 0, false
	}
	if d < lo || d > hi {
		l.warnArg(n, i, "out-of-range", "%s %s is outside of %s to %s seconds: %s", l.word, clip(s), secs(lo), secs(hi), l.instead())
		return 0, false
	}
	if !exact {
		l.taken = true
		l.warnArg(n, i, "rounded", "%s %s is rounded to %s seconds: timers count microseconds", l.word, clip(s), secs(d))
	}
	return d, true
}

// secs writes a duration as the seconds of a configuration: "1", "0.25".
func secs(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64)
}

// boolWord reads keepalived's words for true and false.
func boolWord(s string) (v, ok bool) {
	switch s {
	case "true", "on", "yes":
		return true, true
	case "false", "off", "no":
		return false, true
	}
	return false, false
}

// boolean reads word i; omitted it is true.
func (l *loader) boolean(n *syntax.Node, i int) (v, ok bool) {
	if i >= len(n.Args) {
		return true, true
	}
	v, ok = boolWord(n.Arg(i))
	if !ok {
		f := l.warnArg(n, i, "invalid-bool", "%q is no yes or no for %s: the line is ignored", clip(n.Arg(i)), l.word)
		f.Hint = "true, on, yes, false, off, no, in lower case"
	}
	return v, ok
}

// address reads word i, an IP address.
func (l *loader) address(n *syntax.Node, i int) (netip.Addr, bool) {
	a, err := parseAddr(n.Arg(i))
	if err != nil {
		l.warnArg(n, i, "invalid-address", "%q is no IP address for %s: the line is ignored", clip(n.Arg(i)), l.word)
		return netip.Addr{}, false
	}
	return a, true
}

// parseAddr reads an address; one with an IPv4 address inside stays IPv6, and
// a zone is refused.
func parseAddr(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return a, err
	}
	if a.Zone() != "" {
		return netip.Addr{}, fmt.Errorf("address %q has a zone", s)
	}
	return a, nil
}

// port reads word i, a port of 1 to 65535.
func (l *loader) port(n *syntax.Node, i int) (uint16, bool) {
	v, ok := l.integer(n, i, 1, 65535)
	return uint16(v), ok
}

// maxInterfaceName is the kernel's IFNAMSIZ less the end.
const maxInterfaceName = 15

// interfaceName reads word i.
func (l *loader) interfaceName(n *syntax.Node, i int) (string, bool) {
	s := n.Arg(i)
	switch {
	case len(s) > maxInterfaceName:
		l.warnArg(n, i, "interface-name", "interface name %q is longer than %d characters: the line is ignored", clip(s), maxInterfaceName)
		return "", false
	case s == "" || s == "." || s == ".." || strings.ContainsAny(s, "/ \t\n"):
		l.warnArg(n, i, "interface-name", "%q cannot be the name of an interface: the line is ignored", clip(s))
		return "", false
	}
	return s, true
}
