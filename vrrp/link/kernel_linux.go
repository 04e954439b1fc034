package link

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Kernel is the Network of the kernel this process runs on, in the network
// namespace of the thread that calls its methods.
type Kernel struct{}

var _ Network = (*Kernel)(nil)

// NewKernel checks that the process may do what the other methods do.
func NewKernel() (*Kernel, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return nil, fmt.Errorf("reading the capabilities of this process: %w", err)
	}
	var missing []error
	for _, c := range []struct {
		number int
		name   string
		needed string
	}{
		{unix.CAP_NET_RAW, "NET_RAW", "to send and receive VRRP (IP protocol 112) and gratuitous ARP"},
		{unix.CAP_NET_ADMIN, "NET_ADMIN", "to put virtual addresses on interfaces"},
	} {
		if data[0].Effective&(1<<c.number) == 0 {
			missing = append(missing, fmt.Errorf("capability %s is missing, which is needed %s", c.name, c.needed))
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("VRRP cannot work without privileges; run as root or grant them: %w",
			errors.Join(missing...))
	}
	return &Kernel{}, nil
}

// withReason6 is withReason for what is done with IPv6 on an interface.
func withReason6(err error, device string) error {
	switch {
	case errors.Is(err, unix.EACCES): // the kernel's answer for one where IPv6 is off
		return fmt.Errorf("%w (IPv6 is off on %s: set net.ipv6.conf.%s.disable_ipv6=0)", err, device, device)
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EAFNOSUPPORT):
		return fmt.Errorf("%w (this kernel runs without IPv6: see the boot option ipv6.disable)", err)
	}
	return withReason(err)
}

// withReason adds to a kernel's error what an operator can do about it.
func withReason(err error) error {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("%w (are the capabilities NET_RAW and NET_ADMIN granted?)", err)
	case errors.Is(err, unix.EAFNOSUPPORT):
		return fmt.Errorf("%w (this kernel runs without IPv6: see the boot option ipv6.disable)", err)
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return fmt.Errorf("%w (is the address on this host?)", err)
	case errors.Is(err, unix.ENOBUFS):
		return fmt.Errorf("%w (see net.ipv4.igmp_max_memberships and net.core.optmem_max)", err)
	}
	return err
}
