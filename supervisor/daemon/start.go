package daemon

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/lvs-director/director/signals"
)

// Patience is how long a command waits for its daemon to be ready.
const Patience = 10 * time.Second

// drain bounds how long the last words of a daemon are waited for.
const drain = time.Second

// Exit statuses of Start.
const (
	started = 0
	failed  = 1
)

// passedOn are the signals that a daemon obeys and that anybody may send to each process of
// its name, as "pidof keepalived" lists them. HUP, and those that ask for a dump, wait until
// it is ready: earlier they would end it.
var passedOn = []os.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.Signal(36), syscall.Signal(63),
	syscall.Signal(64)}

// Start starts this program again, with argv as its command line, and returns the exit
// status of the command: 0 when the daemon is ready, or alive after patience; 1 when it has
// ended. What it says until then goes to text.
//
// A signal that ends the daemon in its first moment, before it has a handler, costs nothing: it is started
// again, with these signals ignored until it asks for them. They are not from the beginning, because what
// comes to the command while it forks would be lost.
func Start(argv []string, text io.Writer, patience time.Duration) int {
	shared := &sharedText{to: text}
	defer shared.end()
	c := &command{signals: make(chan os.Signal, 64)}
	status, by := c.start(argv, shared, patience, false)
	if by != nil {
		c.late = append(c.late, by)
		status, _ = c.start(argv, shared, patience, true)
	}
	return status
}

// command is the process that the user has started.
type command struct {
	signals chan os.Signal
	late    []os.Signal // to be passed on
}

// listen takes signals in.
func (c *command) listen() {
	signal.Notify(c.signals, append([]os.Signal{syscall.SIGTERM, syscall.SIGINT}, passedOn...)...)
}

// start starts the daemon once; by is the signal that has ended it in its first moment, which is said
// nowhere.
func (c *command) start(argv []string, text io.Writer, patience time.Duration, ignoring bool) (
	status int, by os.Signal,
) {
	p, err := c.fork(argv, ignoring)
	if err != nil {
		fmt.Fprintln(text, "director: starting the daemon:", err)
		return failed, nil
	}
	copied := make(chan struct{})
	go func() {
		_, _ = io.Copy(text, p.text) // nobody is there to be told
		close(copied)
	}()
	status, by = p.wait(text, patience)
	if status == failed || p.isReady {
		select { // its last words
		case <-copied:
		case <-time.After(drain):
		}
	}
	return status, by
}

// sharedText is written to by the daemon's last words and by the command, which has it to
// itself again in the end.
type sharedText struct {
	mu sync.Mutex
	to io.Writer // nil when it has ended
}

func (s *sharedText) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.to == nil {
		return len(text), nil
	}
	return s.to.Write(text)
}

func (s *sharedText) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to = nil
}

// process is the daemon as its starter knows it.
type process struct {
	*command
	cmd         *exec.Cmd
	ready, text *os.File
	isReady     bool
	ignoring    bool // it was started with the signals ignored
}

func (c *command) fork(argv []string, ignoring bool) (*process, error) {
	readyR, readyW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	textR, textW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p := &process{command: c, ready: readyR, text: textR, ignoring: ignoring}
	c.listen()
	p.cmd = exec.Command("/proc/self/exe")
	p.cmd.Args = argv
	p.cmd.Dir = "/"
	p.cmd.Env = append(os.Environ(), variable+"=3 4")
	p.cmd.ExtraFiles = []*os.File{readyW, textW}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	keepToOurselves()
	if ignoring {
		signal.Ignore(passedOn...) // so it is in the daemon, until that asks for them
	}
	err = p.cmd.Start()
	c.listen()
	readyW.Close()
	textW.Close()
	return p, err
}

// keepToOurselves has no descriptor of the caller reach the daemon, whatever number it has.
func keepToOurselves() {
	entries, _ := os.ReadDir("/proc/self/fd") // where it is missing nothing can be done
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
}

// wait follows the daemon until it is ready, has ended, or takes too long.
func (p *process) wait(text io.Writer, patience time.Duration) (status int, by os.Signal) {
	ended := make(chan error, 1)
	go func() { ended <- p.cmd.Wait() }()
	ready := make(chan bool, 1)
	go func() {
		n, err := p.ready.Read(make([]byte, 1))
		ready <- err == nil && n == 1
	}()
	overdue := time.NewTimer(patience)
	defer overdue.Stop()
	for {
		select {
		case ok := <-ready:
			if !ok { // it ends, or executes another program
				continue
			}
			p.isReady = true
			p.passOn()
			return started, nil
		case <-overdue.C:
			fmt.Fprintf(text, "director: started (pid %d), not ready after %v: its log and director status say why\n",
				p.cmd.Process.Pid, patience)
			p.passOn()
			return started, nil
		case err := <-ended:
			if err == nil {
				return failed, nil // told to stop
			}
			if signals.EndedEarly(err) && !p.ignoring {
				return failed, p.cmd.ProcessState.Sys().(syscall.WaitStatus).Signal()
			}
			if exit, ok := err.(*exec.ExitError); !ok || !exit.Exited() {
				fmt.Fprintln(text, "director: the daemon ended while it started:", err)
			}
			return failed, nil
		case s := <-p.signals:
			if s == syscall.SIGTERM || s == syscall.SIGINT {
				_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
				continue
			}
			p.late = append(p.late, s)
		}
	}
}

// passOn sends the daemon what has come for it, each kind once.
func (p *process) passOn() {
	for more := true; more; {
		select {
		case s := <-p.signals:
			p.late = append(p.late, s)
		default:
			more = false
		}
	}
	sent := make(map[os.Signal]bool)
	for _, s := range p.late {
		if !sent[s] {
			_ = p.cmd.Process.Signal(s) // it may have ended
			sent[s] = true
		}
	}
}
