package supervisor

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/signalhold"
	"github.com/lvs-director/director/worker"
)

// As in the program: the thread that a worker in another network namespace is started from
// must be able to end, and the main thread is not.
func init() { runtime.LockOSThread() }

// The tests of this package run a whole supervisor with workers that are real
// processes and touch nothing: this test binary, which director starts as it
// would start itself. What a fake worker is told it writes to a file; how it
// behaves is told by files beside that (see behaviour), and what it says by
// messages over a socket.

func TestMain(m *testing.M) {
	if _, ok := os.LookupEnv("GORACE"); !ok { // else each child with the race detector takes a second to end
		os.Setenv("GORACE", "atexit_sleep_ms=10")
	}
	if len(os.Args) > 2 && os.Args[1] == "worker" {
		os.Exit(fakeWorker(os.Args[2], os.Args[3:]))
	}
	if len(os.Args) == 2 && os.Args[1] == signalhold.Command {
		if err := signalhold.Run(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Behaviours of a fake worker: while the file is there it does so.
const (
	dies       = "dies"       // exits with status 3 as soon as it is started
	never      = "never"      // never says that it has applied a configuration
	noTable    = "no-table"   // never says that the table is loaded
	complains  = "complains"  // says what is in the file as the error of applying
	stays      = "stays"      // does not end when it is asked to
	tableFails = "tablefails" // says what is in the file as the error of the table
	beats      = "beats"      // sends heartbeats
	remembers  = "remembers"  // answers for its checks with what is in the file, a checker in each part
	halfway    = "halfway"    // leaves the last part of such an answer off
	diesAsked  = "dies-asked" // ends after such an answer
)

// The files of fake workers are beside the run directory, which may be full or gone.
func behaviour(dir worker.RunDir, name, what string) string { return fakeFile(dir, name+"-"+what) }
func toldFile(dir worker.RunDir, name string) string        { return fakeFile(dir, name+".told") }
func saySocket(dir worker.RunDir, name string) string       { return fakeFile(dir, name+".sock") }

func fakeFile(dir worker.RunDir, name string) string {
	return filepath.Join(filepath.Dir(string(dir)), "fake-"+name)
}

// told is something that happened to a fake worker.
type told struct {
	Pid        int
	What       string // started, configure, proceed, finish, tracker, handover, overrides, program, ask, TERM, release
	Generation uint64
	Proceed    bool
	Known      []event.InstanceState
	Servers    []event.RealServerState
	Silenced   bool
	Trackers   []event.TrackerState
	HandOver   map[string]uint64
	Keys       int
	Instances  []string
	Services   int
	Overrides  []event.Override
	Reset      []event.Override
	Ended      *worker.ProgramEnded
	Asked      *worker.AskChecks
	Checks     []event.CheckHistory
	Presence   []event.InstanceState
	Await      *worker.Await
	Held       *event.HeldInTable
}

type fake struct {
	name string
	dir  worker.RunDir
	out  *worker.Outbox
	mu   sync.Mutex
}

func (f *fake) note(what string, t told) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t.What, t.Pid = what, os.Getpid()
	line, err := json.Marshal(t)
	if err == nil {
		err = appendLine(toldFile(f.dir, f.name), line)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "fake worker:", err)
	}
}

func appendLine(path string, line []byte) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.Write(append(line, '\n'))
	return err
}

func (f *fake) does(what string) bool {
	_, err := os.Stat(behaviour(f.dir, f.name, what))
	return err == nil
}

func (f *fake) text(what string) string {
	text, err := os.ReadFile(behaviour(f.dir, f.name, what))
	if err != nil {
		return ""
	}
	return string(text)
}

// fakeWorker is a worker process, from its start to its end.
func fakeWorker(name string, args []string) int {
	f := &fake{name: name}
	if i := slices.Index(args, "--run-dir"); i >= 0 {
		f.dir = worker.RunDir(args[i+1])
	}
	if slices.Contains(args, "--release") {
		f.note("release", told{})
		return 0
	}
	signal.Ignore(syscall.SIGINT, syscall.SIGHUP)
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	conn, err := worker.Inherited()
	if err != nil {
		fmt.Fprintln(os.Stderr, "fake worker:", err)
		return 2
	}
	f.note("started", told{})
	if f.does(dies) {
		return 3
	}
	f.out = worker.NewOutbox(conn.Write)
	f.out.Put("hello", worker.Message{Hello: worker.NewHello()})
	in := make(chan worker.Message)
	go func() {
		defer close(in)
		for {
			m, err := conn.Read()
			if err != nil {
				return
			}
			in <- m
		}
	}()
	go f.listen()
	beat := time.NewTicker(event.HeartbeatInterval)
	for {
		select {
		case m, ok := <-in:
			if !ok || !f.obey(m) {
				_ = f.out.Close()
				_ = conn.Close()
				return 0
			}
		case <-term:
			f.note("TERM", told{})
		case <-beat.C:
			if f.does(beats) {
				f.out.Put("heartbeat", worker.Message{Heartbeat: &worker.Heartbeat{At: worker.Monotonic()}})
			}
		}
	}
}

