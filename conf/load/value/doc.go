// Package value reads the values of a configuration: numbers, times, addresses,
// interfaces, commands, and the lines of routes and rules. A Reader collects
// what is wrong with them as findings, and remembers where each was said.
package value
