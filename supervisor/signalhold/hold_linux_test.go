package signalhold_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/supervisor/signalhold"
)

// The test binary is the program as well: the holder, and one that has its signals
// held. It says in lines what becomes of it, and takes a line for each step.

func TestMain(m *testing.M) {
	switch {
	case len(os.Args) == 2 && os.Args[1] == signalhold.Command:
		if err := signalhold.Run(); err != nil {
			fmt.Println(err)
		}
	case len(os.Args) == 2 && os.Args[1] == "program":
		program()
	default:
		os.Exit(m.Run())
	}
}

// program has its signals held, without any handler of its own, until it is told to
// take them in.
func program() {
	in := bufio.NewScanner(os.Stdin)
	h, err := signalhold.Begin(os.Stderr)
	if err != nil {
		fmt.Println("refused:", err)
		return
	}
	fmt.Println("holding", h.Pid)
	in.Scan()
	c, hup := make(chan os.Signal, 10), make(chan os.Signal, 1) // of many HUPs the first is enough
	signal.Notify(c, syscall.SIGTERM, syscall.SIGUSR1, syscall.Signal(36))
	signal.Notify(hup, syscall.SIGHUP)
	h.Release()
	if err := syscall.Kill(h.Pid, 0); err == nil {
		fmt.Println("the holder is left behind")
	}
	fmt.Println("released")
	for {
		select {
		case s := <-c:
			fmt.Println("got", s)
		case s := <-hup:
			fmt.Println("got", s)
		case <-time.After(500 * time.Millisecond):
			fmt.Println("end")
			return
		}
	}
}

type running struct {
	t   *testing.T
	cmd *exec.Cmd
	in  interface{ Write([]byte) (int, error) }
	out *bufio.Scanner
	pid int
}

// start starts a program and waits until its signals are held; the holder's pid is
// given too.
func start(t *testing.T) (p *running, holder int) {
	t.Helper()
	p = &running{t: t, cmd: exec.Command("/proc/self/exe", "program")}
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr = os.Stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); _ = p.cmd.Wait() })
	p.in, p.out, p.pid = in, bufio.NewScanner(out), p.cmd.Process.Pid
	text, ok := strings.CutPrefix(p.line(), "holding ")
	if holder, err = strconv.Atoi(text); !ok || err != nil {
		t.Fatalf("it says %q", text)
	}
	return p, holder
}

func (p *running) line() string {
	p.t.Helper()
	if !p.out.Scan() {
		p.t.Fatalf("it has ended: %v", p.cmd.Wait())
	}
	return p.out.Text()
}

func (p *running) send(signals ...syscall.Signal) {
	p.t.Helper()
	for _, s := range signals {
		if err := syscall.Kill(p.pid, s); err != nil {
			p.t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond) // for the order: signals that are pending have none
	}
}

// release has it take its signals in, and gives those that it gets.
func (p *running) release() (got []string) {
	p.t.Helper()
	fmt.Fprintln(p.in)
	if l := p.line(); l != "released" {
		p.t.Fatalf("it says %q", l)
	}
	for {
		l := p.line()
		if l == "end" {
			return got
		}
		got = append(got, strings.TrimPrefix(l, "got "))
	}
}

// TestSignalsAreHeld: they would end the program, and come when it has handlers, each
// once.
func TestSignalsAreHeld(t *testing.T) {
	t.Parallel()
	p, _ := start(t)
	p.send(syscall.SIGUSR1, syscall.SIGHUP, syscall.SIGHUP, syscall.Signal(36), syscall.SIGTERM)
	got := strings.Join(p.release(), ", ")
	for _, want := range []string{"user defined signal 1", "hangup", "signal 36", "terminated"} {
		if strings.Count(got, want) != 1 {
			t.Errorf("it gets %s, want %s once", got, want)
		}
	}
}

// TestNothingIsHeld: without a signal there is none.
func TestNothingIsHeld(t *testing.T) {
	t.Parallel()
	p, _ := start(t)
	if got := p.release(); len(got) > 0 {
		t.Errorf("it gets %v", got)
	}
}

// TestInATightLoop no signal of the last moment is lost.
func TestInATightLoop(t *testing.T) {
	t.Parallel()
	for range 20 {
		p, _ := start(t)
		enough := make(chan struct{})
		sent := make(chan int)
		go func() {
			n := 0
			for {
				select {
				case <-enough:
					sent <- n
					return
				default:
					_ = syscall.Kill(p.pid, syscall.SIGHUP)
					n++
				}
			}
		}()
		time.Sleep(10 * time.Millisecond)
		fmt.Fprintln(p.in)
		if l := p.line(); l != "released" {
			t.Fatalf("it says %q", l)
		}
		p.send(syscall.SIGTERM)
		close(enough)
		<-sent
		hup, term := false, false
		for l := p.line(); l != "end"; l = p.line() {
			hup, term = hup || l == "got hangup", term || l == "got terminated"
		}
		if !hup || !term {
			t.Fatalf("a HUP came: %v, a TERM came: %v", hup, term)
		}
	}
}

// TestTheHolderDies: the program goes on, and has its signals as if there had been none.
func TestTheHolderDies(t *testing.T) {
	t.Parallel()
	p, holder := start(t)
	p.send(syscall.SIGHUP) // lost with the holder, but it ends nothing
	if err := syscall.Kill(holder, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if got := p.release(); len(got) > 0 {
		t.Errorf("it gets %v", got)
	}
}

// TestAProgramThatIsStopped goes on when it is told to.
func TestAProgramThatIsStopped(t *testing.T) {
	t.Parallel()
	p, _ := start(t)
	p.send(syscall.SIGSTOP, syscall.SIGHUP, syscall.SIGCONT)
	if got := p.release(); len(got) != 1 || got[0] != "hangup" {
		t.Errorf("it gets %v", got)
	}
}

// TestTheLimit: a holder that nobody releases ends by itself, and what it held is sent.
func TestTheLimit(t *testing.T) {
	t.Parallel()
	p, holder := start(t)
	p.send(syscall.SIGUSR1)
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", holder))
		if err != nil || strings.Contains(string(state), ") Z ") {
			break
		}
		if time.Now().After(end) {
			t.Fatal("a holder that nobody releases holds for ever")
		}
	}
}
