package supervisor

import (
	"cmp"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/keepalived/commandline"
	"github.com/lvs-director/director/notify"
	"github.com/lvs-director/director/notify/fifo"
	"github.com/lvs-director/director/notify/mail"
	"github.com/lvs-director/director/notify/misc"
	"github.com/lvs-director/director/notify/tracking"
	"github.com/lvs-director/director/supervisor/dumps"
	"github.com/lvs-director/director/supervisor/handover"
	"github.com/lvs-director/director/supervisor/history"
	"github.com/lvs-director/director/supervisor/rollout"
	"github.com/lvs-director/director/supervisor/signalhold"
	"github.com/lvs-director/director/worker"
)

// What a supervisor hands to the program that takes its place goes through a
// file in memory; nobody else can open it, and it is gone with its last reader.

// Programs of different commits hand off to each other. Fields are therefore
// only added, and a reader ignores those that it does not know.
const (
	// handoffVersion is the version of what this program writes. A new field does
	// not change it, a changed meaning does.
	handoffVersion = 1
	// oldestHandoff is the oldest version that this program reads.
	oldestHandoff = 1
)

// handoffVar names the descriptor of the file in memory.
const handoffVar = "DIRECTOR_HAND_DOWN"

// maxHandoff bounds what is read: 40,000 real servers take 20 MB.
const maxHandoff = 1 << 30

// handoff is all that a supervisor knows and holds.
type handoff struct {
	Version        int
	Oldest         int    // version that has to be known to read it; 0 is Version
	From           string // the version of the program that wrote it
	Lock, Listener int    // descriptors; -1 is none
	Workers        []handedWorker

	File       string // that a reload reads
	Current    handedConfig
	Generation uint64
	Entry      history.Entry
	Fallback   string
	Refused    string // why the last reload was refused, at RefusedAt
	RefusedAt  time.Time
	Pending    *handedPending
	Started    time.Time
	Brought    event.Number // the event that brought the configuration
	Upgrades   int
	Reload     bool // a signal asked for one meanwhile
	ReloadBy   event.Number
	Dumps      dumps.Kind // that signals asked for meanwhile
	Orders     map[string]handover.Order
	LastOrder  uint64
	// Announced is since when announce blocks are, and AnnounceOrders which of them an operator has withdrawn.
	Announced      map[string]time.Time
	AnnounceOrders map[string]handover.Order
	Overrides      []event.Override // in force
	OverrideSet    []byte           // all that is known of them, of overrides.Set.Export
	InTable        []event.ServersInTable
	Await          *worker.Await
	Suspended      []string // virtual servers whose checks are
	Instances      []event.InstanceState
	Groups         []event.GroupState
	BFDs           []event.BFDState
	Host           event.HostState
	VirtualServers []event.VirtualServerState
	RealServers    []event.RealServerState
	Checks         []event.CheckResult
	Table          event.TableLoaded
	Counters       event.VRRPCounters
	Repairs        map[string]uint64 // by kind
	Trackers       []tracking.State
	Programs       []misc.Request // of MISC_CHECK, which the lvs worker waits for
	Notify         notify.State
	Mail           mail.State
	FIFOs          fifo.State
	Journals       map[string]string // why that of a worker is not written
	Signals        *signalhold.Hold  // of the signals that come meanwhile; nil when there is none
	RunDir         worker.RunDir     // empty: that of the command line
	PidFiles       commandline.PidFiles
	// Readers is the descriptor of the socket of status_socket, for ReadersGroup; 0 is none.
	Readers      int
	ReadersGroup string

	file *os.File // in memory, that it is written to
}

// handedConfig is a configuration as text: each program reads it by itself.
type handedConfig struct {
	Text  history.Text
	Keys  map[string]conf.Secret
	Entry history.Entry
}

type handedPending struct {
	Back      handedConfig
	BackEntry history.Entry
	Until     time.Time
}

type handedWorker struct {
	Name     string
	Worker   *worker.Handed
	Socket   int // descriptor
	Restarts int
	Since    time.Time
	Died     string // how the last one did
	GivenUp  bool
	Applied  worker.Applied
	// Watched: it has said that it lives. LastSent is when it sent its last
	// advertisement, in time since boot.
	Watched  bool
	LastSent time.Duration
}

func newHandedWorker(w rollout.Status, h *worker.Handed) handedWorker {
	h.Restart, h.Deaths = w.Restarts, w.Deaths
	hw := handedWorker{
		Name: string(w.Worker), Worker: h, Socket: -1, Restarts: w.Restarts, Since: w.Since,
		Applied: worker.Applied{Generation: w.Applied, Error: w.Problem}, Watched: w.Watched, LastSent: w.LastSent,
	}
	if w.Err != nil {
		hw.Died = w.Err.Error()
	}
	if h.Socket() != nil {
		hw.Socket = descriptor(h.Socket())
	}
	return hw
}

