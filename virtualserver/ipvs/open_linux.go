package ipvs

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/retry"
	"github.com/lvs-director/director/virtualserver/table"
	"github.com/vishvananda/netlink"
)

// patience bounds every exchange with the kernel. A list of 36,000 real
// servers takes 2 s on a slow machine.
const patience = 15 * time.Second

// kernel is the Driver of the running kernel.
type kernel struct {
	read     reader
	write    writer
	modules  modules
	features features
}

// Open opens the IPVS table of the network namespace of the calling thread. It
// fails with ErrNoIPVS if the kernel has none and none can be loaded.
func Open() (Driver, error) { return open(modprobe) }

// Opener returns an Open to be called again and again: on a kernel without IPVS it
// looks every time, and starts modprobe after growing pauses only.
func Opener() func() (Driver, error) {
	var attempts retry.Retry
	return func() (Driver, error) {
		return open(func(name string) bool {
			now := time.Now()
			if !attempts.Ready(now) {
				return false
			}
			attempts.Failed(now) // a success ends the attempts
			return modprobe(name)
		})
	}
}

// open opens the table. The number of the netlink family is asked for each time: a
// module that was loaded again has another one.
func open(load func(module string) bool) (Driver, error) {
	family, err := findFamily(load)
	if err != nil {
		return nil, err
	}
	// Both sockets are opened here and now: whoever uses the driver later may
	// be on a thread in another network namespace.
	k := &kernel{
		read:     reader{family: family.ID, version: uint8(family.Version)},
		write:    writer{family: family.ID, version: uint8(family.Version)},
		features: features{built: Feature.Built},
	}
	_, err = k.Services()
	if err == nil {
		err = k.write.open()
	}
	if err != nil {
		k.Close()
		return nil, err
	}
	return k, nil
}

// findFamily asks for the number of the netlink family, and loads the module for it.
func findFamily(load func(module string) bool) (*netlink.GenlFamily, error) {
	family, err := netlink.GenlFamilyGet("IPVS")
	if errors.Is(err, syscall.ENOENT) {
		// Not every kernel loads the module when it is asked for the family.
		if !load("ip_vs") {
			return nil, ErrNoIPVS
		}
		family, err = netlink.GenlFamilyGet("IPVS")
	}
	switch {
	case errors.Is(err, syscall.ENOENT):
		return nil, ErrNoIPVS
	case err != nil:
		return nil, fmt.Errorf("ask the kernel for IPVS: %w", err)
	}
	return family, nil
}

func (k *kernel) Services() ([]table.Service, error) {
	services, err := k.read.services()
	if errors.Is(err, syscall.EPERM) {
		return nil, fmt.Errorf("list virtual servers: %w: it needs the capability CAP_NET_ADMIN (run as root)", err)
	}
	if err != nil {
		return nil, fmt.Errorf("list virtual servers: %w", err)
	}
	list := make([]table.Service, len(services))
	for i, s := range services {
		list[i] = s.Service
		if list[i].Traffic, err = s.counters.traffic(); err != nil {
			return nil, fmt.Errorf("list virtual servers: %w", err)
		}
	}
	return list, nil
}

func (k *kernel) Destinations(key conf.ServiceKey) ([]table.Destination, error) {
	destinations, err := k.read.destinations(key)
	if err != nil {
		return nil, fmt.Errorf("list real servers of %s: %w", key, err)
	}
	list := make([]table.Destination, len(destinations))
	for i, d := range destinations {
		list[i] = d.Destination
	}
	return list, nil
}

func (k *kernel) Apply(ops []table.Op) []error {
	k.modules.prepare(ops)
	k.features.plain = k.read.plainTunnels
	errs := make([]error, len(ops))
	sent := make([]table.Op, 0, len(ops))
	for i, op := range ops {
		if errs[i] = k.features.refuse(op); errs[i] == nil {
			sent = append(sent, op)
		}
	}
	answers := k.write.apply(sent)
	for i := range errs {
		if errs[i] == nil {
			errs[i], answers = answers[0], answers[1:]
		}
	}
	for i, err := range errs {
		if err != nil {
			errs[i] = opError(ops[i], err, hint(ops[i], err))
		}
	}
	return errs
}

func (k *kernel) Close() error {
	k.read.close()
	k.write.close()
	return nil
}
