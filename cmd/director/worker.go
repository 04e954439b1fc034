package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"github.com/lvs-director/director/worker"
	"github.com/lvs-director/director/worker/journal"
)

// refusedEnv carries to the second start of a worker what the kernel refused
// at the first; that it is set at all says that this is the second.
const refusedEnv = "DIRECTOR_WORKER_REFUSED"

// workerCmd is the command line of a worker process. The run directory is in
// it so that ps tells whose worker it is.
type workerCmd struct {
	Name      string `arg:"" enum:"vrrp,lvs" help:"Which worker."`
	RunDir    string `name:"run-dir" required:""`
	LogFormat string `enum:"text,json" default:"text"`
	RealTime  int    `help:"SCHED_RR priority, 0 for none."`
}

// workerCommand is how the supervisor starts a worker.
func workerCommand(name string, c *runCmd, realTime int) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", "worker", name, "--run-dir", c.RunDir, "--log-format", c.LogFormat)
	cmd.Args[0] = os.Args[0]
	if realTime > 0 {
		cmd.Args = append(cmd.Args, fmt.Sprintf("--real-time=%d", realTime))
	}
	cmd.Stderr = os.Stderr
	return cmd
}

// Run is a worker's process from its start to its end.
func (c *workerCmd) Run(std streams) error {
	log := newLogger(std.err, c.LogFormat).With("worker", c.Name)
	refused, second := os.LookupEnv(refusedEnv)
	if !second {
		return worker.Become(c.privilege(), func(err error) []string {
			text := ""
			if err != nil {
				text = strings.ReplaceAll(err.Error(), "\n", "; ")
			}
			return []string{refusedEnv + "=" + text}
		})
	}
	if c.Name == vrrpWorker {
		if err := worker.LockMemory(); err != nil {
			refused = strings.TrimPrefix(refused+"; "+err.Error(), "; ")
		}
	}
	if refused != "" {
		log.Warn("the kernel refuses a privilege: advertisements may be late on a busy host", "refused", refused)
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
	epoch, err := journal.Epoch()
	if err != nil {
		return err
	}
	j, err := journal.Open(daemonDirs{RunDir: c.RunDir}.journal(c.Name), epoch)
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