// status is the worker as the machine of rollout takes it over.
func (h handedWorker) status() rollout.Status {
	s := rollout.Status{
		Worker: rollout.Worker(h.Name), Pid: h.Worker.Pid, Restarts: h.Restarts, Since: h.Since, Deaths: h.Worker.Deaths,
		Applied: h.Applied.Generation, Problem: h.Applied.Error, Watched: h.Watched, LastSent: h.LastSent,
	}
	if h.Died != "" {
		s.Err = errors.New(h.Died)
	}
	return s
}

func (l *loaded) handed() handedConfig { return handedConfig{l.text, l.keys, l.origin} }

// handoff is what is known.
func (s *supervisor) handoff() *handoff {
	r := s.reload.State()
	h := &handoff{
		RunDir: s.opts.RunDir, PidFiles: commandline.PidFiles{
			Main: s.pids.Path(""), VRRP: s.pids.Path(worker.VRRP), Checkers: s.pids.Path(worker.LVS)},
		Version: handoffVersion, Oldest: oldestHandoff, From: s.opts.Version, File: s.opts.File,
		Current: s.current().handed(), Generation: r.Generation, Entry: s.current().kept, Fallback: s.fallback,
		Refused: s.refused.why, RefusedAt: s.refused.at,
		Groups: slices.Collect(maps.Values(s.known.Groups)), Host: s.known.Host,
		BFDs:    slices.Collect(maps.Values(s.known.BFDs)),
		Started: s.started, Brought: s.chronicle.brought, Upgrades: s.upgrade.count + 1, Reload: r.Signalled,
		Table: s.known.Table, Counters: s.known.Counters,
		Repairs: s.known.Repairs.Told(), Notify: s.notify.Export(), Journals: s.known.Journals,
		Dumps:          s.dumps.Waiting(),
		Instances:      slices.Collect(maps.Values(s.known.Instances)),
		VirtualServers: slices.Collect(maps.Values(s.known.VirtualServers)),
		RealServers:    slices.Collect(maps.Values(s.known.RealServers)),
	}
	if h.Reload {
		h.ReloadBy = s.chronicle.asked[0]
	}
	h.Mail = s.mail.Export()   // what the notifier has told is in it
	h.FIFOs = s.fifos.Export() // after the notifier has told all
	for _, results := range s.known.Checks {
		h.Checks = append(h.Checks, results...)
	}
	h.Await, h.Suspended = s.known.Await, slices.Collect(maps.Keys(s.known.Suspended))
	h.Orders, h.LastOrder = s.handovers.Export()
	h.Announced, h.AnnounceOrders = s.announcing.Since(), s.announcing.Export()
	h.OverrideSet, _ = s.overrides.set.Export(worker.BootID()) // of times and texts: never fails
	h.Overrides, h.InTable = s.overrides.set.List(), slices.Collect(maps.Values(s.known.InTable))
	if back, ok := r.Back.(*loaded); ok {
		h.Pending = &handedPending{Back: back.handed(), BackEntry: back.kept, Until: r.Until}
	}
	return h
}

// save writes it to a new file in memory.
func (h *handoff) save() error {
	fd, err := unix.MemfdCreate("director", unix.MFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("making a file in memory: %w", err)
	}
	h.file = os.NewFile(uintptr(fd), "handoff")
	return h.write()
}

// write puts it into the file in memory, in the place of what is there.
func (h *handoff) write() error {
	_, err := h.file.Seek(0, io.SeekStart)
	if err == nil {
		err = gob.NewEncoder(h.file).Encode(h)
	}
	if err == nil {
		_, err = h.file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("writing the handoff: %w", err)
	}
	return nil
}

// readHandoff reads what the environment names.
func readHandoff(text string) (*handoff, error) {
	os.Unsetenv(handoffVar)
	fd, err := strconv.Atoi(text)
	if err != nil || fd <= 2 {
		return nil, fmt.Errorf("%s=%q is not a file descriptor: only director upgrade may set it", handoffVar, text)
	}
	f := os.NewFile(uintptr(fd), "handoff")
	defer f.Close()
	h := &handoff{}
	if err := gob.NewDecoder(io.LimitReader(f, maxHandoff)).Decode(h); err != nil {
		return nil, fmt.Errorf("reading the handoff of the previous program: %w", err)
	}
	return h, h.readable()
}

