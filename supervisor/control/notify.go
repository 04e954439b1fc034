package control

import (
	"fmt"
	"io"
	"time"

	"github.com/lvs-director/director/notify/mail"
	"github.com/lvs-director/director/words"
)

// Mail is how it is with notifications by mail.
type Mail struct {
	Server string   `json:"server"` // "192.0.2.25:25"
	To     []string `json:"to"`
	Sent   int      `json:"sent"`   // mails, also those that not all have
	Partly int      `json:"partly"` // of them those that not all have
	// LastSent is when the last one was; absent is never.
	LastSent time.Time `json:"last_sent,omitzero"`
	Queued   int       `json:"queued"` // changes that wait to be mailed
	Failed   int       `json:"failed"` // mails that were given up
	Lost     int       `json:"lost"`   // changes that had no room and are not mailed
	// Error is why the last attempt failed, at ErrorAt; absent when it did not.
	Error    string    `json:"error,omitempty"`
	ErrorAt  time.Time `json:"error_at,omitzero"`
	Attempts int       `json:"attempts,omitempty"` // that failed in a row
	// Partial says that the last mail was delivered, and not to all: Error says to whom, and why.
	Partial bool `json:"partial,omitempty"`
}

// NewMail is the form of what the mailer knows.
func NewMail(s mail.Status) *Mail {
	m := &Mail{
		Server: s.Server, To: s.To, Sent: s.Sent, LastSent: s.LastSent, Queued: s.Waiting, Failed: s.Failed, Lost: s.Lost,
		Partly: s.Partly, Partial: s.Partial,
		Error: s.Error, Attempts: s.Attempts,
	}
	switch {
	case s.Unusable != "":
		m.Error = s.Unusable
	case s.Error != "":
		m.ErrorAt = s.ErrorAt
	}
	return m
}

// Text is it for people, in one line.
func (m Mail) Text(now time.Time) string {
	text := fmt.Sprintf("%d sent to %s", m.Sent, m.Server)
	if !m.LastSent.IsZero() {
		text += fmt.Sprintf(", the last %s ago", words.Age(now, m.LastSent))
	}
	text += fmt.Sprintf("; %d changes wait, %d mails given up, %d changes left out", m.Queued, m.Failed, m.Lost)
	if m.Partly > 0 {
		text += fmt.Sprintf(", %d delivered to some recipients only", m.Partly)
	}
	switch {
	case m.Partial:
		text += "; the last was " + m.Error
	case m.Error != "":
		text += "; the last attempt failed: " + m.Error
	}
	return text
}

// NotifyTestRequest asks for a test of notifications.
type NotifyTestRequest struct {
	// RunScripts has the scripts run that tell what is so already.
	RunScripts bool `json:"run_scripts,omitempty"`
}

// NotifyTest is what came of a test of notifications: nothing when the configuration asks for none.
type NotifyTest struct {
	Schema
	Results []NotifyTestResult `json:"results"`
}

// NotifyTestResult is what came of one kind.
type NotifyTestResult struct {
	Kind   string `json:"kind"`   // "mail", "fifo", "script"
	Target string `json:"target"` // "192.0.2.25:25", "notify_fifo /run/lb.fifo", "notify_master of INSTANCE VI_1"
	OK     bool   `json:"ok"`
	// Done is what was done that went well: "sent", "read" of a FIFO, "ran" or "can be run" of a script.
	Done  string        `json:"done,omitempty"`
	Words []string      `json:"words"` // what happened, one fact each
	Error string        `json:"error,omitempty"`
	Took  time.Duration `json:"took_ns"`
}

// Add adds a result; err is nil when it went well.
func (t *NotifyTest) Add(r NotifyTestResult, err error) {
	if r.OK = err == nil; !r.OK {
		r.Done, r.Error = "", err.Error()
	}
	t.Results = append(t.Results, r)
}

// OK says that something was tried, and that all of it went well.
func (t NotifyTest) OK() bool {
	for _, r := range t.Results {
		if !r.OK {
			return false
		}
	}
	return len(t.Results) > 0
}

// Print writes the results for people.
func (t NotifyTest) Print(w io.Writer) {
	if len(t.Results) == 0 {
		fmt.Fprintln(w, "nothing to try: the configuration asks for no mail (notification_email, smtp_server), and has no "+
			"FIFO and no script")
	}
	for _, r := range t.Results {
		name, took := r.Target, ""
		if r.Kind == "mail" {
			name = "mail to " + name
		}
		if r.Took > 0 {
			took = " after " + r.Took.Round(time.Millisecond).String()
		}
		switch {
		case !r.OK:
			fmt.Fprintf(w, "%s: failed%s: %s\n", name, took, r.Error)
		case r.Kind == "mail":
			fmt.Fprintf(w, "%s: sent in %s\n", name, r.Took.Round(time.Millisecond))
		default:
			fmt.Fprintf(w, "%s: %s%s\n", name, r.Done, took)
		}
		for _, fact := range r.Words {
			fmt.Fprintf(w, "  %s\n", fact)
		}
	}
}
