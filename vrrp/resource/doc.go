// Package resource makes and removes what virtual routers want to have in the
// kernel: addresses, the filters of no_accept, routes, rules and settings of
// interfaces.
//
// A Resource is a typed value with a Key, which names it in the journal too;
// each kind has a file. The Ledger is bookkeeping: who wants what, what is
// there and what is ours. The Reconciler owns both and the kernel. It is told
// wishes (Job), removes what nobody wants any more, makes what is missing -
// addresses of all owners before the routes of any - and tells what became of
// it (Result), each owner as soon as its own are done. What fails, or what
// something else keeps undoing, is tried again with growing pauses (Retry) and
// reported until it is right.
//
// Nothing goes that is not ours: a key is in the journal before its resource
// is made, and leaves it after the resource has gone.
package resource
