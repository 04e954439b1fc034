package supervisor

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify"
	"github.com/lvs-director/director/notify/tracking"
	"github.com/lvs-director/director/supervisor/handover"
	"github.com/lvs-director/director/supervisor/history"
	"github.com/lvs-director/director/worker"
)

// What a supervisor hands down to the program that takes its place goes
// through a file in memory; nobody else can open it, and it is gone with its
// last reader.

// handDownVersion is the version of handDown. It changes only when something
// in it loses the meaning it had; a new field does not change it.
const handDownVersion = 1

// handDownVar names the descriptor of the file in memory.
const handDownVar = "DIRECTOR_HAND_DOWN"

// maxHandDown bounds what is read: 40,000 real servers take 20 MB.
const maxHandDown = 1 << 30

// handDown is all that a supervisor knows and holds.
type handDown struct {
	Version        int
	From           string // the version of the program that wrote it
	Lock, Listener int    // descriptors
	Workers        []handedWorker

	File           string // that a reload reads
	Current        handedConfig
	Generation     uint64
	Entry          history.Entry
	Fallback       string
	Pending        *handedPending
	Started        time.Time
	Upgrades       int
	Reload         bool // a signal asked for one meanwhile
	Orders         map[string]handover.Order
	LastOrder      uint64
	Instances      []event.InstanceState
	VirtualServers []event.VirtualServerState
	RealServers    []event.RealServerState
	Checks         []event.CheckResult
	Table          event.TableLoaded
	Counters       event.VRRPCounters
	Trackers       []tracking.State
	Notify         notify.State
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
}

func (l loaded) handed() handedConfig { return handedConfig{l.text, l.keys, l.entry} }

// save writes it to a new file in memory.
func (h *handDown) save() (*os.File, error) {
	fd, err := unix.MemfdCreate("director", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("making a file in memory: %w", err)
	}
	f := os.NewFile(uintptr(fd), "hand-down")
	err = gob.NewEncoder(f).Encode(h)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("writing what is handed down: %w", err)
	}
	return f, nil
}

// readHandDown reads what the environment names.
func readHandDown(text string) (*handDown, error) {
	os.Unsetenv(handDownVar)
	fd, err := strconv.Atoi(text)
	if err != nil || fd <= 2 {
		return nil, fmt.Errorf("%s=%q is no descriptor: it is set by director upgrade only", handDownVar, text)
	}
	f := os.NewFile(uintptr(fd), "hand-down")
	defer f.Close()
	h := &handDown{}
	if err := gob.NewDecoder(io.LimitReader(f, maxHandDown)).Decode(h); err != nil {
		return nil, fmt.Errorf("reading what the program before has handed down: %w", err)
	}
	if h.Version != handDownVersion {
		return nil, fmt.Errorf("the program before hands down version %d, this one takes version %d", h.Version, handDownVersion)
	}
	return h, nil
}

// descriptors are those that the next program inherits.
func (h *handDown) descriptors() []int {
	list := []int{h.Lock, h.Listener}
	for _, w := range h.Workers {
		list = append(list, w.Socket)
	}
	return list
}

// inheritable says whether the next program gets descriptors.
func inheritable(fds []int, yes bool) error {
	flag := unix.FD_CLOEXEC
	if yes {
		flag = 0
	}
	for _, fd := range fds {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, flag); err != nil {
			return fmt.Errorf("handing down descriptor %d: %w", fd, err)
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
// that fails, and nothing has changed then.
func (h *handDown) execute(path string) error {
	f, err := h.save()
	if err != nil {
		return err
	}
	defer f.Close()
	fds := append(h.descriptors(), descriptor(f))
	env := append(os.Environ(), handDownVar+"="+strconv.Itoa(descriptor(f)))
	// Nothing that is started beside may inherit them.
	syscall.ForkLock.Lock()
	defer syscall.ForkLock.Unlock()
	err = inheritable(fds, true)
	if err == nil {
		err = syscall.Exec(path, os.Args, env)
		err = fmt.Errorf("executing %s: %w", path, err)
	}
	return errors.Join(err, inheritable(fds, false))
}

// handDownQuestion is what it is asked, in gob.
type handDownQuestion struct {
	Strict, OnlyVRRP, OnlyCheckers bool
	Text                           history.Text
}

// handDownAnswer is what it says, in JSON.
type handDownAnswer struct {
	HandDown int    `json:"hand_down"`
	Protocol int    `json:"protocol"`
	Version  string `json:"version"`
	// Errors is what it finds wrong with the configuration in force.
	Errors []string `json:"errors,omitempty"`
}

// AnswerHandoff answers the question of a running director, read from in, if
// there is one: whether this program, of that version, can take its place.
func AnswerHandoff(in io.Reader, out io.Writer, version string) error {
	a := handDownAnswer{HandDown: handDownVersion, Protocol: worker.ProtocolVersion, Version: version}
	var q handDownQuestion
	switch err := gob.NewDecoder(io.LimitReader(in, maxHandDown)).Decode(&q); {
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

// bounded keeps what is written to it, up to a limit.
type bounded struct {
	bytes.Buffer
	limit int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.limit {
		return 0, errors.New("it prints too much")
	}
	return b.Buffer.Write(p)
}
