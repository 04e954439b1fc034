// Package load reads a keepalived.conf.
//
// Text becomes lines, lines become a tree with positions (conf/syntax), and
// the keyword tables (conf/load/keyword) turn the tree into a conf.Config, word
// by word. What can only be done when all files are read is done here:
// references, inheritance, and what blocks must not have together.
//
// What is wrong is collected as findings, all of them at once, each with its
// place in the file. Load never stops at the first one and writes nothing.
package load
