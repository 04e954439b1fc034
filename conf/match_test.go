package conf_test

import (
	"fmt"
	"maps"
	"math/rand"
	"testing"

	"github.com/lvs-director/director/conf"
)

// The sync daemon finds the service of a connection by its mark, on another host and
// after any reload.
func TestMarksAreTheSameEverywhere(t *testing.T) {
	// Written down: another value is an outage of every pair in an upgrade.
	for name, want := range map[string]uint32{"shop": 0x1d7a2afe, "mail": 0x19d376cb} {
		if got := conf.DeriveMarks([]string{name}, nil)[name]; got != want {
			t.Errorf("the mark of %s is %#x, want %#x", name, got, want)
		}
	}
	var names []string
	for i := range 500 {
		names = append(names, fmt.Sprintf("list-%d", i))
	}
	all := conf.DeriveMarks(names, nil)
	for range 10 {
		rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		if got := conf.DeriveMarks(names, nil); !maps.Equal(got, all) {
			t.Fatal("the order of the names changes marks")
		}
	}
	for name, mark := range conf.DeriveMarks(names[:100], nil) {
		if all[name] != mark {
			t.Errorf("%s has another mark when there are other lists", name)
		}
	}
	for name, mark := range all {
		if mark < conf.DerivedMarkFirst || mark > conf.DerivedMarkLast {
			t.Errorf("the mark %#x of %s is outside of the range", mark, name)
		}
	}
}

func TestNoMarkIsGivenTwice(t *testing.T) {
	// 100,000 names collide some twenty times among 2^28 marks.
	names := make([]string, 100000)
	for i := range names {
		names[i] = fmt.Sprintf("vs%d", i)
	}
	marks := conf.DeriveMarks(names, nil)
	owner := make(map[uint32]string, len(names))
	moved := 0
	for _, name := range names {
		mark := marks[name]
		if other := owner[mark]; other != "" {
			t.Fatalf("%s and %s have mark %#x", name, other, mark)
		}
		owner[mark] = name
		if alone := conf.DeriveMarks([]string{name}, nil)[name]; alone != mark {
			moved++
			if holder := holderOf(marks, alone); holder >= name {
				t.Errorf("%s yields its mark to %s, which sorts after it", name, holder)
			}
		}
	}
	if moved == 0 {
		t.Error("no names collided: the test tests nothing")
	}
	shop := conf.DeriveMarks([]string{"shop"}, nil)["shop"]
	if got := conf.DeriveMarks([]string{"shop"}, map[uint32]bool{shop: true})["shop"]; got == shop {
		t.Error("a literal mark of the configuration is given to a list")
	}
}

func holderOf(marks map[string]uint32, mark uint32) string {
	for name, m := range marks {
		if m == mark {
			return name
		}
	}
	return ""
}
