// Package mailing keeps what could not be mailed before a stop in the state directory: for an
// hour, and it is sent once.
package mailing
