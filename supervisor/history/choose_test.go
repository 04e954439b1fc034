package history_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/supervisor/history"
)

func entry(number int, digest string) history.Entry {
	return history.Entry{Number: number, Of: number, Digest: digest}
}

func unconfirmed(number int, digest string) history.Entry {
	e := entry(number, digest)
	e.Unconfirmed = true
	return e
}

// rollback is an entry that repeats of, after replaced was in force.
func rollback(number, of int, digest, replaced string) history.Entry {
	e := entry(number, digest)
	e.Of, e.Replaced = of, replaced
	return e
}

func TestChoose(t *testing.T) {
	for name, tc := range map[string]struct {
		entries []history.Entry
		digest  string
		broken  bool
		why     history.Why
		want    []int
	}{
		"the first start":             {nil, "a", false, history.FileRuns, nil},
		"the first start with errors": {nil, "a", true, history.FileRuns, nil},
		"the same file":               {[]history.Entry{entry(1, "a")}, "a", false, history.FileRuns, nil},
		"another good file":           {[]history.Entry{entry(1, "a")}, "b", false, history.FileRuns, nil},
		"errors": {[]history.Entry{entry(1, "a"), entry(2, "b")}, "c", true, history.FileBroken,
			[]int{2, 1}},
		"errors, the newest unconfirmed": {[]history.Entry{entry(1, "a"), unconfirmed(2, "b")}, "c", true,
			history.FileBroken, []int{1}},
		"errors, nothing was ever confirmed": {[]history.Entry{unconfirmed(1, "b")}, "c", true, history.FileRuns, nil},
		"never confirmed": {[]history.Entry{entry(1, "a"), unconfirmed(2, "b")}, "b", false,
			history.FileUnconfirmed, []int{1}},
		"never confirmed, mended since": {[]history.Entry{entry(1, "a"), unconfirmed(2, "b")}, "c", false,
			history.FileRuns, nil},
		"rolled back": {[]history.Entry{entry(1, "a"), entry(2, "b"), rollback(3, 1, "a", "b")}, "b",
			false, history.FileRolledBack, []int{3, 2, 1}},
		"rolled back, mended since": {[]history.Entry{entry(1, "a"), entry(2, "b"), rollback(3, 1, "a", "b")}, "c",
			false, history.FileRuns, nil},
		"rolled back, then reloaded": {[]history.Entry{entry(1, "a"), rollback(2, 1, "a", "b"), entry(3, "b")}, "b",
			false, history.FileRuns, nil},
		"rolled back, the file put right too": {[]history.Entry{entry(1, "a"), entry(2, "b"), rollback(3, 1, "a", "b")}, "a",
			false, history.FileRuns, nil},
	} {
		t.Run(name, func(t *testing.T) {
			why, list := history.Choose(tc.entries, tc.digest, !tc.broken)
			var got []int
			for _, e := range list {
				got = append(got, e.Number)
			}
			if why != tc.why || !cmp.Equal(got, tc.want) {
				t.Errorf("%v %v, want %v %v", why, got, tc.why, tc.want)
			}
		})
	}
}

// TestBefore: each rollback without a number goes further back.
func TestBefore(t *testing.T) {
	abc := []history.Entry{entry(1, "a"), entry(2, "b"), entry(3, "c")}
	for name, tc := range map[string]struct {
		entries []history.Entry
		current int
		want    int // 0: none
	}{
		"the one before":                {abc, 3, 2},
		"of the second":                 {abc, 2, 1},
		"of the first":                  {abc, 1, 0},
		"after a rollback":              {append(abc[:3:3], rollback(4, 2, "b", "c")), 4, 1},
		"a second rollback":             {append(abc[:3:3], rollback(4, 2, "b", "c"), rollback(5, 1, "a", "b")), 5, 0},
		"a reload after a rollback":     {append(abc[:3:3], rollback(4, 2, "b", "c"), entry(5, "d")), 5, 4},
		"the same text twice":           {[]history.Entry{entry(1, "a"), entry(2, "b"), entry(3, "b")}, 3, 1},
		"what was never confirmed":      {[]history.Entry{entry(1, "a"), unconfirmed(2, "b"), entry(3, "c")}, 3, 1},
		"while waiting to be confirmed": {[]history.Entry{entry(1, "a"), unconfirmed(2, "b")}, 2, 1},
	} {
		got, ok := history.Before(tc.entries, tc.entries[tc.current-1])
		if got.Number != tc.want || ok != (tc.want != 0) {
			t.Errorf("%s: %d, want %d", name, got.Number, tc.want)
		}
	}
}