// obey does what a message asks for; it is false at the end.
func (f *fake) obey(m worker.Message) bool {
	switch {
	case m.Configure != nil:
		f.configure(m.Configure)
	case m.Proceed != nil:
		f.note("proceed", told{})
	case m.Tracker != nil:
		f.note("tracker", told{Trackers: []event.TrackerState{*m.Tracker}})
	case m.HandOver != nil:
		f.note("handover", told{HandOver: m.HandOver.Numbers})
	case m.Overrides != nil:
		f.note("overrides", told{Overrides: m.Overrides.List, Reset: m.Overrides.Reset})
	case m.ProgramEnded != nil:
		f.note("program", told{Ended: m.ProgramEnded})
	case m.Count != nil:
		f.out.Put("counters", worker.Message{Counters: &event.VRRPCounters{
			Instances: map[string]event.InstanceCounters{"VI_1": {Sent: 7}},
		}})
	case m.AskChecks != nil:
		return f.remember(*m.AskChecks)
	case m.Presence != nil:
		f.note("presence", told{Presence: []event.InstanceState{*m.Presence}})
	case m.Await != nil:
		f.note("await", told{Await: m.Await})
	case m.HeldInTable != nil:
		f.note("held", told{Held: m.HeldInTable})
	case m.Finish != nil:
		f.note("finish", told{})
		return f.does(stays)
	}
	return true
}

func (f *fake) configure(c *worker.Configure) {
	t := told{
		Generation: c.Generation, Proceed: c.Proceed, Known: c.Known.Instances, Servers: c.Known.RealServers,
		Silenced: c.Known.Silenced, Trackers: c.Trackers, HandOver: c.HandOver.Numbers, Keys: len(c.Keys),
		Services: len(c.Config.VirtualServers), Overrides: c.Overrides, Checks: c.Known.Checks,
		Presence: c.Presence, Await: c.Await,
	}
	for _, i := range c.Config.Instances {
		t.Instances = append(t.Instances, i.Name)
	}
	f.note("configure", t)
	if f.does(never) {
		return
	}
	if f.name == worker.LVS && !f.does(noTable) {
		f.out.Put("table", worker.Message{Table: &event.TableLoaded{
			Generation: c.Generation, VirtualServers: len(c.Config.VirtualServers), Error: f.text(tableFails),
		}})
	}
	f.out.Put("applied", worker.Message{Applied: &worker.Applied{Generation: c.Generation, Error: f.text(complains)}})
}

// remember answers for its checks; it is false when the worker is to die of it. Status asks
// each time for the latest ones, which is not noted.
func (f *fake) remember(q worker.AskChecks) bool {
	if !q.Latest {
		f.note("ask", told{Asked: &q})
	}
	if !f.does(remembers) {
		return true
	}
	var list []event.CheckHistory
	if err := json.Unmarshal([]byte(f.text(remembers)), &list); err != nil {
		fmt.Fprintln(os.Stderr, "fake worker:", err)
	}
	for n := range list {
		last := n == len(list)-1
		if last && f.does(halfway) {
			break
		}
		f.out.Put(fmt.Sprintf("checks %d part %d", q.ID, n),
			worker.Message{CheckHistory: &worker.CheckHistory{ID: q.ID, List: list[n : n+1], Last: last}})
	}
	return q.Latest || !f.does(diesAsked)
}

// listen says to the supervisor what comes in over the socket.
func (f *fake) listen() {
	path := saySocket(f.dir, f.name)
	_ = os.Remove(path)
	l, err := net.Listen("unix", path)
	if err != nil {
		fmt.Fprintln(os.Stderr, "fake worker:", err)
		return
	}
	for n := 0; ; {
		c, err := l.Accept()
		if err != nil {
			return
		}
		conn := worker.NewConn(c)
		for {
			m, err := conn.Read()
			if err != nil {
				break
			}
			n++
			m.Seq = 0
			f.out.Put(fmt.Sprint("said ", n), m)
		}
		c.Close()
	}
}
