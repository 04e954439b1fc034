package screen_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/lvs-director/director/cmd/director/screen"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
)

// What scripts, real servers and configurations say is shown, and does nothing to the terminal:
// no sequences, no lines of its own, no text that runs the other way.
func TestTextsFromOutsideAreOneLineOfWhatCanBeSeen(t *testing.T) {
	const hostile = "a\x1b[2Jb\nc\r\u009bd\u202ee\u2028f\u200bg\x7fh \xff é"
	e := event.Record{
		Object: "instance " + hostile, From: hostile, To: hostile, Text: hostile, By: &event.Operator{User: hostile},
	}
	var list, why strings.Builder
	if err := screen.Events(&list, control.EventsReport{Events: []event.Record{e}}, false); err != nil {
		t.Fatal(err)
	}
	if err := screen.Why(&why, control.WhyReport{Steps: []control.WhyStep{{Text: hostile, Event: &e}}}); err != nil {
		t.Fatal(err)
	}
	for name, out := range map[string]string{"events": list.String(), "why": why.String()} {
		line, rest, _ := strings.Cut(out, "\n")
		if rest != "" {
			t.Errorf("%s writes more than a line: %q", name, out)
		}
		for _, r := range line {
			if !unicode.IsPrint(r) {
				t.Errorf("%s writes %q, in %q", name, r, line)
			}
		}
		if !strings.Contains(line, "é") {
			t.Errorf("%s leaves out what can be seen: %q", name, line)
		}
	}
}
