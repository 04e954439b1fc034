package dump

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lvs-director/director/conf"
)

// text is a dump that is being written.
type text struct{ bytes.Buffer }

// section begins one.
func (t *text) section(title string) { fmt.Fprintf(&t.Buffer, "------< %s >------\n", title) }

// line writes one with an indent; values that are strings must be cleaned.
func (t *text) line(indent int, format string, values ...any) {
	for range indent {
		t.WriteByte(' ')
	}
	fmt.Fprintf(&t.Buffer, format, values...)
	t.WriteByte('\n')
}

// clean is s on one line: control characters, and bytes that are no text, are escaped as Go does.
func clean(s string) string {
	odd := func(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == utf8.RuneError }
	if strings.IndexFunc(s, odd) < 0 {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if odd(r) {
			q := strconv.Quote(s[:size])
			b.WriteString(q[1 : len(q)-1])
		} else {
			b.WriteString(s[:size])
		}
		s = s[size:]
	}
	return b.String()
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func enabled(yes bool) string {
	if yes {
		return "enabled"
	}
	return "disabled"
}

func seconds(d time.Duration) int { return int(d / time.Second) }

// moment is a time as keepalived writes it: "1795961812.680132 (Sun Nov 29 14:16:52.680132 2026)".
func moment(t time.Time) string {
	if t.IsZero() {
		return "0.000000 (never)"
	}
	return fmt.Sprintf("%s (%s)", unix(t), t.Format("Mon Jan _2 15:04:05.000000 2006"))
}

// unix is a time in seconds.
func unix(t time.Time) string {
	if t.IsZero() {
		return "0.000000"
	}
	micros := t.UnixMicro()
	return fmt.Sprintf("%d.%06d", micros/1e6, micros%1e6)
}

// prefix leaves out the mask of a single address.
func prefix(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// words is the address as a line of a dump. Readers take the first word for the address and the
// third for its interface, so these come first.
func (a *Address) words() string {
	on := a.Device
	if a.On != "" && a.On != a.Device {
		on = a.On + "@" + a.Device
	}
	scope := a.Scope
	if scope == "" {
		scope = "global"
	}
	w := []string{prefix(a.Prefix), "dev", clean(on)}
	switch {
	case a.BroadcastAuto:
		w = append(w, "brd", "+")
	case a.Broadcast.IsValid():
		w = append(w, "brd", a.Broadcast.String())
	}
	w = append(w, "scope", clean(scope))
	if a.Label != "" {
		w = append(w, "label", clean(a.Label))
	}
	if a.Peer.IsValid() {
		w = append(w, "peer", prefix(a.Peer))
	}
	if a.Prefix.Addr().Is6() {
		switch {
		case a.PreferredLifetime == conf.Forever:
			w = append(w, "preferred_lft", "forever")
		case a.PreferredLifetime == 0:
			w = append(w, "deprecated")
		default:
			w = append(w, "preferred_lft", strconv.Itoa(seconds(a.PreferredLifetime)))
		}
	}
	if a.Set {
		w = append(w, "set")
	}
	return strings.Join(w, " ")
}

// command is a script's as keepalived writes it: each argument in single quotes.
func command(s conf.Script) string {
	argv := conf.MaskArguments(s.Argv)
	quoted := make([]string, len(argv))
	for n, a := range argv {
		quoted[n] = "'" + strings.ReplaceAll(clean(a), "'", `'\''`) + "'"
	}
	return strings.Join(quoted, " ")
}

// route is a virtual route in words; its own line says what has no word here.
func route(r *conf.Route) string {
	if r.Text != "" {
		return clean(r.Text)
	}
	w := []string{r.Destination.String()}
	if r.Via.IsValid() {
		w = append(w, "via", r.Via.String())
	}
	if r.Device != "" {
		w = append(w, "dev", clean(r.Device))
	}
	return strings.Join(w, " ")
}

// rule is a virtual rule in words.
func rule(r conf.Rule) string {
	if r.Text != "" {
		return clean(r.Text)
	}
	return clean(r.String())
}
