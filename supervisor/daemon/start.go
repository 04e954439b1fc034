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
func Start(argv []string, text io.Writer, patience time.Duration) int {
	shared := &sharedText{to: text}
	defer shared.end()
	text = shared
	p, err := start(argv)
	if err != nil {
		fmt.Fprintln(text, "director: starting the daemon:", err)
		return failed
	}
	copied := make(chan struct{})
	go func() {
		_, _ = io.Copy(text, p.text) // nobody is there to be told
		close(copied)
	}()
	status := p.wait(text, patience)
	if status == failed || p.isReady {
		select { // its last words
		case <-copied:
		case <-time.After(drain):
		}
	}
	return status
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
	cmd         *exec.Cmd
	ready, text *os.File
	isReady     bool
	signals     chan os.Signal
}

func start(argv []string) (*process, error) {
	readyR, readyW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	textR, textW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p := &process{ready: readyR, text: textR, signals: make(chan os.Signal, 64)}
	signal.Notify(p.signals, append([]os.Signal{syscall.SIGTERM, syscall.SIGINT}, passedOn...)...)
	p.cmd = exec.Command("/proc/self/exe")
	p.cmd.Args = argv
	p.cmd.Dir = "/"
	p.cmd.Env = append(os.Environ(), variable+"=3 4")
	p.cmd.ExtraFiles = []*os.File{readyW, textW}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	keepToOurselves()
	err = p.cmd.Start()
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
func (p *process) wait(text io.Writer, patience time.Duration) int {
	ended := make(chan error, 1)
	go func() { ended <- p.cmd.Wait() }()
	ready := make(chan bool, 1)
	go func() {
		n, err := p.ready.Read(make([]byte, 1))
		ready <- err == nil && n == 1
	}()
	overdue := time.NewTimer(patience)
	defer overdue.Stop()
	var late []os.Signal
	for {
		select {
		case ok := <-ready:
			if !ok { // it ends, or executes another program
				continue
			}
			p.isReady = true
			p.send(late)
			return started
		case <-overdue.C:
			fmt.Fprintf(text, "director: started (pid %d), not ready after %v: its log and director status say why\n",
				p.cmd.Process.Pid, patience)
			p.send(late)
			return started
		case err := <-ended:
			if err == nil {
				return failed // told to stop
			}
			if exit, ok := err.(*exec.ExitError); !ok || !exit.Exited() {
				fmt.Fprintln(text, "director: the daemon ended while it started:", err)
			}
			return failed
		case s := <-p.signals:
			if s == syscall.SIGTERM || s == syscall.SIGINT {
				_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
				continue
			}
			late = append(late, s)
		}
	}
}

// send passes signals on, each kind once.
func (p *process) send(late []os.Signal) {
	for more := true; more; {
		select {
		case s := <-p.signals:
			late = append(late, s)
		default:
			more = false
		}
	}
	sent := make(map[os.Signal]bool)
	for _, s := range late {
		if !sent[s] {
			_ = p.cmd.Process.Signal(s) // it may have ended
			sent[s] = true
		}
	}
}
