package statefile

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/lvs-director/director/retry"
)

// slow is when a job that is under way is a problem.
const slow = 10 * time.Second

// Job reads or writes a file. What it returns is called in the owner's loop, unless it is
// nil or there is an error.
type Job func() (inLoop func(), err error)

// Saver keeps one file up to date beside the loop that owns it, which a disk that takes
// long, or never answers, must not stop. One job is under way at a time; what has changed
// meanwhile is written after it, once. All methods belong to the owner's loop.
type Saver struct {
	what    string // is kept, in the plural
	log     *slog.Logger
	ended   chan<- Ended
	stop    <-chan struct{}
	read    Job            // for the file of before the start, which could not be read; nil when it was
	next    Job            // writes what has changed; nil when nothing has
	began   time.Time      // when the job that is under way began; zero when none is
	waiting []func(string) // those who wait for it; they are told why it failed
	owed    []func(string) // those who wait for next
	trouble string         // why the file is not written; empty when it is
	again   retry.Retry    // when it is tried again
}

// Ended is how a job ended. The owner gives it to the Saver by TakeIn.
type Ended struct {
	of     *Saver
	inLoop func()
	err    error
}

// NewSaver is one for a file that keeps what, in the plural, for the next start. Its jobs
// end in ended, until stop is closed.
func NewSaver(what string, log *slog.Logger, ended chan<- Ended, stop <-chan struct{}) *Saver {
	return &Saver{what: what, log: log, ended: ended, stop: stop}
}

// Save has the file written. The job must not touch what the loop owns.
func (s *Saver) Save(write Job) {
	s.next = write
	s.work()
}

// ReadFirst has the file read before anything is written to it, again and again until that
// succeeds: at the start it could not be read, and must not be overwritten.
func (s *Saver) ReadFirst(read Job) { s.read = read }

// IsUnread says whether ReadFirst has not been done yet.
func (s *Saver) IsUnread() bool { return s.read != nil }

// work begins what is owed, unless something is under way.
func (s *Saver) work() {
	if s.IsBusy() || s.next == nil {
		return
	}
	job := s.next
	if s.read != nil {
		job = s.read
	} else {
		s.next = nil
	}
	s.began = time.Now()
	s.waiting, s.owed = s.owed, nil
	go func() {
		inLoop, err := job()
		select {
		case s.ended <- Ended{s, inLoop, err}:
		case <-s.stop:
		}
	}()
}

// TakeIn takes in how a job ended.
func (e Ended) TakeIn() {
	s := e.of
	waiting := s.waiting
	s.began, s.waiting = time.Time{}, nil
	switch {
	case e.err != nil:
		s.again.Failed(time.Now())
		if text := e.err.Error(); text != s.trouble {
			s.trouble = text
			s.log.Warn(s.what+" cannot be written and would be lost at a restart: trying again", "error", text)
		}
		s.next = nil // the owner saves again when it is Due
		waiting, s.owed = append(waiting, s.owed...), nil
	case s.read != nil:
		s.read = nil
		s.owed, waiting = append(waiting, s.owed...), nil // the write follows
	default:
		if s.trouble != "" {
			s.log.Info(s.what + " are written again")
		}
		s.trouble, s.again = "", retry.Retry{}
	}
	if e.err == nil && e.inLoop != nil {
		e.inLoop()
	}
	for _, then := range waiting {
		then(s.trouble)
	}
	s.work()
}

// WhenSaved calls then, in the loop, when what was saved last is on the disk, or could not be
// written: why says so then.
func (s *Saver) WhenSaved(then func(why string)) {
	switch {
	case s.next != nil:
		s.owed = append(s.owed, then)
	case s.IsBusy():
		s.waiting = append(s.waiting, then)
	default:
		then(s.trouble)
	}
}

// IsBusy says whether a job is under way.
func (s *Saver) IsBusy() bool { return !s.began.IsZero() }

// Due says that writing has failed and is to be tried again now.
func (s *Saver) Due(now time.Time) bool { return s.trouble != "" && s.again.Ready(now) }

// Trouble is why the file is not written; empty when it is, as far as is known.
func (s *Saver) Trouble() string { return s.trouble }

// Problem says that the file is not written, in a sentence for status; empty when it is.
func (s *Saver) Problem(now time.Time) string {
	switch {
	case s.trouble != "":
		return s.what + " are not kept for the next start: " + s.trouble
	case s.IsBusy() && now.Sub(s.began) > slow:
		return fmt.Sprintf("%s are not kept for the next start: the disk has not answered for %v", s.what,
			now.Sub(s.began).Round(time.Second))
	}
	return ""
}
