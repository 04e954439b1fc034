// Package control is the control socket of a running director: every shape
// that goes over it, the server, which asks a Controller, and the client.
//
// Questions and answers are JSON over HTTP over a Unix socket that only its
// owner may open. Serve lists the paths. What director check and director
// history print as JSON has its shape here too, so that every JSON document
// that director writes is described in one package.
package control
