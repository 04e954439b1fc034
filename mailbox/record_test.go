package mailbox_test

import (
	"slices"
	"testing"

	"github.com/lvs-director/director/mailbox"
)

func TestRecordKeepsTheLatestOfEachKeyAndSomeBefore(t *testing.T) {
	var r mailbox.Record[string, int]
	var left []int
	add := func(key string, value int) {
		if old, next := r.Add(key, value, 2); next != nil {
			left = append(left, old)
		}
	}
	add("quiet", 0)
	for n := range 6 {
		add("a", 10+n)
		add("b", 20+n)
	}
	if got, want := r.First(9), []int{0, 14, 24, 15, 25}; !slices.Equal(got, want) {
		t.Errorf("kept %v, want %v", got, want)
	}
	if want := []int{10, 20, 11, 21, 12, 22, 13, 23}; !slices.Equal(left, want) {
		t.Errorf("left out %v, want %v", left, want)
	}
	if !r.Before("quiet", "a") || r.Before("a", "quiet") || r.Before("none", "a") || r.Before("a", "none") {
		t.Error("the order is another")
	}
	*r.Latest("a") = 99
	if got, want := r.Take(4), []int{0, 14, 24, 99}; !slices.Equal(got, want) || r.Len() != 1 || r.Latest("a") != nil {
		t.Errorf("took %v, want %v; %d are left", got, want, r.Len())
	}
	add("a", 1)
	if got, want := r.Take(9), []int{25, 1}; !slices.Equal(got, want) || r.Len() != 0 {
		t.Errorf("took %v, want %v", got, want)
	}
}

func TestRecordMovesALatestValueToItsEnd(t *testing.T) {
	var r mailbox.Record[string, int]
	for n, key := range []string{"a", "b", "a", "c"} {
		r.Add(key, n, 9)
	}
	r.ToEnd("b")
	r.ToEnd("a")
	if !r.Before("c", "b") || !r.Before("b", "a") {
		t.Error("the order is another")
	}
	if got, want := r.Take(9), []int{0, 3, 1, 2}; !slices.Equal(got, want) {
		t.Errorf("took %v, want %v", got, want)
	}
}
