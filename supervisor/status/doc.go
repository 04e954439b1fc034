// Package status is what is known of every object of the configuration.
//
// The supervisor owns a Knowledge and notes in it what workers say. From it come
// what a restarted worker has to be told, and what director status shows: the
// reports on objects, their order, and the exit status.
package status
