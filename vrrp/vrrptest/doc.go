// Package vrrptest is an in-memory world for engines of package vrrp: hosts
// with interfaces and addresses, joined by links that deliver, lose and delay
// packets as a test wishes. It uses channels and Go's timers only, so that a
// whole cluster runs in a bubble of testing/synctest.
package vrrptest
