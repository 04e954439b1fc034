package ipvs

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/table"
	"github.com/mdlayher/netlink"
)

// Attributes of a sync daemon (IPVS_DAEMON_ATTR_*).
const (
	daemonState     = 1
	daemonInterface = 2
	daemonID        = 3
	daemonMaxLen    = 4
	daemonGroup     = 5
	daemonGroup6    = 6
	daemonPort      = 7
	daemonTTL       = 8
)

// Daemons implements Driver.
func (k *kernel) Daemons() ([]table.Daemon, error) {
	list, err := k.read.list(cmdGetDaemon, nil)
	if err != nil {
		return nil, fmt.Errorf("list sync daemons: %w", err)
	}
	var daemons []table.Daemon
	for _, data := range list {
		err := nested(data, attrDaemon, func(a *decoder) error {
			daemons = append(daemons, decodeDaemon(a))
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("list sync daemons: %w", err)
		}
	}
	return daemons, nil
}

func decodeDaemon(a *decoder) table.Daemon {
	var d table.Daemon
	for a.Next() {
		switch a.Type() {
		case daemonState:
			d.Role = table.DaemonRole(a.Uint32())
		case daemonInterface:
			d.Interface = a.String()
		case daemonID:
			d.ID = int(a.Uint32())
		case daemonMaxLen:
			d.MaxLen = int(a.Uint16())
		case daemonGroup, daemonGroup6:
			d.Group, _ = netip.AddrFromSlice(a.Bytes())
		case daemonPort:
			d.Port = a.Uint16()
		case daemonTTL:
			d.TTL = a.Uint8()
		}
	}
	return d
}

// StartDaemon implements Driver.
func (k *kernel) StartDaemon(d table.Daemon) error {
	err := k.configure(cmdNewDaemon, func(a *netlink.AttributeEncoder) {
		a.Nested(attrDaemon, func(a *netlink.AttributeEncoder) error {
			a.Uint32(daemonState, uint32(d.Role))
			a.String(daemonInterface, d.Interface)
			a.Uint32(daemonID, uint32(d.ID))
			if d.MaxLen > 0 {
				a.Uint16(daemonMaxLen, uint16(d.MaxLen))
			}
			switch {
			case d.Group.Is4():
				a.Bytes(daemonGroup, d.Group.AsSlice())
			case d.Group.Is6():
				a.Bytes(daemonGroup6, d.Group.AsSlice())
			}
			if d.Port > 0 {
				a.Uint16(daemonPort, d.Port)
			}
			if d.TTL > 0 {
				a.Uint8(daemonTTL, d.TTL)
			}
			return nil
		})
	})
	if err == nil || errors.Is(err, syscall.EEXIST) {
		return nil // which one runs is seen by looking
	}
	hint := ""
	switch {
	case errors.Is(err, syscall.ENODEV):
		hint = ": there is no interface " + d.Interface
	case errors.Is(err, syscall.EINVAL):
		hint = ": the kernel does not synchronize while a real server has another address family than its virtual server"
	}
	return fmt.Errorf("start the %s sync daemon on %s: %w%s", d.Role, d.Interface, err, hint)
}

// StopDaemon implements Driver.
func (k *kernel) StopDaemon(role table.DaemonRole) error {
	err := k.configure(cmdDelDaemon, func(a *netlink.AttributeEncoder) {
		a.Nested(attrDaemon, func(a *netlink.AttributeEncoder) error {
			a.Uint32(daemonState, uint32(role))
			return nil
		})
	})
	if err == nil || Missing(err) {
		return nil
	}
	return fmt.Errorf("stop the %s sync daemon: %w", role, err)
}

// Flush implements Driver.
func (k *kernel) Flush() error {
	if err := k.configure(cmdFlush, nil); err != nil {
		return fmt.Errorf("empty the IPVS table: %w", err)
	}
	return nil
}

// SetTimeouts implements Driver.
func (k *kernel) SetTimeouts(t conf.LVSTimeouts) error {
	err := k.configure(cmdSetConfig, func(a *netlink.AttributeEncoder) {
		for _, one := range []struct {
			attribute uint16
			value     time.Duration
		}{{attrTimeoutTCP, t.TCP}, {attrTimeoutTCPFin, t.TCPFin}, {attrTimeoutUDP, t.UDP}} {
			a.Uint32(one.attribute, uint32(one.value/time.Second)) // 0 keeps the present one
		}
	})
	if err != nil {
		return fmt.Errorf("set the timeouts of IPVS: %w", err)
	}
	return nil
}

// Timeouts implements Driver.
func (k *kernel) Timeouts() (conf.LVSTimeouts, error) {
	var t conf.LVSTimeouts
	answers, err := k.read.ask(cmdGetConfig, netlink.Request, nil)
	if err != nil {
		return t, fmt.Errorf("ask for the timeouts of IPVS: %w", err)
	}
	for _, data := range answers {
		a, err := netlink.NewAttributeDecoder(data)
		if err != nil {
			return t, fmt.Errorf("ask for the timeouts of IPVS: decode: %w", err)
		}
		for a.Next() {
			switch a.Type() {
			case attrTimeoutTCP:
				t.TCP = time.Duration(a.Uint32()) * time.Second
			case attrTimeoutTCPFin:
				t.TCPFin = time.Duration(a.Uint32()) * time.Second
			case attrTimeoutUDP:
				t.UDP = time.Duration(a.Uint32()) * time.Second
			}
		}
	}
	return t, nil
}

// configure sends a command and waits for its answer.
func (k *kernel) configure(command uint8, attributes func(*netlink.AttributeEncoder)) error {
	encoder := netlink.NewAttributeEncoder()
	if attributes != nil {
		attributes(encoder)
	}
	data, err := encoder.Encode()
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	_, err = k.read.ask(command, netlink.Request|netlink.Acknowledge, data)
	return err
}
