// Package lvs is the loop of the lvs worker process: it joins the checkers to
// the IPVS table, and both to the connection to the supervisor.
//
// A configuration is applied in this order: the rules of nftables, for five seconds at most;
// the table; the checkers. What comes after it and is about it waits (turn); a stop does not.
package lvs
