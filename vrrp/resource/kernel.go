package resource

import "github.com/lvs-director/director/vrrp/link"

// Kernel is what makes and removes resources. One goroutine uses it.
type Kernel struct {
	Addresses link.Addresses
	Routes    link.Routes
	Filter    link.Filter
}

// Journal remembers across a crash what is ours, in texts such as
// "address eth0 10.0.0.100/32".
type Journal interface {
	// Claim is called before something is made.
	Claim(keys ...string) error
	// Release is called after it was removed.
	Release(keys ...string) error
}
