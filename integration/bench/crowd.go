//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/lvs-director/director/integration/bench/proc"
	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
)

// perWire is the number of virtual routers on one interface. The measurements of keepalived that
// the figures are compared with use the same number.
const perWire = 250

// crowd is two hosts with many virtual routers between them.
type crowd struct {
	lab      *lab.Lab
	hosts    [2]*lab.Host
	daemons  [2]*pair.Daemon
	kind     pair.Kind
	count    int // virtual routers
	interval time.Duration
	spread   bool   // each interface's virtual routers have different priorities
	extra    string // further lines of global_defs
}

// newCrowd makes the two hosts and the links for count virtual routers.
func newCrowd(t lab.Reporter, kind pair.Kind, count int, interval time.Duration) *crowd {
	if k, ok := kind.(pair.Keepalived); ok {
		k.Terse = true // thousands of detailed log lines would distort the figures
		kind = k
	}
	c := &crowd{lab: lab.New(t), kind: kind, count: count, interval: interval}
	for i := range c.hosts {
		c.hosts[i] = c.lab.Host(fmt.Sprintf("node%d", i+1))
	}
	for w := range c.wires() {
		c.lab.Wire(c.hosts[0], c.hosts[1], fmt.Sprintf("eth%d", w),
			fmt.Sprintf("192.168.%d.1/24", w), fmt.Sprintf("192.168.%d.2/24", w))
	}
	// The kernel takes a moment to see a carrier.
	c.lab.Until(settleLimit, "all interfaces run", func() bool {
		for _, h := range c.hosts {
			for w := range c.wires() {
				if !h.Running(fmt.Sprintf("eth%d", w)) {
					return false
				}
			}
		}
		return true
	})
	return c
}

func (c *crowd) wires() int { return (c.count + perWire - 1) / perWire }

// start runs the daemon of one of the hosts. The first host has the higher priority.
func (c *crowd) start(t lab.Reporter, host int) {
	c.daemons[host] = pair.Start(t, c.kind, c.hosts[host], c.config(host))
}

// priority is the priority of one virtual router on one host. With different priorities, the skew
// times spread the advertisements over a whole interval.
func (c *crowd) priority(host, vrid int) int {
	if c.spread {
		return 254 - (vrid - 1) - host
	}
	return 200 - 100*host
}

func (c *crowd) config(host int) string {
	return crowdConfig(c.count, c.interval, c.extra, func(vrid int) int { return c.priority(host, vrid) })
}

// crowdConfig is a configuration of many instances with an address each.
func crowdConfig(count int, interval time.Duration, global string, priority func(vrid int) int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "global_defs {\n    router_id crowd\n    vrrp_garp_master_repeat 1\n%s}\n", global)
	for i := range count {
		wire, vrid := i/perWire, i%perWire+1
		fmt.Fprintf(&b, `
vrrp_instance VI_%d {
    state BACKUP
    interface eth%d
    virtual_router_id %d
    version 3
    priority %d
    advert_int %g
    virtual_ipaddress {
        10.%d.%d.1/32 dev eth%d
    }
}
`, i, wire, vrid, priority(vrid), interval.Seconds(), wire, vrid, wire)
	}
	return b.String()
}

// usage is what a process has used by now.
type usage = proc.Usage

// use reads what a process has used.
func use(pid int) (usage, error) { return proc.Use(pid) }

// held is how many virtual addresses a host has now.
func (c *crowd) held(host int) int {
	n := 0
	for w := range c.wires() {
		for _, p := range c.hosts[host].Addresses(fmt.Sprintf("eth%d", w)) {
			if isVirtual(p.Addr()) {
				n++
			}
		}
	}
	return n
}

// isVirtual reports whether an address is a virtual one, not one of the links'.
func isVirtual(a netip.Addr) bool { return a.Is4() && a.As4()[0] == 10 }
