package watch

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/width"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/status"
	"github.com/lvs-director/director/words"
)

// Size is that of a terminal, in characters.
type Size struct{ Width, Height int }

// Order is by what the rows of a table are sorted.
type Order int

// The orders.
const (
	ByState       Order = iota // what is degraded first
	ByName                     // by name
	ByConnections              // most active connections first
	orders
)

func (o Order) String() string { return [...]string{"state", "name", "connections"}[o%orders] }

// View is what the screen shows.
type View struct {
	Status *control.Status // the last one; nil is that there is none yet
	Error  string          // why there is no newer one; empty when there is
	Heard  time.Time       // when Status came
	Now    time.Time

	Sort   Order
	Filter string // shows only what has it in its name
	Typing bool   // the filter is being typed
	Wrong  bool   // only what is degraded
	Top    int    // the first row that is shown
}

// Lines is the screen: at most size.Height lines of at most size.Width columns, without anything in them that a
// terminal obeys.
func (v *View) Lines(size Size) []string {
	if size.Width < 1 || size.Height < 1 {
		return nil
	}
	top := append(v.title(), v.problems(size.Height/3)...)
	room := max(size.Height-len(top)-1, 0)
	body := v.body(nameColumns(size.Width))
	v.Top = max(min(v.Top, len(body)-room), 0)
	below := max(len(body)-v.Top-room, 0)
	lines := append(top, body[v.Top:min(v.Top+room, len(body))]...)
	for len(lines) < size.Height-1 {
		lines = append(lines, "")
	}
	lines = append(lines[:max(size.Height-1, 0)], v.foot(below))
	for n := range lines {
		lines[n] = cut(lines[n], size.Width)
	}
	return lines
}

// nameColumns is how wide the names of servers are on a screen of so many columns.
func nameColumns(all int) int {
	if all < 100 {
		return 24 // of IPv4
	}
	return 44
}

// title says what is watched and how old it is.
func (v *View) title() []string {
	if v.Status == nil {
		return []string{"director status  " + v.Now.Format("15:04:05"), words.Or(v.Error, "asking ...")}
	}
	r := v.Status
	lines := []string{fmt.Sprintf("director %s  up %s  generation %d  %s  %s", r.Version, words.Age(v.Now, r.Since),
		r.Generation, words.ShortDigest(r.Digest), v.Now.Format("15:04:05"))}
	if v.Error != "" {
		return append(lines, fmt.Sprintf("NO ANSWER, what is shown is %s old: %s", words.Age(v.Now, v.Heard), v.Error))
	}
	var ages []string
	for _, p := range r.Parts {
		text := p.Name + " never"
		if !p.Heard.IsZero() {
			text = p.Name + " " + words.Age(v.Now, p.Heard)
		}
		if p.Late != "" {
			text = "! " + text + " (" + p.Late + ")"
		}
		ages = append(ages, text)
	}
	slices.SortStableFunc(ages, func(a, b string) int { return cmp.Compare(b2i(a[0] != '!'), b2i(b[0] != '!')) })
	return append(lines, "heard: "+strings.Join(ages, ", "))
}

// problems are the first ones, at most so many lines.
func (v *View) problems(most int) []string {
	if v.Status == nil {
		return nil
	}
	var lines []string
	for _, a := range status.Attention(v.Status.ConfigState, v.Now) {
		lines = append(lines, "! ATTENTION: "+a)
	}
	for _, p := range v.Status.Problems {
		lines = append(lines, "! "+p.Text)
	}
	most = max(most, 1)
	if more := len(lines) - most; more > 0 {
		lines = append(lines[:most-1], fmt.Sprintf("! and %d more problems: director status", more+1))
	}
	return lines
}

// body are the tables.
func (v *View) body(names int) []string {
	if v.Status == nil {
		return nil
	}
	var lines []string
	if rows := v.instances(); len(rows) > 0 {
		lines = append(lines, fmt.Sprintf("%-20s %-7s %8s %4s %s", "INSTANCE", "STATE", "SINCE", "PRIO", "WHY"))
		lines = append(lines, rows...)
	}
	if rows := v.peers(); len(rows) > 0 {
		lines = append(lines, fmt.Sprintf("%-28s %-5s %8s %-5s %-7s %s", "PEER", "STATE", "SINCE", "READY", "CONFIG", "WHY"))
		lines = append(lines, rows...)
	}
	if rows := v.servers(names); len(rows) > 0 {
		lines = append(lines, fmt.Sprintf("%-*s %-8s %6s %6s %8s %10s %s", names, "SERVER", "STATE", "WEIGHT",
			"ACTIVE", "INACTIVE",
			"CONNS", "LAST CHECK"))
		lines = append(lines, rows...)
	}
	if len(lines) == 0 {
		switch {
		case v.Wrong:
			lines = append(lines, "nothing is degraded")
		case v.Filter != "":
			lines = append(lines, "nothing has "+v.Filter+" in its name")
		default:
			lines = append(lines, "nothing is configured")
		}
	}
	return lines
}

// shows says whether what has a name is shown by the filter.
func (v *View) shows(name string) bool {
	return strings.Contains(strings.ToLower(name), strings.ToLower(v.Filter))
}

func (v *View) instances() (lines []string) {
	list := slices.DeleteFunc(slices.Clone(v.Status.Instances), func(i control.Instance) bool {
		return !v.shows(i.Name) || v.Wrong && i.State != event.Fault && i.Fault == "" && i.Missing == ""
	})
	slices.SortStableFunc(list, func(a, b control.Instance) int {
		if v.Sort == ByState {
			if n := cmp.Compare(status.Badness(a.State), status.Badness(b.State)); n != 0 {
				return n
			}
		}
		return cmp.Compare(a.Name, b.Name)
	})
	for _, i := range list {
		lines = append(lines, fmt.Sprintf("%s %s %8s %4d %s", pad(i.Name, 20), pad(i.State.String(), 7),
			words.Age(v.Now, i.Since), i.Priority, i.Reason))
	}
	return lines
}

