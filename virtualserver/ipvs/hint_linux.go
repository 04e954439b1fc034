package ipvs

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/lvs-director/director/virtualserver/table"
)

// hint says what an operator can do about the kernel's answer to an operation;
// it is empty where the answer says it all.
func hint(op table.Op, err error) string {
	s, d := op.Service, op.Destination
	switch {
	case errors.Is(err, syscall.EPERM):
		return "it needs the capability CAP_NET_ADMIN (run as root)"
	case errors.Is(err, syscall.EAFNOSUPPORT):
		return "the kernel's IPVS does not know this address family"
	}
	switch op.Kind {
	case table.NewService, table.SetService:
		if errors.Is(err, syscall.ENOENT) {
			return missingModule(s, loaded)
		}
	case table.NewDestination, table.SetDestination:
		switch {
		case errors.Is(err, syscall.ERANGE):
			return "weight below 0, or lthreshold above uthreshold"
		case !errors.Is(err, syscall.EINVAL):
		case mixed(s, d) && d.Forward != table.Tunnel:
			return "real servers of the other address family can only be reached with lb_kind TUN"
		case mixed(s, d):
			return "a real server of the other address family and a sync daemon exclude each other"
		case loopbackDown():
			return "interface lo is down in this network namespace (ip link set lo up)"
		case d.Key.Address.IsLinkLocalUnicast():
			return "a link-local address cannot be a real server"
		}
	}
	return ""
}

// missingModule names the module that the kernel has not found for a service. Of a
// scheduler that is loaded it is the persistence engine.
func missingModule(s table.Service, loaded func(module string) bool) string {
	scheduler := fmt.Sprintf("the kernel has no scheduler %s (modprobe ip_vs_%s)", s.Scheduler, s.Scheduler)
	if s.Engine == "" {
		return scheduler
	}
	engine := fmt.Sprintf("no persistence engine %s (modprobe ip_vs_pe_%s)", s.Engine, s.Engine)
	switch {
	case loaded("ip_vs_" + s.Scheduler):
		return "the kernel has " + engine
	case loaded("ip_vs_pe_" + s.Engine):
		return scheduler
	}
	return scheduler + " or " + engine
}

// loaded says whether a module is. One that is built in need not show.
func loaded(module string) bool {
	_, err := os.Stat("/sys/module/" + module)
	return err == nil
}

func mixed(s table.Service, d table.Destination) bool {
	return table.Is6(s.Key) != d.Key.Address.Is6()
}

func loopbackDown() bool {
	lo, err := net.InterfaceByName("lo")
	return err == nil && lo.Flags&net.FlagUp == 0
}
