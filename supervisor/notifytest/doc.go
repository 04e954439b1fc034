// Package notifytest tries what tells people and programs of events: mail, FIFOs and scripts. It
// tells nobody anything that is not so: a FIFO has the present state once more, and so has a script
// that is run.
package notifytest
