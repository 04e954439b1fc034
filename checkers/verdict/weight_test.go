package verdict_test

import (
	"math"
	"testing"

	"github.com/lvs-director/director/checkers/verdict"
	"github.com/lvs-director/director/event"
)

func TestWeight(t *testing.T) {
	is := func(n int) event.CheckWish { return event.CheckWish{Wish: event.Wish{Kind: event.WishWeight, N: n}} }
	more := func(n int) event.CheckWish { return event.CheckWish{Wish: event.Wish{Kind: event.WishMore, N: n}} }
	percent := func(n int) event.CheckWish { return event.CheckWish{Wish: event.Wish{Kind: event.WishPercent, N: n}} }
	none := event.CheckWish{Wish: event.Wish{Kind: event.WishNone}}
	for _, test := range []struct {
		name       string
		configured int
		wishes     []event.CheckWish
		want       int
		asked      bool
	}{
		{"no check asks", 10, nil, 10, false},
		{"a check without a wish", 10, []event.CheckWish{{}}, 10, false},
		{"more than checks can ask for, and none asks", 100000, nil, 100000, false},
		{"in the place of the configured one", 10, []event.CheckWish{is(50)}, 50, true},
		{"the configured one", 10, []event.CheckWish{is(10)}, 10, true},
		{"two of them: the differences add up", 10, []event.CheckWish{is(50), is(12)}, 52, true},
		{"none below 0", 10, []event.CheckWish{is(0), is(2)}, 0, true},
		{"none above 65535", 10, []event.CheckWish{more(70000)}, 65535, true},
		{"more", 10, []event.CheckWish{more(5)}, 15, true},
		{"less", 10, []event.CheckWish{more(-3), is(20)}, 17, true},
		{"a product that fits nowhere", 10, []event.CheckWish{more(math.MaxInt), more(math.MaxInt)}, 65535, true},
		{"and down", 10, []event.CheckWish{more(math.MinInt), more(math.MinInt)}, 0, true},
		{"a share", 200, []event.CheckWish{percent(75)}, 150, true},
		{"a small share of a small weight", 1, []event.CheckWish{percent(1)}, 1, true},
		{"no share", 200, []event.CheckWish{percent(0)}, 0, true},
		{"more than all", 200, []event.CheckWish{percent(150)}, 300, true},
		{"a share beyond all bounds", 2147483647, []event.CheckWish{percent(math.MaxInt)}, 65535, true},
		{"no new connections", 10, []event.CheckWish{more(50), none}, 0, true},
	} {
		got, asked := verdict.Weight(test.configured, test.wishes)
		if got != test.want || asked != test.asked {
			t.Errorf("%s: weight %d, asked %t; want %d, %t", test.name, got, asked, test.want, test.asked)
		}
	}
}
