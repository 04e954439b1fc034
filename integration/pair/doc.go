// Package pair builds the network that a load balancer pair works in, in the
// two usual forms, and runs the pair itself: director, or Debian's
// keepalived, or one of each. Both read the same configuration, so every
// scenario can be played with either.
package pair
