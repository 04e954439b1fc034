package supervisor

import (
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/lvs-director/director/supervisor/rollout"
	"github.com/lvs-director/director/worker"
)

// heartbeat passes on that a worker lives.
func (s *supervisor) heartbeat(name rollout.Worker, h worker.Heartbeat) {
	s.tellRollout(rollout.Heard{Worker: name, LastSent: h.Advertised, Limit: h.ShortestDown})
}

// round has the machine look at who is silent, after everything that has
// arrived was taken in.
func (s *supervisor) round() {
	for more := true; more; {
		select {
		case e := <-s.events:
			s.workerEvent(e)
		default:
			more = false
		}
	}
	var unread []rollout.Worker
	for name, k := range s.keepers {
		if k.Unread() {
			unread = append(unread, name)
		}
	}
	s.tellRollout(rollout.Round{Unread: unread})
	s.keepRunDir()
}

// examine looks at a worker that says nothing, beside the loop.
func (s *supervisor) examine(e rollout.Examine) {
	go func() {
		why := unkillable(e.Pid)
		s.post(func() { s.tellRollout(rollout.Examined{Worker: e.Worker, Pid: e.Pid, Unkillable: why}) })
	}()
}

// watchdog tells the service manager that the loop goes round. It is owned by
// the loop.
type watchdog struct {
	interval time.Duration // 0 when the service manager does not want to know
	last     time.Time
}

// newWatchdog reads what the service manager wants.
func newWatchdog() watchdog {
	d, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return watchdog{}
	}
	return watchdog{interval: d / 4}
}

// feedWatchdog says it when it is time to.
func (s *supervisor) feedWatchdog() {
	now := time.Now()
	if s.watchdog.interval == 0 || now.Sub(s.watchdog.last) < s.watchdog.interval {
		return
	}
	s.watchdog.last = now
	s.ready(daemon.SdNotifyWatchdog)
}
