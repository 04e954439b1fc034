// Package metrics makes of a status what Prometheus reads. It has no socket and no clock: the front
// (workers/front) asks for the status and serves the text.
//
// Names and labels are those of docs/monitoring.md. A label instance is not among them: it is
// Prometheus's own.
package metrics
