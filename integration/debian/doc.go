// Package debian fetches what the lab needs from the Debian archive without
// installing it: a package is downloaded with apt-get and unpacked into a
// cache folder, and the machine is not changed. Installing would have side
// effects: Debian starts keepalived when it is installed, and an installed kernel
// becomes the next one to boot.
//
// The lab fetches the stock kernel for the guest, keepalived and FRR as peer
// routers, and the servers that health checks are tested with. A package in the
// cache is used without a check for updates and needs no network; to update,
// remove the cache folder.
package debian
