// Package plan says in words what a configuration would change, for somebody
// who is about to press enter.
//
// Make compares two configurations, with what is known of the running director
// and its kernel; AgainstKernel compares a configuration with a kernel that no
// director looks after. Both are functions of their arguments. A Plan has five
// parts, from what hurts to what does not matter: what clients notice, what
// leaves slowly, what nobody notices, what is untouched, and what the kernel
// has that is not configured.
//
// Values come from diff.Difference, which masks secrets.
package plan
