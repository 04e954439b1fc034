package checkers

import (
	"maps"
	"slices"

	"github.com/lvs-director/director/checkers/verdict"
	"github.com/lvs-director/director/event"
)

// takeWarning notes what a run warns of, and says whether that is something else than the run of
// the same URL before. A run that fails says nothing of it; a checker that is down has none.
func (c *checker) takeWarning(url int, result verdict.Outcome, text string) (changed bool) {
	if result != verdict.Success {
		if !c.state.Up {
			c.warnings = nil
		}
		return false
	}
	if c.warnings[url] == text {
		return false
	}
	c.warn(url, text)
	return true
}

func (c *checker) warn(url int, text string) {
	if text == "" {
		delete(c.warnings, url)
		return
	}
	if c.warnings == nil {
		c.warnings = make(map[int]string) // most checkers never have one
	}
	c.warnings[url] = text
}

// updateWarnings makes the warnings of a real server follow its checkers. It says whether anything
// has changed.
func (sv *server) updateWarnings() (changed bool) {
	var list []event.CheckWarning // a new one each time: the one before was passed on
	for _, c := range sv.checkers {
		if !c.state.Up || len(c.warnings) == 0 {
			continue
		}
		for _, url := range slices.Sorted(maps.Keys(c.warnings)) {
			list = append(list, event.CheckWarning{Checker: c.name, URL: url, Text: c.warnings[url]})
		}
	}
	if slices.Equal(sv.state.Warnings, list) {
		return false
	}
	sv.state.Warnings = list
	return true
}
