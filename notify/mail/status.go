package mail

import (
	"context"
	"fmt"
	"time"
)

// Status is how it is with mail.
type Status struct {
	Server   string
	To       []string
	Sent     int       // mails since the start, also those that not all have
	Partly   int       // of them those that not all have
	LastSent time.Time // zero is never
	Waiting  int       // changes that wait to be sent
	Failed   int       // mails that were given up or refused for good
	Lost     int       // changes that had no room
	Error    string    // why the last attempt failed; empty when it did not
	ErrorAt  time.Time
	Attempts int    // that failed in a row
	Partial  bool   // the last mail was delivered, and not to all: Error says to whom, and why
	Unusable string // why none can be sent, whatever the server; empty when it can
}

// Problem says that mail cannot be delivered; empty when it can, as far as is known.
func (s Status) Problem() string {
	switch {
	case s.Unusable != "":
		return "no mail can be sent: " + s.Unusable
	case s.Error != "" && s.Waiting > 0:
		return fmt.Sprintf("mail cannot be delivered to %s (%d attempts, %d changes wait): %s", s.Server, s.Attempts,
			s.Waiting, s.Error)
	case s.Partial:
		return fmt.Sprintf("the last mail to %s was %s", s.Server, s.Error)
	case s.Error != "":
		return fmt.Sprintf("the last mail to %s was not delivered and is given up: %s", s.Server, s.Error)
	}
	return ""
}

// Status is how it is with mail; on is false when none is asked for.
func (m *Mailer) Status() (s Status, on bool) {
	m.answer(func() {
		s, on = m.status, m.on
		s.Server, s.To, s.Unusable = m.settings.Server.String(), m.settings.To, m.settings.Unusable
		s.Sent, s.Partly, s.Failed, s.Lost, s.Waiting = m.queue.Sent, m.queue.Partly, m.queue.Failed, m.queue.Lost,
			m.queue.Len()
	})
	return s, on
}

// Test sends a mail at once, whatever waits, and says what happened in words. on is false when
// no mail is asked for.
func (m *Mailer) Test(ctx context.Context) (target string, words []string, on bool, err error) {
	type known struct {
		Settings
		on bool
	}
	first := make(chan known, 1)
	m.configured(func() { first <- known{m.settings, m.on} })
	var s known
	select {
	case s = <-first:
	case <-m.ended:
	case <-ctx.Done():
	}
	if !s.on {
		return "", nil, false, nil
	}
	if s.Unusable != "" {
		return s.Server.String(), nil, true, fmt.Errorf("%s", s.Unusable)
	}
	from, _ := Envelope(s.Sender.From)
	r := m.deliver(ctx, s.Server, from, s.To, Compose(TestMail(newID(), time.Now()), s.Sender, s.To))
	if r.Err == nil {
		m.enqueue(func() {
			if s.Server == m.settings.Server && m.queue.Len() == 0 { // what waits tells by itself
				m.status.Error, m.status.Attempts, m.status.Partial, m.said = "", 0, false, ""
			}
		})
	}
	return s.Server.String(), r.Words, true, r.Err
}
