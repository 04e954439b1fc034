// Package diff compares two configurations: what a reload adds, removes and
// changes, object by object and keyword by keyword.
package diff
