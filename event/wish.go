package event

import "fmt"

// WishKind is how a check asks for a weight.
type WishKind uint8

// The kinds of wishes.
const (
	WishNothing WishKind = iota
	WishWeight           // N in the place of the configured weight (misc_dynamic)
	WishMore             // N more than the configured weight, or less (FILE_CHECK)
	WishPercent          // N hundredths of the configured weight (AGENT_CHECK)
	WishNone             // no new connections, whatever other checks ask for (AGENT_CHECK)
)

// Wish is what a check asks of the weight of its real server. The zero Wish asks for nothing.
type Wish struct {
	Kind WishKind
	N    int
}

// String is the wish in words: "weight 50", "12 more", "75% of the weight".
func (w Wish) String() string {
	switch {
	case w.Kind == WishWeight:
		return fmt.Sprintf("weight %d", w.N)
	case w.Kind == WishMore && w.N < 0:
		return fmt.Sprintf("%d less", -w.N)
	case w.Kind == WishMore:
		return fmt.Sprintf("%d more", w.N)
	case w.Kind == WishPercent:
		return fmt.Sprintf("%d%% of the weight", w.N)
	case w.Kind == WishNone:
		return "no new connections"
	}
	return "nothing"
}

// CheckWish is the wish of one checker of a real server.
type CheckWish struct {
	Checker string
	Wish    Wish
}
