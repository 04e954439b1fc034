// Package rollout holds the rules of the worker processes: which of them runs
// which generation of the configuration, when one that died is started again,
// when it is given up, how all of them are ended, how another program takes
// over, and how workers that run an older program are replaced.
//
// The IPVS table goes first: instances become MASTER, and a new configuration
// reaches the vrrp worker, when the lvs worker has loaded the table of that
// generation, or after TablePatience without it. A virtual address without its
// service resets clients; no virtual address at all serves none.
//
// A Machine knows no clock, process or log. It is told what happened and when
// (an Input) and appends what has to be done (Effects) to a slice of the
// caller's. It has no timers of its own: Deadline says when it wants a Tick.
package rollout
