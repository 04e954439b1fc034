// Package screen writes what people read of a running director: its status, what is degraded
// first, all that is known of one object, and what nobody may overlook. It is told everything,
// the time too.
package screen
