// Package doctor knows what keeps a director from serving although its configuration
// is right: settings of the kernel, addresses in the wrong place, real servers that
// answer for a virtual address, other programs that manage the same things.
//
// Examine is a pure rule over facts that somebody has gathered; what is not known
// makes no finding. It changes nothing, and what it says has a cause, what was seen,
// and a cure.
package doctor
