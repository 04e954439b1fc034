// Package floors holds a test of how the repository is laid out: which package
// may import which, which ones are pure, how many files a package has, how long
// a line is. The rules are the tables in table_test.go; a new package gets its
// row there, and docs/architecture.md says what the floors are for.
package floors
