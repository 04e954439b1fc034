// Package syntax turns the text of a keepalived.conf into a tree with
// positions.
//
// The language is line-oriented and has its own order of work: comments go,
// then `@id` conditions, `$NAME=` definitions, `~SEQ` and `~LST` loops,
// substitution, `include`, braces, words. Parse does all of it and knows no
// keyword but include: any `{` opens the block of the line before it, and what
// a keyword means is for package conf to say.
//
// Every token knows its file, line and column, also when it came out of a
// definition, a loop or an included file; the way there is the node's Origin.
// What is wrong is collected as findings; the tree can be used in any case.
// Everything is bounded (Limits), because the text is not ours: no input makes
// Parse panic, hang, or take memory without end.
package syntax
