// Package track says what the things that an instance tracks do to it:
// nothing, another priority, or FAULT. It is rules only; who watches the
// things tells what they are like now.
package track
