package event_test

import (
	"testing"

	"github.com/lvs-director/director/event"
)

func TestWishesInWords(t *testing.T) {
	for want, wish := range map[string]event.Wish{
		"nothing":            {},
		"weight 0":           {Kind: event.WishWeight},
		"12 more":            {Kind: event.WishMore, N: 12},
		"12 less":            {Kind: event.WishMore, N: -12},
		"75% of the weight":  {Kind: event.WishPercent, N: 75},
		"no new connections": {Kind: event.WishNone},
	} {
		if got := wish.String(); got != want {
			t.Errorf("%+v is %q, want %q", struct{ Kind, N int }{int(wish.Kind), wish.N}, got, want)
		}
	}
}