// readable says whether this program knows what the other one meant.
func (h *handoff) readable() error {
	if h.Version < oldestHandoff || cmp.Or(h.Oldest, h.Version) > handoffVersion {
		return fmt.Errorf("the handoff of the previous program has version %d, this program reads %d to %d",
			h.Version, oldestHandoff, handoffVersion)
	}
	return nil
}

// descriptors are those that the next program inherits.
func (h *handoff) descriptors() []int {
	list := append([]int{h.Lock, h.Listener}, h.Notify.Descriptors()...)
	list = append(list, h.FIFOs.Descriptors()...)
	for _, w := range h.Workers {
		list = append(list, w.Socket)
	}
	if h.Signals != nil {
		list = append(list, h.Signals.Socket)
	}
	if h.Readers > 0 {
		list = append(list, h.Readers)
	}
	return slices.DeleteFunc(list, func(fd int) bool { return fd < 0 })
}

// inheritable says whether the next program gets descriptors.
func inheritable(fds []int, yes bool) error {
	flag := unix.FD_CLOEXEC
	if yes {
		flag = 0
	}
	for _, fd := range fds {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, flag); err != nil {
			return fmt.Errorf("handing off descriptor %d: %w", fd, err)
		}
	}
	return nil
}

// descriptor is a file's. Unlike Fd it leaves the file as it is.
func descriptor(f *os.File) int {
	n := -1
	if c, err := f.SyscallConn(); err == nil {
		_ = c.Control(func(fd uintptr) { n = int(fd) }) // a closed one has none
	}
	return n
}

// execute puts another program in the place of this one. It returns only when
// that fails, or when last does, which is called in the last moment; nothing has
// changed then.
func (h *handoff) execute(path string, last func() error) error {
	if err := h.save(); err != nil {
		return err
	}
	defer h.file.Close()
	fds := append(h.descriptors(), descriptor(h.file))
	env := append(os.Environ(), handoffVar+"="+strconv.Itoa(descriptor(h.file)))
	// Nothing that is started beside may inherit them.
	syscall.ForkLock.Lock()
	defer syscall.ForkLock.Unlock()
	err := inheritable(fds, true)
	if err == nil {
		err = last()
	}
	if err == nil {
		err = syscall.Exec(path, os.Args, env)
		err = fmt.Errorf("executing %s: %w", path, err)
	}
	return errors.Join(err, inheritable(fds, false))
}

// handoffQuestion is what a program that may take over is asked, in gob.
type handoffQuestion struct {
	Strict, OnlyVRRP, OnlyCheckers bool
	Text                           history.Text
}

// handoffAnswer is what it says, in JSON.
type handoffAnswer struct {
	Handoff  int    `json:"hand_down"`
	Protocol int    `json:"protocol"`
	Version  string `json:"version"`
	// OldestHandoff and OldestProtocol are the oldest versions that it reads; 0
	// says that it reads only its own.
	OldestHandoff  int `json:"oldest_hand_down,omitempty"`
	OldestProtocol int `json:"oldest_protocol,omitempty"`
	// ReleasesSignals: it knows handoff.Signals.
	ReleasesSignals bool `json:"releases_signals,omitempty"`
	// Errors is what it finds wrong with the configuration in force.
	Errors []string `json:"errors,omitempty"`
}

// AnswerHandoff answers the question of a running director, read from in, if
// there is one: whether this program, of that version, can take its place.
func AnswerHandoff(in io.Reader, out io.Writer, version string) error {
	a := handoffAnswer{
		Handoff: handoffVersion, OldestHandoff: oldestHandoff, Version: version,
		Protocol: worker.ProtocolVersion, OldestProtocol: worker.OldestProtocol, ReleasesSignals: true,
	}
	var q handoffQuestion
	switch err := gob.NewDecoder(io.LimitReader(in, maxHandoff)).Decode(&q); {
	case err == nil:
		l := (&Options{Strict: q.Strict, OnlyVRRP: q.OnlyVRRP, OnlyCheckers: q.OnlyCheckers}).loadText(q.Text)
		for _, f := range l.findings {
			if f.Severity == conf.Error {
				a.Errors = append(a.Errors, f.String())
			}
		}
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("reading the question: %w", err)
	}
	return json.NewEncoder(out).Encode(a)
}

// bounded keeps what is written to it, up to a limit. A bytes.Buffer in it would read without end by its ReadFrom.
type bounded struct {
	text  []byte
	limit int
}

func (b *bounded) Write(p []byte) (int, error) {
	if len(b.text)+len(p) > b.limit {
		return 0, fmt.Errorf("it prints more than %d bytes", b.limit)
	}
	b.text = append(b.text, p...)
	return len(p), nil
}

func (b *bounded) Bytes() []byte { return b.text }
