package screen

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/words"
)

// Events prints a line for each event, in JSON or for people.
func Events(w io.Writer, r control.EventsReport, asJSON bool) error {
	for i := range r.Events {
		var err error
		if asJSON {
			err = json.NewEncoder(w).Encode(&r.Events[i])
		} else {
			_, err = fmt.Fprintln(w, eventLine(&r.Events[i]))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// eventLine is an event in one line.
func eventLine(e *event.Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %-8s  %s", e.At.Local().Format("2006-01-02 15:04:05.000"), e.Kind, oneLine(e.Object))
	switch {
	case e.From != "" && e.To != "":
		fmt.Fprintf(&b, ": %s -> %s", oneLine(e.From), oneLine(e.To))
	case e.To != "":
		fmt.Fprintf(&b, ": %s", oneLine(e.To))
	}
	if e.Text != "" {
		fmt.Fprintf(&b, ": %s", oneLine(e.Text))
	}
	if e.By != nil {
		fmt.Fprintf(&b, " (by %s)", oneLine(e.By.String()))
	}
	if e.LeftOut > 0 {
		fmt.Fprintf(&b, " (%s before it not kept one by one)", words.Count(e.LeftOut, "change"))
	}
	return b.String()
}

// oneLine keeps what came from outside from writing lines, or to the terminal, and from turning the
// direction of what follows.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}

// AboutEvents says what is to be known of a list besides its lines.
func AboutEvents(w io.Writer, r control.EventsReport, object string, follows bool) {
	if r.Problem != "" {
		fmt.Fprintln(w, "director: attention:", r.Problem)
	}
	if r.Damaged > 0 {
		fmt.Fprintf(w, "director: note: %s cannot be read\n", words.Count(r.Damaged, "line"))
	}
	if r.More {
		fmt.Fprintf(w, "director: note: there are earlier ones: --last N or --since TIME shows more than %d\n", len(r.Events))
	}
	switch {
	case len(r.Events) > 0 || follows:
	case object != "":
		fmt.Fprintf(w, "director: no event of %s is kept\n", oneLine(object))
	default:
		fmt.Fprintln(w, "director: no event is kept")
	}
}

// Why prints a chain of events, what made an event happen below it.
func Why(w io.Writer, r control.WhyReport) error {
	for _, s := range r.Steps {
		if _, err := fmt.Fprintln(w, strings.Repeat("  ", s.Depth)+oneLine(s.Text)); err != nil {
			return err
		}
	}
	return nil
}
