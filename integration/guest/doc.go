// Package guest runs a program of this machine inside a small virtual machine
// whose kernel has IPVS, for machines whose own kernel has none or whose user
// is not root there.
//
// The guest is QEMU with Debian's stock kernel. It sees this machine's files
// read-only, at their own paths, and keeps what it writes in memory; only the
// folders named by the caller are shared for writing. It has no network card
// unless the caller gives it one. This process forwards the program's standard
// output and error, and returns its exit status.
//
// A program that needs such a kernel starts itself again inside the guest, so
// that "go test" and a demo are used the same way everywhere.
package guest