func (v *View) servers(names int) (lines []string) {
	list := slices.Clone(v.Status.VirtualServers)
	slices.SortStableFunc(list, func(a, b control.VirtualServer) int {
		switch v.Sort {
		case ByState:
			return cmp.Or(cmp.Compare(status.Degree(a), status.Degree(b)), cmp.Compare(a.Name, b.Name))
		case ByConnections:
			return cmp.Or(cmp.Compare(active(b.RealServers), active(a.RealServers)), cmp.Compare(a.Name, b.Name))
		}
		return cmp.Compare(a.Name, b.Name)
	})
	for _, vs := range list {
		all := v.shows(vs.Name)
		real := slices.DeleteFunc(slices.Clone(vs.RealServers), func(rs control.RealServer) bool {
			return !all && !v.shows(rs.Name) || v.Wrong && rs.Up && !rs.Refused()
		})
		if len(real) == 0 && (!all || v.Wrong && vs.Quorum && vs.Error == "") {
			continue
		}
		state := fmt.Sprintf("%d/%d up", vs.Alive, len(vs.RealServers))
		lines = append(lines, fmt.Sprintf("%s %s %6s %6d %8s %10d %s", pad(vs.Name, names), pad(state, 8), "",
			active(vs.RealServers), "", vs.Connections, cmp.Or(vs.Error, vs.Elsewhere)))
		slices.SortStableFunc(real, func(a, b control.RealServer) int {
			switch v.Sort {
			case ByState:
				return cmp.Compare(b2i(a.Up), b2i(b.Up))
			case ByConnections:
				return cmp.Compare(b.Active, a.Active)
			}
			return cmp.Compare(a.Name, b.Name)
		})
		for _, rs := range real {
			check := ""
			if c := rs.LastCheck; c != nil {
				check = words.Age(v.Now, c.At) + " ago: " + c.Reason
			}
			lines = append(lines, fmt.Sprintf("%s %s %6d %6d %8d %10d %s", pad(" -> "+rs.Name, names),
				pad(word(rs), 8), rs.Weight,
				rs.Active, rs.Inactive, rs.Connections, check))
		}
	}
	return lines
}

// word is the state of a real server.
func word(rs control.RealServer) string {
	switch {
	case rs.Kernel != nil && rs.Kernel.Draining:
		return "DRAINING"
	case rs.Up && rs.Refused():
		return "REFUSED"
	case !rs.UnknownSince.IsZero():
		return "UNKNOWN"
	case rs.Up:
		return "UP"
	}
	return "DOWN"
}

func active(list []control.RealServer) (n uint64) {
	for _, rs := range list {
		n += rs.Active
	}
	return n
}

// foot has the keys.
func (v *View) foot(below int) string {
	if v.Typing {
		return "filter: " + v.Filter + "_   (Enter keeps it, Esc ends it)"
	}
	text := fmt.Sprintf("q quit  s sort:%s  / filter:%s  w %s  up/down scroll", v.Sort, words.Or(v.Filter, "none"),
		map[bool]string{true: "all", false: "degraded only"}[v.Wrong])
	if below > 0 {
		text = fmt.Sprintf("%d more below  ", below) + text
	}
	return text
}

// Key takes a key, and says whether the screen goes on.
func (v *View) Key(key string, page int) bool {
	if v.Typing {
		switch {
		case key == "\r" || key == "\n":
			v.Typing = false
		case key == "\x1b":
			v.Typing, v.Filter = false, ""
		case key == "\x7f" || key == "\b":
			if r := []rune(v.Filter); len(r) > 0 {
				v.Filter = string(r[:len(r)-1])
			}
		case key == "\x03":
			return false
		case key[0] >= ' ' && len(v.Filter) < 64:
			v.Filter += key
		}
		v.Top = 0
		return true
	}
	switch key {
	case "q", "Q", "\x03":
		return false
	case "s":
		v.Sort, v.Top = (v.Sort+1)%orders, 0
	case "w":
		v.Wrong, v.Top = !v.Wrong, 0
	case "/", "f":
		v.Typing = true
	case "\x1b":
		v.Filter, v.Top = "", 0
	case "\x1b[A", "\x1bOA", "k":
		v.Top--
	case "\x1b[B", "\x1bOB", "j":
		v.Top++
	case "\x1b[5~", "b":
		v.Top -= page
	case "\x1b[6~", " ":
		v.Top += page
	case "\x1b[H", "\x1b[1~", "g":
		v.Top = 0
	case "\x1b[F", "\x1b[4~", "G":
		v.Top = 1 << 30
	}
	v.Top = max(v.Top, 0)
	return true
}

// columns is how many columns a character takes.
func columns(r rune) int {
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// cut is a text of so many columns at most, of characters that can be seen: what comes from outside does nothing to
// the terminal.
func cut(text string, most int) string {
	var b strings.Builder
	n := 0
	for _, r := range text {
		if !unicode.IsPrint(r) {
			r = ' '
		}
		if n += columns(r); n > most {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}

// pad is a text of exactly so many columns.
func pad(text string, columnsWanted int) string {
	text = cut(text, columnsWanted)
	n := 0
	for _, r := range text {
		n += columns(r)
	}
	return text + strings.Repeat(" ", columnsWanted-n)
}

func b2i(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
