package nft

import "time"

// Repair is one repair of a table that somebody else has changed, or a failed attempt
// at one.
type Repair struct {
	Table string
	// Missing is what was missing, in words such as "the table". With neither Missing
	// nor Err the table is as it should be again, by somebody else's doing or because
	// nobody has changed it for a while.
	Missing []string
	// Err is why it could not be put back. It is tried again, after longer and longer
	// pauses, 30 s at most.
	Err error
	// Contested is how often in a row it was put back when something else keeps changing
	// it; 0 when nothing does. There are pauses between further repairs, 30 s at most.
	Contested int
	// Since is when the first of them was.
	Since time.Time
	// Count is how often this table was found changed since it was made.
	Count int
}
