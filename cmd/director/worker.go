package main

import (
	"errors"
	"flag"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/worker"
	"github.com/lvs-director/director/worker/journal"
)

// workerCmd is the command line of a worker process. The run directory is in
// it so that ps tells whose worker it is.
type workerCmd struct {
	Name      string
	RunDir    string
	LogFormat string
}

// parseWorker reads what startWorker writes. It does without the parser of the
// other commands: a worker that is started again has an advertisement to send.
func parseWorker(args []string) (*workerCmd, error) {
	c := &workerCmd{}
	flags := flag.NewFlagSet("worker", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&c.RunDir, "run-dir", "", "")
	flags.StringVar(&c.LogFormat, "log-format", "text", "")
	if len(args) > 0 {
		c.Name, args = args[0], args[1:]
	}
	if err := flags.Parse(args); err != nil || c.RunDir == "" || c.Name != vrrpWorker && c.Name != lvsWorker {
		return nil, errors.New("workers are started by director run")
	}
	return c, nil
}

func runWorker(args []string, std streams) error {
	c, err := parseWorker(args)
	if err != nil {
		return err
	}
	return c.Run(std)
}

// startWorker starts the process of a worker with what it needs of root's power.
func startWorker(log *slog.Logger, name string, c *runCmd, realTime int, peer *os.File) (*exec.Cmd, error) {
	cmd := exec.Command("/proc/self/exe", "worker", name, "--run-dir", c.RunDir, "--log-format", c.LogFormat)
	cmd.Args[0] = os.Args[0]
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = []*os.File{peer} // becomes worker.ConnFD
	refused, err := worker.Start(cmd, privilege(name, realTime))
	if refused != nil {
		log.Warn("the kernel refuses what a worker asks for",
			"worker", name, "refused", strings.ReplaceAll(refused.Error(), "\n", "; "))
	}
	return cmd, err
}

// privilege is what a worker keeps of root's power.
func privilege(name string, realTime int) worker.Privilege {
	p := worker.Privilege{Capabilities: []uintptr{unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_NET_BIND_SERVICE}}
	if name == vrrpWorker {
		p.Capabilities = append(p.Capabilities, unix.CAP_SYS_NICE, unix.CAP_IPC_LOCK)
		p.RealTime = realTime
	}
	return p
}

// Run is a worker's process from its start to its end.
func (c *workerCmd) Run(std streams) error {
	log, flush := newLogger(std.err, c.LogFormat)
	defer flush()
	log = log.With("worker", c.Name)
	if c.Name == vrrpWorker {
		if err := worker.LockMemory(); err != nil {
			log.Warn("the kernel refuses what a worker asks for", "refused", err)
		}
	}
	// The supervisor decides; a terminal's or a service manager's signal to
	// the whole group must not make the workers run ahead of it.
	signal.Ignore(syscall.SIGINT, syscall.SIGHUP)
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)

	conn, err := worker.Inherited()
	if err != nil {
		return err
	}
	defer conn.Close()
	j, err := openJournal(daemonDirs{RunDir: c.RunDir}, c.Name)
	if err != nil {
		return err
	}
	defer j.Close()
	line := newLine(log, conn)
	defer line.out.Close()
	if c.Name == vrrpWorker {
		return runVRRPWorker(log, line, j, term)
	}
	return runLVSWorker(log, line, j, term)
}

// line is a worker's connection to the supervisor.
type line struct {
	out *worker.Outbox
	// in has the supervisor's messages, and is closed when the supervisor is gone.
	in chan worker.Message
}

func newLine(log *slog.Logger, conn *worker.Conn) *line {
	l := &line{out: worker.NewOutbox(conn.Write), in: make(chan worker.Message)}
	l.out.Put("hello", worker.Message{Hello: &worker.Hello{Version: worker.ProtocolVersion, Pid: os.Getpid()}})
	go func() {
		defer close(l.in)
		for {
			m, err := conn.Read()
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
					log.Error("the connection to the supervisor broke", "error", err)
				}
				return
			}
			l.in <- m
		}
	}()
	return l
}

// openJournal opens the journal of a worker, which no other process has then.
func openJournal(d daemonDirs, name string) (*journal.Journal, error) {
	epoch, err := journal.Epoch()
	if err != nil {
		return nil, err
	}
	return journal.Open(d.journal(name), epoch)
}
