package nft

// Repair is one repair of a table that somebody else has changed, or a failed attempt
// at one.
type Repair struct {
	Table string
	// Missing is what was missing, in words such as "the table". With neither Missing
	// nor Err the table is as it should be again by somebody else's doing.
	Missing []string
	// Err is why it could not be put back. It is tried again every period.
	Err error
	// Count is how often this table was found changed since it was made.
	Count int
}
