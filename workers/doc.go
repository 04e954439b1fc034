// Package workers is what the worker processes have in common: their start, their
// connection to the supervisor and their journal. What each one does is in
// workers/vrrp and workers/lvs; the supervisor imports neither.
package workers
