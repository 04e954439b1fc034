package mailing

import "time"

// Hurry makes a stop wait for less than 5 seconds.
func (m *Mailing) Hurry() { m.try = 100 * time.Millisecond }
