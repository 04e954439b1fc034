package lvs

import (
	"slices"
	"testing"

	"github.com/lvs-director/director/event"
)

// An address that comes before the marks sends clients to virtual servers that nothing finds.
func TestATableIsLoadedWhenItsMarksAre(t *testing.T) {
	var told []event.TableLoaded
	l := newLoaded(func(t event.TableLoaded) { told = append(told, t) })
	l.tableIs(event.TableLoaded{Generation: 1})
	l.marksAre(1, "")
	l.marksAre(2, "")
	l.tableIs(event.TableLoaded{Generation: 2, Refused: "one"})
	l.tableIs(event.TableLoaded{Generation: 3})
	l.marksAre(3, "no nf_tables")
	l.marksAre(3, "")
	want := []event.TableLoaded{{Generation: 1}, {Generation: 1}, {Generation: 2, Refused: "one"},
		{Generation: 3, Refused: "no nf_tables"}, {Generation: 3}}
	if !slices.Equal(told, want) {
		t.Errorf("told %+v, want %+v", told, want)
	}
}
