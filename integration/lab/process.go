//go:build linux

package lab

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Command is a program to run on a host.
type Command struct {
	Name  string // of its log; the program's base name when empty
	Argv  []string
	Env   []string       // beside the lab's own environment
	Lines func(string)   // receives each line of standard output, which is then not logged
	Stop  syscall.Signal // how Stop asks the program to end; TERM when zero
}

// Line is one line that a program printed.
type Line struct {
	Time time.Time
	Text string
}

// Process is a program that runs on a host.
type Process struct {
	Name string
	Pid  int

	host  *Host
	cmd   *exec.Cmd
	stop  syscall.Signal
	ended chan struct{}

	mu  sync.Mutex
	log []Line
	out *os.File
}

// maxLogLines bounds what is kept of one program's log in memory.
const maxLogLines = 20000

// Start starts a program on the host and keeps what it prints.
func (h *Host) Start(argv ...string) *Process {
	h.lab.t.Helper()
	return h.StartCommand(Command{Argv: argv})
}

// StartCommand is Start with all its choices.
func (h *Host) StartCommand(c Command) *Process {
	h.lab.t.Helper()
	if c.Name == "" {
		c.Name = filepath.Base(c.Argv[0])
	}
	if c.Stop == 0 {
		c.Stop = syscall.SIGTERM
	}
	out, err := os.OpenFile(filepath.Join(h.dir, c.Name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	h.lab.must(err, "host %s: open the log of %s", h.Name, c.Name)
	p := &Process{Name: c.Name, host: h, stop: c.Stop, ended: make(chan struct{}), out: out}
	p.cmd = exec.Command(c.Argv[0], c.Argv[1:]...)
	p.cmd.Env = append(os.Environ(), c.Env...)
	p.cmd.Dir = h.dir
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	stderr, err := p.cmd.StderrPipe()
	h.lab.must(err, "host %s: start %s", h.Name, c.Name)
	stdout, err := p.cmd.StdoutPipe()
	h.lab.must(err, "host %s: start %s", h.Name, c.Name)
	h.lab.must(h.ns.do(p.cmd.Start), "host %s: start %s", h.Name, strings.Join(c.Argv, " "))
	p.Pid = p.cmd.Process.Pid
	h.processes = append(h.processes, p)

	if c.Lines == nil {
		c.Lines = p.keep
	}
	var readers sync.WaitGroup
	readers.Go(func() { readLines(stdout, c.Lines) })
	readers.Go(func() { readLines(stderr, p.keep) })
	closed := make(chan struct{})
	go func() {
		readers.Wait()
		stdout.Close()
		stderr.Close()
		close(closed)
	}()
	go p.wait(closed)
	return p
}

// wait waits for the program's end. Children that outlive it may hold its output
// open; wait gives them a second to finish printing.
func (p *Process) wait(outputClosed <-chan struct{}) {
	state, err := p.cmd.Process.Wait()
	select {
	case <-outputClosed:
	case <-time.After(time.Second):
	}
	if err != nil {
		p.keep(fmt.Sprintf("[lab: %v]", err))
	} else {
		p.keep(fmt.Sprintf("[lab: ended: %v]", state))
	}
	close(p.ended)
	<-outputClosed
	p.out.Close()
}

func readLines(r io.Reader, each func(string)) {
	lines := bufio.NewReader(r)
	for {
		text, err := lines.ReadString('\n')
		if text != "" {
			each(strings.TrimRight(text, "\r\n"))
		}
		if err != nil {
			return
		}
	}
}

func (p *Process) keep(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := Line{time.Now(), text}
	if len(p.log) < maxLogLines {
		p.log = append(p.log, line)
	}
	fmt.Fprintf(p.out, "%s %s\n", line.Time.Format(clock), line.Text)
}

// Log returns the lines printed so far.
func (p *Process) Log() []Line {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Line(nil), p.log...)
}

// LogText returns all that was printed so far, a line for each.
func (p *Process) LogText() string {
	var b strings.Builder
	for _, line := range p.Log() {
		fmt.Fprintln(&b, line.Text)
	}
	return b.String()
}

// Printed reports whether a line since the given time contains the text.
func (p *Process) Printed(since time.Time, text string) bool {
	for _, line := range p.Log() {
		if !line.Time.Before(since) && strings.Contains(line.Text, text) {
			return true
		}
	}
	return false
}

// Running reports whether the program has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// Signal sends a signal to the program's first process.
func (p *Process) Signal(s syscall.Signal) {
	p.host.lab.t.Helper()
	p.host.lab.must(p.cmd.Process.Signal(s), "host %s: signal %s", p.host.Name, p.Name)
}

// Stop asks the program to end and waits for it.
func (p *Process) Stop(limit time.Duration) {
	p.host.lab.t.Helper()
	p.Signal(p.stop)
	p.WaitEnd(limit)
}

// KillAndWait kills the program and waits for its end.
func (p *Process) KillAndWait() {
	p.host.lab.t.Helper()
	p.Signal(syscall.SIGKILL)
	p.WaitEnd(5 * time.Second)
}

// WaitEnd waits until the program has ended by itself.
func (p *Process) WaitEnd(limit time.Duration) {
	p.host.lab.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(limit):
		p.host.lab.t.Fatalf("host %s: %s has not ended within %v", p.host.Name, p.Name, limit)
	}
}

// outputLimit is how long Output waits for a program.
const outputLimit = 30 * time.Second

// Output runs a program to its end on the host and returns what it printed.
// One that has not ended within half a minute is killed.
func (h *Host) Output(argv ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), outputLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.WaitDelay = time.Second
	cmd.Dir = h.dir
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := h.ns.do(cmd.Start); err != nil {
		return "", err
	}
	err := cmd.Wait()
	return out.String(), err
}

// Run is Output for a program that must succeed.
func (h *Host) Run(argv ...string) string {
	h.lab.t.Helper()
	out, err := h.Output(argv...)
	if err != nil {
		h.lab.t.Fatalf("host %s: %s: %v\n%s", h.Name, strings.Join(argv, " "), err, out)
	}
	return out
}
