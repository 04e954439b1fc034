package workers

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/keepalived/commandline"
	"github.com/lvs-director/director/netns"
	"github.com/lvs-director/director/worker"
	"github.com/lvs-director/director/worker/journal"
)

// Process is a worker process as its loop sees it.
type Process struct {
	Log     *slog.Logger
	Journal *journal.Journal
	Term    <-chan os.Signal // SIGTERM
	Out     *worker.Outbox
	// In has the supervisor's messages, and is closed when the supervisor is gone.
	In chan worker.Message
}

// Run is a worker process from its start to its end: it takes what the
// supervisor has prepared for it and calls loop.
func Run(log *slog.Logger, name string, dir worker.RunDir, loop func(*Process) error) error {
	nameProcess(log, name, conf.ProcessNames{})
	if name == worker.VRRP {
		if err := worker.LockMemory(); err != nil {
			log.Warn("the kernel refused a privilege to a worker", "refused", err)
		}
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)

	conn, err := worker.Inherited()
	if err != nil {
		return err
	}
	defer conn.Close()
	j, err := OpenJournal(log, dir, name)
	if err != nil {
		return err
	}
	defer j.Close()
	p := &Process{
		Log: log, Journal: j, Term: term, In: make(chan worker.Message),
		Out: worker.NewOutboxOf(conn.WriteAll, worker.AtOnce),
	}
	p.converse(conn, name)
	defer p.Out.Close()
	go p.restoreJournal()
	if err := loop(p); err != nil {
		return err
	}
	log.Info("worker ends")
	return nil
}

// nameProcess has ps show the name that a configuration gives this process.
func nameProcess(log *slog.Logger, name string, names conf.ProcessNames) {
	called := commandline.ProcessName(os.Args[0], name, worker.ProcessName(name), names)
	if err := worker.SetProcessName(called); err != nil {
		log.Warn("failed to set the name of this process", "error", err)
	}
}

// converse says hello and begins to read.
func (p *Process) converse(conn *worker.Conn, name string) {
	p.Out.Put("hello", worker.Message{Hello: worker.NewHello()})
	go func() {
		defer close(p.In)
		for {
			m, err := conn.Read()
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
					p.Log.Error("the connection to the supervisor broke", "error", err)
				}
				return
			}
			if m.Configure != nil && m.Configure.Config != nil {
				nameProcess(p.Log, name, m.Configure.Config.Global.ProcessNames)
			}
			p.In <- m
		}
	}()
}

// OpenJournal opens the journal of a worker, which no other process has then.
// One that cannot be written is in memory only.
func OpenJournal(log *slog.Logger, d worker.RunDir, name string) (*journal.Journal, error) {
	epoch, err := netns.Epoch()
	if err != nil {
		return nil, err
	}
	j, err := journal.OpenAnyway(d.Journal(name), epoch)
	if errors.Is(err, journal.ErrLocked) && endPredecessor(log, d, name) {
		j, err = journal.OpenAnyway(d.Journal(name), epoch)
	}
	if j == nil {
		return nil, err
	}
	if err != nil {
		log.Error("failed to write the journal: kernel objects are not recorded on disk", "error", err)
	}
	return j, nil
}

// journalInterval is how often a worker looks whether its journal is still there.
const journalInterval = time.Second

// restoreJournal writes the journal again when somebody has removed it, or when
// it could not be written, as long as the process lives. It says so once, and
// once why it cannot.
func (p *Process) restoreJournal() {
	problem := ""
	said := !p.Journal.Written() // by OpenJournal
	for ; ; time.Sleep(journalInterval) {
		had := p.Journal.Written()
		changed, err := p.Journal.Restore()
		text := ""
		if err != nil {
			text = err.Error()
		}
		switch {
		case text == problem && changed:
			p.Log.Warn("the journal was removed: written again")
		case text == problem:
			continue
		case text == "":
			p.Log.Info("the journal is written again")
		case had:
			p.Log.Error("the journal was removed and cannot be written again", "error", err)
		case !said:
			p.Log.Error("the journal cannot be written: trying again each second", "error", err)
		}
		problem, said = text, false
		p.Out.Put("journal", worker.Message{Journal: &worker.JournalState{Error: text}})
	}
}

// Applied tells the supervisor how the applying of a configuration ended.
func Applied(c *worker.Configure, err error) worker.Message {
	a := &worker.Applied{Generation: c.Generation}
	if err != nil {
		a.Error = err.Error()
	}
	return worker.Message{Applied: a}
}
