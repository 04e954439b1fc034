// Package hostcheck asks the host that director runs on, and changes nothing
// there.
//
// Findings says what of a configuration this host cannot do (director check
// --host). Conflicts looks for another load balancer that serves the same.
// Look and its siblings read what a plan has to know of the kernel. Permitted
// says whether the process may do what a configuration asks for.
package hostcheck
