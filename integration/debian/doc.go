// Package debian fetches what the lab needs from the Debian archive without
// installing it: a package is downloaded with apt-get and unpacked into a
// cache folder, and nothing of the machine changes. Installing would do more
// than is wanted: Debian starts keepalived when it is installed, and a kernel
// would become the next one to boot.
//
// Three things come this way: the stock kernel for the guest, and keepalived
// and FRR as other routers. What is in the cache is used as it is
// and needs no network; removing the cache folder fetches it anew.
package debian
