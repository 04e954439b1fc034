package supervisor

import (
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/supervisor/history"
)

// goOn is the supervisor's process from an upgrade on. The run directory is
// locked, the control socket is there and the workers run.
func (c *Options) goOn(text string, stop, hup chan os.Signal) error {
	h, err := readHandDown(text)
	if err != nil {
		return err
	}
	for _, fd := range h.descriptors() {
		syscall.CloseOnExec(fd)
	}
	lock := os.NewFile(uintptr(h.Lock), c.RunDir.PidFile())
	defer lock.Close()
	defer os.Remove(c.RunDir.PidFile())
	listener, err := inheritListener(h.Listener)
	if err != nil {
		return err
	}
	defer listener.Close()
	for _, w := range h.Workers {
		w.Worker.SetSocket(os.NewFile(uintptr(w.Socket), w.Name))
	}
	c.File = h.File
	s := c.supervisor()
	if s.current, err = c.inherit(h.Current); err != nil {
		return err
	}
	s.disk = c.load()
	if s.history, err = history.Open(c.StateDir, c.File); err != nil {
		s.historyFailed(err)
	}
	return s.serve(listener, lock, stop, hup, h)
}

func inheritListener(fd int) (*net.UnixListener, error) {
	f := os.NewFile(uintptr(fd), "control")
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("going on with the control socket: %w", err)
	}
	u, ok := l.(*net.UnixListener)
	if !ok {
		l.Close()
		return nil, fmt.Errorf("going on with the control socket: it is of %v", l.Addr().Network())
	}
	u.SetUnlinkOnClose(true) // as that of a start
	return u, nil
}

// inherit reads a configuration that was handed down. Its keys are those that
// were read when it was put in force.
func (c *Options) inherit(h handedConfig) (loaded, error) {
	l := c.loadText(h.Text)
	l.keys, l.entry = h.Keys, h.Entry
	for _, f := range l.findings {
		if f.Severity == conf.Error {
			return l, fmt.Errorf("the configuration in force has errors for this program, the first: %s", f)
		}
	}
	return l, nil
}

// takeOver goes on where the program before has ended.
func (s *supervisor) takeOver(h *handDown) {
	s.generation, s.reported = h.Generation, h.Generation
	s.entry, s.fallback = h.Entry, h.Fallback
	s.started, s.upgrades = h.Started, h.Upgrades
	s.proceeded, s.announced = true, true
	s.tableWait.Stop()
	for _, i := range h.Instances {
		s.known.Instances[i.Instance] = i
	}
	for _, v := range h.VirtualServers {
		s.known.VirtualServers[v.VirtualServer] = v
	}
	for _, r := range h.RealServers {
		s.known.RealServer(r)
	}
	for _, r := range h.Checks {
		s.known.Check(r)
	}
	s.known.Table, s.known.Counters = h.Table, h.Counters
	s.handovers.Import(h.Orders, h.LastOrder)
	s.keepHandovers()
	s.notify.Apply(s.current.cfg)
	s.notify.Import(h.Notify)
	for _, w := range h.Workers {
		s.adopt(w)
	}
	s.tracking.Resume(s.current.cfg, h.Trackers)
	s.ready("READY=1")
	s.log.Info("upgraded", "version", s.opts.Version, "from", h.From, "config", s.current.cfg.Path, "generation", s.generation)
	s.inheritPending(h.Pending)
	s.beginRenewal()
	if h.Reload {
		s.startReload(order{signal: true})
	}
}

// inheritPending goes on waiting for a confirmation.
func (s *supervisor) inheritPending(h *handedPending) {
	if h == nil {
		return
	}
	back, err := s.opts.inherit(h.Back)
	if err != nil {
		s.log.Error("without a confirmation nothing comes back: the configuration before cannot be used", "error", err)
		return
	}
	s.pending = &pending{back: back, backEntry: h.BackEntry, until: h.Until, timer: time.NewTimer(time.Until(h.Until))}
}
