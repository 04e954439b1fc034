package mailing

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/lvs-director/director/notify/mail"
	"github.com/lvs-director/director/retry"
	"github.com/lvs-director/director/supervisor/statefile"
)

const (
	// lastTry is how long a stop waits for mail to be sent.
	lastTry = 5 * time.Second
	// lastWrite is how long it waits for the disk after that.
	lastWrite = 5 * time.Second
	// EndPatience is how long End takes at most.
	EndPatience = lastTry + lastWrite
	// maxFile bounds the file that is read: more than what is written.
	maxFile = 64 << 20
)

// Mailing is a mailer whose backlog outlives a stop.
type Mailing struct {
	*mail.Mailer
	log    *slog.Logger
	file   string
	try    time.Duration      // that a stop gives to what waits
	cancel context.CancelFunc // of the reading
	read   chan struct{}      // closed when it has ended
}

// New starts a mailer for the director that runs the configuration at path.
func New(log *slog.Logger, stateDir, path string) *Mailing {
	return &Mailing{Mailer: mail.New(log), log: log, file: statefile.Name(stateDir, "mail", path), try: lastTry}
}

// File is where it keeps what was not sent.
func (m *Mailing) File() string { return m.file }

// SendKept has what was kept by an earlier stop sent, once a configuration was applied. It reads
// beside the caller, and again and again while the disk refuses. What is read is removed first: it
// must not be sent at every start.
func (m *Mailing) SendKept() {
	ctx, cancel := context.WithTimeout(context.Background(), mail.Kept)
	m.cancel, m.read = cancel, make(chan struct{})
	go func() {
		defer close(m.read)
		defer cancel()
		var again retry.Retry
		for said := ""; ; {
			b, err := m.take(ctx)
			if err == nil {
				m.Kept(b)
				return
			}
			if ctx.Err() != nil {
				return
			}
			if text := err.Error(); text != said {
				said = text
				m.log.Warn("mail from before the start is not sent yet, trying again", "error", err)
			}
			again.Failed(time.Now())
			select {
			case <-time.After(time.Until(again.Next())):
			case <-ctx.Done():
				return
			}
		}
	}()
}

// take reads the file and removes it, unless ctx has ended meanwhile. One that makes no sense is put aside.
func (m *Mailing) take(ctx context.Context) (b mail.Backlog, err error) {
	text, err := statefile.Read(m.file, maxFile)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil || text == nil {
		return b, err
	}
	if err := json.Unmarshal(text, &b); err != nil {
		kept, failed := statefile.PutAside(m.file)
		if failed != nil {
			return mail.Backlog{}, failed
		}
		m.log.Error("mail from before the start cannot be read and is not sent", "error", err, "kept_as", kept)
		return mail.Backlog{}, nil
	}
	if err := statefile.Remove(m.file); err != nil {
		return mail.Backlog{}, fmt.Errorf("removing it, so that it is not sent twice: %w", err)
	}
	return b, nil
}

// End sends what waits, for 5 seconds at most, and keeps what was not sent for the next start.
func (m *Mailing) End() {
	ctx, cancel := context.WithTimeout(context.Background(), m.try)
	defer cancel()
	if m.cancel != nil {
		m.cancel()
		select { // what was taken from the file has to be in the mailer before that stops
		case <-m.read:
		case <-ctx.Done():
		}
	}
	b := m.Stop(ctx)
	n := b.Changes()
	if n == 0 {
		return
	}
	ended := make(chan error, 1)
	go func() { ended <- m.keep(b) }()
	select {
	case err := <-ended:
		if err != nil {
			m.log.Error("mail was not sent in time and is lost", "changes", n, "error", err)
			return
		}
		m.log.Warn("mail was not sent in time: it is kept for the next start", "changes", n, "for", mail.Kept)
	case <-time.After(lastWrite):
		m.log.Error("mail was not sent in time, and the disk does not answer", "changes", n)
	}
}

func (m *Mailing) keep(b mail.Backlog) error {
	if m.read != nil {
		<-m.read // what it has not read is replaced
	}
	text, err := json.Marshal(b)
	if err == nil {
		err = statefile.Replace(m.file, text)
	}
	return err
}
