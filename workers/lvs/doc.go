// Package lvs is the loop of the lvs worker process: it joins the checkers to
// the IPVS table, and both to the connection to the supervisor.
package lvs
