// Package keepalivedconf compares director's findings on configurations with
// those of Debian's keepalived -t. The configurations are real files, each
// changed in one place that a fixed rule chooses.
package keepalivedconf
