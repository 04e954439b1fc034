// Package report writes what a maintainer asks for into one archive: what a director says of itself,
// and what the kernel has. It changes nothing on the host, needs no director that runs, and is bounded
// in size and time: a part that hangs or fails leaves a file that says why, and the others are there.
//
// Secrets of the configuration are in none of the parts: they are made of what is masked for people
// already (see conf.Secret and docs/security.md).
package report
