package verdict

import "github.com/lvs-director/director/event"

const (
	// maxWeight is the largest weight that checks can ask for, as with keepalived.
	maxWeight = 65535
	// maxShare bounds what one check adds or takes away, so that no sum overflows.
	maxShare = 1 << 40
)

// Weight is the weight of a real server, 0..65535, with what its checks ask for, and
// whether any asks for something. If none does the weight is the configured one.
//
// It depends on nothing but the configured weight and the latest wish of each check:
// keepalived adds to the weight that it has, which grows with each run that is killed.
// Each check adds the difference between what it asks for and the configured weight,
// which is keepalived's rule for several. One that asks for no new connections wins.
func Weight(configured int, wishes []event.CheckWish) (weight int, asked bool) {
	sum, none := int64(configured), false
	for _, w := range wishes {
		n := int64(w.Wish.N)
		switch w.Wish.Kind {
		case event.WishWeight:
			n -= int64(configured)
		case event.WishMore:
		case event.WishPercent:
			// Rounded up: a small share of a small weight is not 0, which is no share at all.
			n = (min(max(n, 0), maxWeight)*int64(configured)+99)/100 - int64(configured)
		case event.WishNone:
			n, none = 0, true
		default:
			continue
		}
		asked = true
		sum += min(max(n, -maxShare), maxShare)
	}
	switch {
	case !asked:
		return configured, false
	case none:
		return 0, true
	}
	return int(min(max(sum, 0), maxWeight)), true
}
