package ipvs

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/table"
)

// Driver is a way into an IPVS table. It has one owner: its methods are not
// called at the same time. No call lasts for ever.
type Driver interface {
	// Services lists all services, ours and others', without destinations, with what was
	// counted of each.
	Services() ([]table.Service, error)
	// Destinations lists those of one service; none and no error if there is
	// no such service.
	Destinations(conf.ServiceKey) ([]table.Destination, error)
	// Apply carries the operations out in order and answers each one: the
	// result is as long as ops. A failed operation does not stop the next.
	// Errors wrap the kernel's errno (Exists, Missing) and name what was tried.
	Apply(ops []table.Op) []error
	// Flush removes all services, ours and others'.
	Flush() error
	// Daemons lists the sync daemons that run.
	Daemons() ([]table.Daemon, error)
	// StartDaemon starts one. One of the same role that runs already is no error,
	// whatever its settings.
	StartDaemon(table.Daemon) error
	// StopDaemon stops the one of a role. It may take the kernel seconds. None to
	// stop is no error.
	StopDaemon(table.DaemonRole) error
	// SetTimeouts sets those that are not 0.
	SetTimeouts(conf.LVSTimeouts) error
	Timeouts() (conf.LVSTimeouts, error)
	// Measure lists what has been counted of each service and real server, ours and
	// others'.
	Measure() (map[conf.ServiceKey]Measured, error)
	Close() error
}

// Measurement is what the kernel has counted of a service or a real server: in all, and
// per second as it estimates that.
type Measurement struct{ Total, Rate event.Traffic }

// Measured is a service, and its real servers.
type Measured struct {
	Measurement
	Servers map[conf.ServerKey]Measurement
}

// ErrNoIPVS says that the kernel has no IPVS.
var ErrNoIPVS = errors.New(
	"the kernel has no IPVS: load it (modprobe ip_vs) or run a kernel that was built with CONFIG_IP_VS")

// Exists says that what was to be added is already there.
func Exists(err error) bool { return errors.Is(err, syscall.EEXIST) }

// Missing says that what was to be changed or removed, or the service it
// belongs to, is not there.
func Missing(err error) bool {
	return errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ESRCH)
}

// ErrNoAnswer says that the kernel did not answer: what was asked for may have been
// done.
var ErrNoAnswer = errors.New("no answer from the kernel in time")

// ErrNotAsked says that the kernel was not asked, since it had not answered what came before.
var ErrNotAsked = errors.New("not asked: the kernel has not answered an earlier request")

// Unanswered says that the kernel has not answered an operation, rather than refused it.
func Unanswered(err error) bool {
	var errno syscall.Errno
	return err != nil && !errors.As(err, &errno)
}

// Contradicts says that an operation failed because the table is not what
// whoever asked for it believed: it has to be read again.
func Contradicts(op table.Op, err error) bool {
	switch op.Kind {
	case table.NewService, table.SetService:
		// ENOENT is a scheduler that the kernel does not have.
		return Exists(err) || errors.Is(err, syscall.ESRCH)
	}
	return Exists(err) || Missing(err)
}

// Dump reads a whole table.
func Dump(d Driver) (table.Table, error) {
	services, err := d.Services()
	if err != nil {
		return nil, err
	}
	t := make(table.Table, len(services))
	for _, s := range services {
		destinations, err := d.Destinations(s.Key)
		if err != nil {
			return nil, err
		}
		t[s.Key] = Entry(s, destinations)
	}
	return t, nil
}

// Entry makes a table entry of what a driver lists, without what was counted of the service.
func Entry(s table.Service, destinations []table.Destination) table.Entry {
	s.Traffic = event.Traffic{}
	e := table.Entry{Service: s, Destinations: make(map[conf.ServerKey]table.Destination, len(destinations))}
	for _, d := range destinations {
		e.Destinations[d.Key] = d
	}
	return e
}

// opError names the operation that failed. The hint, if any, is what an
// operator can do.
func opError(op table.Op, err error, hint string) error {
	if hint != "" {
		return fmt.Errorf("%s: %w: %s", op, err, hint)
	}
	return fmt.Errorf("%s: %w", op, err)
}
