// Package dumps writes keepalived's files of what a daemon knows when a signal asks for them:
// which file where (Plan), and so that a reader finds it whole or not at all (Write). What is in
// them is keepalived/dump's.
//
// All of it is beside the supervisor's loop, which a disk that does not answer must not stop. One
// dump is made at a time; what is asked for meanwhile is made after it, once.
package dumps
