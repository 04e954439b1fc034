// Package booted tests the packages in a Debian system that systemd has booted, in
// the guest: installed beside Debian's keepalived and in its place, upgraded,
// removed, purged, in both orders, and both shapes of the unit at work.
//
// It needs root on Debian, since the system is made of packages that are configured
// in a folder of the cache; this machine is not changed.
package booted
