package logline

import (
	"fmt"
	"log/slog"
	"strings"
)

// The identifiers of keepalived's processes.
const (
	Parent   = "Keepalived"
	VRRP     = "Keepalived_vrrp"
	Checkers = "Keepalived_healthcheckers"
)

// Line is one line of the log, without a time.
type Line struct {
	Identifier string // of the process that says it in keepalived
	Text       string // no newline, no control character
}

// event is what a message and its attributes are in keepalived's words.
type event struct {
	identifier string // empty: that of the worker whose name is in it
	lines      func(a attributes) []string
}

// events are the messages of director that keepalived has a line for.
var events = map[string]event{
	"state changed":                    {VRRP, transition},
	"sync group changed":               {VRRP, group},
	"effective priority changed":       {VRRP, priority},
	"tracked script changed":           {VRRP, script},
	"tracked process changed":          {VRRP, process},
	"starting":                         {Parent, starting},
	"worker started":                   {Parent, workerStarted},
	"worker restarted":                 {Parent, workerStarted},
	"worker died":                      {Parent, workerDied},
	"worker ends":                      {"", constant("Stopped")},
	"in service":                       {Parent, constant("Startup complete")},
	"stopping":                         {Parent, constant("Stopping")},
	"stopped":                          {Parent, stopped},
	"reloading":                        {Parent, reloading},
	"reloaded":                         {Parent, constant("Reload complete")},
	"real server is up":                {Checkers, realServer},
	"real server is down":              {Checkers, realServer},
	"virtual server gained its quorum": {Checkers, gained},
	"virtual server lost its quorum":   {Checkers, lost},
}

func constant(text string) func(attributes) []string {
	return func(attributes) []string { return []string{text} }
}

// starting is what keepalived says of itself. Readers know the first line; the second one says who it is.
func starting(a attributes) []string {
	return []string{
		"Starting " + a.text(banner), fmt.Sprintf("Running on %s (director %s)", a.text("kernel"), a.text("version")),
		"Command line: " + a.text("command"), "Configuration file " + a.text("config"),
	}
}

func stopped(a attributes) []string { return []string{"Stopped " + a.text(banner)} }

func reloading(a attributes) []string {
	return []string{"Reloading ...", "Configuration file " + a.text("config")}
}

func workerStarted(a attributes) []string {
	return []string{fmt.Sprintf("Starting %s child process, pid=%s", a.child(), a.text("pid"))}
}

func workerDied(a attributes) []string {
	if a.text("pid") == "0" {
		return []string{fmt.Sprintf("%s child process: fork error(%s)", a.child(), a.text("error"))}
	}
	return []string{
		fmt.Sprintf("pid %s ended: %s", a.text("pid"), a.text("error")),
		fmt.Sprintf("%s child process(%s) died: Respawning", a.child(), a.text("pid")),
	}
}

// child is what keepalived calls a worker.
func (a attributes) child() string {
	if a.text("worker") == "lvs" {
		return "Healthcheck"
	}
	return "VRRP"
}

// transition is a change of an instance's state. keepalived says FAULT in lower case where it says why.
func transition(a attributes) []string {
	name, to := a.text("instance"), a.text("to")
	switch to {
	case "BACKUP":
		if from := a.text("from"); from == "INIT" {
			return []string{fmt.Sprintf("(%s) Entering BACKUP STATE (init)", name)}
		}
	case "STOP":
		lines := []string{fmt.Sprintf("(%s) removing VIPs.", name)}
		if a.text("from") == "MASTER" {
			lines = append([]string{fmt.Sprintf("(%s) sent 0 priority", name)}, lines...)
		}
		return lines
	case "INIT":
		return nil
	case "FAULT":
		return []string{
			fmt.Sprintf("(%s): entering FAULT state (%s)", name, a.text("reason")),
			fmt.Sprintf("(%s) Entering FAULT STATE", name),
		}
	case "MASTER":
		lines := []string{fmt.Sprintf("(%s) Entering MASTER STATE", name)}
		if strings.HasPrefix(a.text("reason"), "no advertisement within") {
			lines = append([]string{fmt.Sprintf("(%s) Receive advertisement timeout", name)}, lines...)
		}
		return lines
	}
	return []string{fmt.Sprintf("(%s) Entering %s STATE", name, to)}
}

