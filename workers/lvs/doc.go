// Package lvs is the loop of the lvs worker process: it joins the checkers to
// the IPVS table, and both to the connection to the supervisor.
//
// A configuration is applied in this order: the rules of nftables, for ten seconds at most;
// the table; the checkers. Until it is applied nothing more is read from the supervisor.
package lvs
