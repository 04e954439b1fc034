// Package keepalivedconf compares director's verdict on configurations with
// that of Debian's keepalived, which it asks with keepalived -t: real files,
// each changed in one place by a rule that always chooses the same places.
package keepalivedconf