func group(a attributes) []string {
	name, to := a.text("group"), a.text("to")
	switch to {
	case "MASTER", "BACKUP":
		return []string{fmt.Sprintf("VRRP_Group(%s) Syncing instances to %s state", name, to)}
	case "FAULT":
		return []string{fmt.Sprintf("VRRP_Group(%s) Syncing instances to FAULT state", name)}
	}
	return nil
}

func priority(a attributes) []string {
	return []string{fmt.Sprintf("(%s) Changing effective priority from %s to %s", a.text("instance"), a.text("from"),
		a.text("to"))}
}

// script is a result of a vrrp_script that counts: the exit status, and what becomes of it.
func script(a attributes) []string {
	name, up := a.text("name"), a.text("up") == "true"
	status := "1"
	if rest, ok := strings.CutPrefix(a.text("reason"), "exit status "); ok {
		status, _, _ = strings.Cut(rest, ":")
	} else if up {
		status = "0"
	}
	lines := []string{fmt.Sprintf("Script `%s` now returning %s", name, status)}
	if up {
		return append(lines, fmt.Sprintf("VRRP_Script(%s) succeeded", name))
	}
	return append(lines, fmt.Sprintf("VRRP_Script(%s) failed (exited with status %s)", name, status))
}

func process(a attributes) []string {
	if a.text("up") == "true" {
		return []string{fmt.Sprintf("Quorum gained for tracked process %s", a.text("name"))}
	}
	return []string{fmt.Sprintf("Quorum lost for tracked process %s", a.text("name"))}
}

func realServer(a attributes) []string {
	name, of := a.text("real_server"), a.text("virtual_server")
	if a.text("to") == "up" {
		return []string{fmt.Sprintf("Adding service %s to VS %s", name, of)}
	}
	return []string{fmt.Sprintf("Removing service %s from VS %s", name, of)}
}

func gained(a attributes) []string {
	return []string{fmt.Sprintf("Gained quorum for VS %s", a.text("virtual_server"))}
}

func lost(a attributes) []string {
	return []string{fmt.Sprintf("Lost quorum for VS %s", a.text("virtual_server"))}
}

// attributes are those of a record, in their order.
type attributes []slog.Attr

// banner is the attribute with name, version and date of the program, as keepalived writes them.
const banner = "banner"

// text is the value of one; empty when there is none. A list of words is quoted as keepalived does it.
func (a attributes) text(key string) string {
	for n := range a {
		if a[n].Key != key {
			continue
		}
		value := a[n].Value.Resolve()
		if words, ok := value.Any().([]string); ok {
			return clean("'" + strings.Join(words, "' '") + "'")
		}
		return clean(value.String())
	}
	return ""
}

// lines is a record in keepalived's words. with are the attributes that the logger has beside the
// record's.
func lines(r slog.Record, o Options, with []slog.Attr) (list []Line) {
	all := attributes(with[:len(with):len(with)])
	r.Attrs(func(a slog.Attr) bool { all = append(all, a); return true })
	if e, ok := events[r.Message]; ok {
		from, all := e.identifier, append(all, slog.String(banner, o.Banner))
		switch {
		case from == "" && all.text("worker") == "lvs":
			from = Checkers
		case from == "":
			from = VRRP
		}
		if strings.HasPrefix(o.Identifier, from) {
			from = o.Identifier // with the namespace or the instance behind it
		}
		for _, text := range e.lines(all) {
			list = append(list, Line{from, text})
		}
		return list
	}
	var b strings.Builder
	b.WriteString(clean(r.Message))
	for n, a := range all {
		if a.Key == "worker" {
			continue // the identifier says it
		}
		b.WriteString(map[bool]string{true: ": ", false: ", "}[n == 0])
		value := clean(a.Value.Resolve().String())
		if strings.ContainsAny(value, " ,\"") || value == "" {
			value = `"` + strings.ReplaceAll(value, `"`, `'`) + `"`
		}
		b.WriteString(clean(a.Key) + " " + value)
	}
	return []Line{{o.Identifier, b.String()}}
}

// clean is s on one line.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
