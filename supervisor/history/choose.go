package history

import "slices"

// Why says why a configuration of the history runs instead of the file.
type Why uint8

// The reasons.
const (
	// FileRuns: it does not.
	FileRuns Why = iota
	// FileBroken: the file has errors.
	FileBroken
	// FileUnconfirmed: the file was applied to be confirmed and never was.
	FileUnconfirmed
	// FileRolledBack: the file is what a rollback took out of force.
	FileRolledBack
)

// Choose says what to start with: the file, whose digest and usability are
// given, or one of the configurations that were in force, the first that can
// still be used of those returned.
func Choose(entries []Entry, digest string, usable bool) (Why, []Entry) {
	var good []Entry
	for _, e := range slices.Backward(entries) {
		if !e.Unconfirmed {
			good = append(good, e)
		}
	}
	if len(good) == 0 {
		return FileRuns, nil
	}
	newest := entries[len(entries)-1]
	switch {
	case !usable:
		return FileBroken, good
	case newest.Unconfirmed && newest.Digest == digest:
		return FileUnconfirmed, good
	case newest.Replaced == digest && newest.Digest != digest:
		return FileRolledBack, good
	}
	return FileRuns, nil
}

// Before is what a rollback without a number goes to: the configuration before
// the one in force that has another text. When that was put in force by a
// rollback itself, it is the one before its original: the second rollback goes
// further back and not forward again. Unconfirmed ones are left out.
func Before(entries []Entry, current Entry) (Entry, bool) {
	origin := current.Of
	for _, e := range slices.Backward(entries) {
		if e.Number < origin && !e.Unconfirmed && e.Digest != current.Digest {
			return e, true
		}
	}
	return Entry{}, false
}
