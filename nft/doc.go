// Package nft drives the nftables tables that are director's own.
//
// A Table says what its sets are and what its chains do; a Keeper puts it into
// the kernel, changes the elements of its sets and puts back what somebody else
// removed. Everything is one transaction: a packet meets all of a change or
// none. A live table is never rebuilt: chains and sets that are as they should
// be stay, with their counters.
//
// A table of ours carries a mark in its user data (Mark), which nft shows as
// the table's comment, and each rule the hash of what it does. A table without
// the mark is somebody else's and is not touched.
//
// Reading is cheap while nothing happens: the kernel numbers its rulesets, and
// a Keeper reads its table again only when the number (Generation) has changed.
// The driver speaks netlink itself, because google/nftables v0.3.0 knows no
// user data of tables; the expressions of rules are encoded by that package.
package nft
