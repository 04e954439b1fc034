package supervisor

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"os"
	"syscall"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/keepalived/commandline"
	"github.com/lvs-director/director/notify/mail"
	"github.com/lvs-director/director/supervisor/reload"
	"github.com/lvs-director/director/supervisor/rollout"
)

// resume is the supervisor's process from an upgrade on. The run directory is
// locked, the control socket is there and the workers run.
func (c *Options) resume(text string, sig Signals) error {
	h, err := readHandoff(text)
	if err != nil {
		return err
	}
	for _, fd := range h.descriptors() {
		syscall.CloseOnExec(fd)
	}
	if h.Signals != nil {
		h.Signals.Release() // they are taken in
	}
	if c.derived = c.RunDir == ""; c.derived {
		c.RunDir = cmp.Or(h.RunDir, commandline.DefaultRunDir)
	}
	files := runFiles{derived: c.derived}
	files.lock = os.NewFile(uintptr(h.Lock), c.RunDir.PidFile()) // nil for one that there was not
	if files.listener, err = inheritListener(h.Listener); err != nil {
		return err
	}
	files.lookAtSocket(c.RunDir)
	if h.Readers > 0 {
		if files.readers, err = inheritListener(h.Readers); err != nil {
			c.Log.Error("the socket of status_socket is made anew", "error", err)
		}
		files.readersGroup = h.ReadersGroup
	}
	for _, w := range h.Workers {
		w.Worker.SetSocket(os.NewFile(uintptr(w.Socket), w.Name))
	}
	c.File = h.File
	s := c.supervisor()
	s.files = files
	if err := s.files.restorePidFile(c.RunDir); err != nil {
		s.files.failed(s.log, "the pid file cannot be written: going on without it, and trying again each second", err)
	}
	current, err := c.inherit(h.Current)
	if err != nil {
		return err
	}
	current.kept = h.Entry
	c.identify(current.cfg)
	nameProcess(s.log, current.cfg.Global.ProcessNames)
	if pids := c.pidFiles(current.cfg); h.PidFiles.Main != "" || pids.Main == "" {
		s.pids = newPids(h.PidFiles)
		s.pids.Adopt("", os.Getpid())
	} else { // the program before wrote none
		s.pids = newPids(pids)
		s.pids.Follow("", os.Getpid())
	}
	state := reload.State{Generation: h.Generation, Current: current}
	if p := h.Pending; p != nil {
		if back, err := c.inherit(p.Back); err != nil {
			s.log.Error("cannot go back without a confirmation: the previous configuration cannot be used", "error", err)
		} else {
			back.kept = p.BackEntry
			state.Back, state.Until = back, p.Until
		}
	}
	s.reload = reload.Resume(state)
	s.disk = c.load()
	return s.serve(sig, h)
}

// inheritListener takes over the control socket; nil is that there was none.
func inheritListener(fd int) (*net.UnixListener, error) {
	if fd < 0 {
		return nil, nil
	}
	f := os.NewFile(uintptr(fd), "control")
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("taking over the control socket: %w", err)
	}
	u, ok := l.(*net.UnixListener)
	if !ok {
		l.Close()
		return nil, fmt.Errorf("taking over the control socket: it is of %v", l.Addr().Network())
	}
	u.SetUnlinkOnClose(true) // as that of a start
	return u, nil
}

// inherit reads a configuration that was handed off. Its keys are those that
// were read when it was put in force.
func (c *Options) inherit(h handedConfig) (*loaded, error) {
	l := c.loadText(h.Text)
	l.keys, l.origin = h.Keys, h.Entry
	for _, f := range l.findings {
		if f.Severity == conf.Error {
			return l, fmt.Errorf("the configuration in force has errors for this program, the first: %s", f)
		}
	}
	return l, nil
}

// takeOver goes on where the program before ended.
func (s *supervisor) takeOver(h *handoff) {
	s.payHistory() // nothing is owed: it finds the history
	s.chronicle.brought = h.Brought
	s.record(event.RecordDirector, "director", "", "upgraded", "version "+s.opts.Version+", was "+h.From)
	s.fallback, s.started, s.upgrade.count = h.Fallback, h.Started, h.Upgrades
	s.refused, s.known.Host = refusal{h.Refused, h.RefusedAt}, h.Host
	for _, g := range h.Groups {
		s.known.Groups[g.Group] = g
	}
	for _, b := range h.BFDs {
		s.known.BFD(b)
	}
	s.generations = map[uint64]*loaded{h.Generation: s.current()}
	for _, i := range h.Instances {
		s.known.Instance(i)
	}
	for _, v := range h.VirtualServers {
		s.known.InTheTable(v)
	}
	for _, r := range h.RealServers {
		s.known.RealServer(r)
	}
	for _, r := range h.Checks {
		s.known.Check(r)
	}
	s.known.Table, s.known.Counters = h.Table, h.Counters
	if h.Repairs != nil { // else of an older program: those that the objects tell
		s.known.Repairs.Total = h.Repairs
	}
	maps.Copy(s.known.Journals, h.Journals)
	s.handovers.Import(h.Orders, h.LastOrder)
	s.followHandovers(nil)
	s.known.Await = h.Await
	s.known.Suspend(h.Suspended)
	for _, v := range h.InTable {
		s.known.ServersInTable(v)
	}
	s.fifos.Resume(h.FIFOs)
	s.tellConfiguration(s.current())
	if h.Mail.Known == nil {
		h.Mail.Known = mail.Before(h.Instances, h.Groups, h.VirtualServers)
	}
	s.mail.Import(h.Mail)
	s.notify.Import(h.Notify)
	state := rollout.State{
		Generation: h.Generation, Table: rollout.Table{Generation: h.Table.Generation, Problem: h.Table.Error},
	}
	for _, w := range h.Workers {
		state.Workers = append(state.Workers, w.status())
	}
	s.rollout = rollout.Resume(s.rolloutOptions(), state)
	for _, w := range h.Workers {
		s.adopt(w)
	}
	s.inheritOverrides(h.OverrideSet, h.Overrides) // the lvs worker is told which have ended meanwhile
	s.tracking.Resume(s.current().cfg, h.Trackers)
	s.announcing.GoOn(h.Announced)
	s.announcing.Import(h.AnnounceOrders)
	s.announce(s.current(), h.Generation)
	s.announcing.Table(h.Table)
	s.misc.Resume(h.Programs, s.programOf)
	s.ready("READY=1")
	s.log.Info("upgraded", "version", s.opts.Version, "from", h.From, "config", s.current().cfg.Path, "generation",
		h.Generation)
	s.tellRollout(rollout.Replace{Workers: s.otherProgram()})
	if h.Reload && h.ReloadBy == "" { // the program before does not tell
		s.hup()
	} else if h.Reload {
		s.chronicle.asked[0] = h.ReloadBy
		s.tellReload(reload.Asked{})
	}
	s.dump(h.Dumps)
}

// otherProgram are the workers that run another file than this process.
func (s *supervisor) otherProgram() (list []rollout.Worker) {
	own, err := os.Stat("/proc/self/exe")
	if err != nil {
		s.log.Error("workers are not replaced: failed to read the file of this program", "error", err)
		return nil
	}
	for _, w := range s.rollout.Workers() {
		its, err := os.Stat(fmt.Sprintf("/proc/%d/exe", w.Pid))
		if err == nil && !os.SameFile(own, its) { // one that has just died is started with this program
			list = append(list, w.Worker)
		}
	}
	return list
}
