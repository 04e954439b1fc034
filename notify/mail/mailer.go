package mail

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/mailbox"
	"github.com/lvs-director/director/notify"
)

// State is what a mailer hands to the next program. Fields are only added.
type State struct {
	Known   *Memory // nil of a program that knew no mail
	Backlog Backlog
}

// deliver is Deliver, or a test's.
type deliver func(ctx context.Context, s Server, from string, to []string, message []byte) Receipt

// Mailer sends mail.
type Mailer struct {
	log     *slog.Logger
	deliver deliver
	// complete is hostName, or a test's.
	complete func(name string) string
	work     *mailbox.Mailbox[[]func()]
	ended    chan struct{}

	// Owned by the goroutine.
	rules     *Rules
	queue     Queue
	secret    conf.Secret
	short     string // the name of this host, and with its domain
	long      string
	settings  Settings
	on        bool
	held      bool
	cancel    context.CancelFunc // of the conversation under way; nil when there is none
	idle      []chan struct{}    // closed when no conversation is under way
	status    Status
	said      string    // the last error in the log
	saidAt    time.Time // when
	full      bool      // the log knows that there was no room
	timer     *time.Timer
	early     []func()      // to be done after the first configuration
	emptied   chan struct{} // closed when nothing is left to send; nil when nobody waits
	finishing bool
}

// New starts a mailer without a configuration. Close ends it.
func New(log *slog.Logger) *Mailer { return newMailer(log, Deliver, hostName) }

func newMailer(log *slog.Logger, d deliver, complete func(string) string) *Mailer {
	m := &Mailer{
		log: log, deliver: d, complete: complete, work: mailbox.New[[]func()](), ended: make(chan struct{}),
		rules: NewRules(), timer: time.NewTimer(time.Hour),
	}
	m.timer.Stop()
	go m.own()
	return m
}

func (m *Mailer) enqueue(do func()) bool {
	return m.work.Put(func(todo *[]func()) { *todo = append(*todo, do) })
}

func (m *Mailer) own() {
	defer close(m.ended)
	defer m.timer.Stop()
	for !m.finishing {
		select {
		case <-m.work.Signal():
			for _, do := range m.work.Take(nil) {
				do()
			}
		case <-m.timer.C:
		}
		m.send()
	}
}

// answer runs f in the goroutine and waits for it; false when the mailer has ended.
func (m *Mailer) answer(f func()) bool {
	done := make(chan struct{})
	if !m.enqueue(func() { f(); close(done) }) {
		return false
	}
	select {
	case <-done:
		return true
	case <-m.ended:
		return false
	}
}

// Password is that of smtp_auth in the configuration that follows. It does not block.
func (m *Mailer) Password(secret conf.Secret) {
	m.enqueue(func() { m.secret = secret })
}

// Apply replaces the configuration, which must not be changed afterwards. It does not block.
func (m *Mailer) Apply(cfg *conf.Config) {
	m.enqueue(func() { m.apply(cfg) })
}

// configured has do run once a configuration was applied: the notifier passes that on in its own time.
func (m *Mailer) configured(do func()) {
	m.enqueue(func() {
		if m.rules.configured {
			do()
			return
		}
		m.early = append(m.early, do)
	})
}

func (m *Mailer) apply(cfg *conf.Config) {
	defer func() {
		for _, do := range m.early {
			do()
		}
		m.early = nil
	}()
	m.rules.Apply(cfg)
	before, wasOn := m.settings.Server, m.on
	m.settings, m.on = SettingsOf(&cfg.Global, m.host(&cfg.Global), m.secret)
	defer func() { m.queue.For(m.settings.To) }()
	switch n := m.queue.Len(); {
	case m.on && before != m.settings.Server:
		m.queue.retry.Now() // another server, or another way to it: what the one before said is not its fault
		m.status.Error, m.status.Attempts, m.said = "", 0, ""
	case wasOn && !m.on:
		if n > 0 { // they have nobody to go to
			m.log.Warn("mail is not sent: smtp_server or notification_email is in the configuration no more", "changes", n)
		}
		m.interrupt()
		m.queue = Queue{Sent: m.queue.Sent, Failed: m.queue.Failed, Lost: m.queue.Lost}
		m.status.Error = ""
	}
}

// host is the name of this host for mail. It is asked for again when it has changed, or had no domain.
func (m *Mailer) host(g *conf.Global) string {
	short, _ := os.Hostname() // none is an empty one
	if asksForMail(g) && (short != m.short || !strings.Contains(m.long, ".")) {
		m.short, m.long = short, m.complete(short)
	}
	return m.long
}

// Told takes what has happened. It does not block.
func (m *Mailer) Told(h notify.Happening) {
	m.enqueue(func() {
		if n, news := m.rules.Told(h); news && m.on {
			m.add(n)
		}
	})
}

// VirtualServer takes what a quorum is decided by. It does not block.
func (m *Mailer) VirtualServer(s event.VirtualServerState) {
	m.enqueue(func() { m.rules.VirtualServer(s) })
}

// Stopping says that what happens from now on happens because director stops, and has what waits
// sent at once. It does not block.
func (m *Mailer) Stopping() {
	m.enqueue(func() {
		m.rules.Stop()
		m.queue.Flush()
	})
}

func (m *Mailer) add(n News) {
	if m.queue.Add(time.Now(), n) > 0 && !m.full {
		m.full = true
		m.log.Warn("more changes wait to be mailed than there is room for: the oldest are left out", "room", maxWaiting)
	}
}

// send begins the next conversation if one is due, else sets the timer for it.
func (m *Mailer) send() {
	m.tellIdle()
	m.tellEmpty()
	if m.held || !m.on || m.settings.Unusable != "" || m.cancel != nil {
		return
	}
	now := time.Now()
	mail := m.queue.Take(now, newID)
	if mail == nil {
		if at := m.queue.When(); !at.IsZero() {
			m.timer.Reset(max(0, time.Until(at)))
		}
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.cancel = cancel
	s := m.settings
	if mail.To == nil { // of an older program
		mail.To = slices.Clone(s.To)
	}
	to := mail.To
	from, _ := Envelope(s.Sender.From) // else it is Unusable
	message := Compose(mail, s.Sender, to)
	go func() {
		r := m.deliver(ctx, s.Server, from, to, message)
		cut := ctx.Err() != nil
		cancel()
		m.enqueue(func() { m.delivered(mail, r, cut) })
	}()
}

func (m *Mailer) delivered(mail *Mail, r Receipt, cut bool) {
	m.cancel = nil
	now := time.Now()
	if cut && r.Err != nil || !m.on {
		m.queue.Cut()
		return
	}
	end := m.queue.Done(now, r.Outcome)
	if end.Over && len(end.Got) > 0 {
		m.status.LastSent = now
	}
	if r.Err == nil {
		if m.status.Error != "" && len(end.Not) == 0 {
			m.log.Info("mail is delivered again", "server", m.settings.Server.String())
		}
		m.status.Error, m.status.Attempts, m.said = "", 0, ""
		if mail.Left > 0 {
			m.log.Warn("changes were not mailed: too many waited", "changes", mail.Left)
			m.full = false
		}
	} else {
		m.status.Error, m.status.ErrorAt = r.Err.Error(), now
		m.status.Attempts++
	}
	m.status.Partial = end.Over && len(end.Got) > 0 && len(end.Not) > 0
	attrs := []any{"server", m.settings.Server.String(), "changes", len(mail.News), "first",
		line(mail.News[0].Subject, maxText), "not_delivered_to", end.without()}
	switch text := m.status.Error; {
	case m.status.Partial:
		why := end.why(text)
		m.status.Error = fmt.Sprintf("delivered to %s, and not to %s: %s", strings.Join(end.Got, ", "), end.without(), why)
		m.status.ErrorAt, m.status.Attempts = now, 0
		m.log.Warn("a mail was delivered, and not to all", append(attrs, "delivered_to", strings.Join(end.Got, ", "),
			"error", why)...)
	case end.Over && r.Err != nil:
		m.log.Error("mail is given up", append(attrs, "error", text)...)
	case r.Err != nil && (text != m.said && now.Sub(m.saidAt) > time.Minute || m.said == ""):
		m.said, m.saidAt = text, now
		m.log.Warn("failed to deliver mail, trying again", "server", m.settings.Server.String(), "error", text)
	}
}

// interrupt cuts the conversation that is under way.
func (m *Mailer) interrupt() {
	if m.cancel != nil {
		m.cancel()
	}
}

func (m *Mailer) tellIdle() {
	if m.cancel != nil {
		return
	}
	for _, c := range m.idle {
		close(c)
	}
	m.idle = nil
}

func (m *Mailer) tellEmpty() {
	hopeless := !m.on || m.settings.Unusable != ""
	if m.emptied != nil && m.cancel == nil && (hopeless || m.queue.Len() == 0) {
		close(m.emptied)
		m.emptied = nil
	}
}

// newID is a random name of a mail.
func newID() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

// Hold keeps conversations from being begun until Release. It waits until none is under way; the
// one that is when ctx ends is cut off, and its mail waits again.
func (m *Mailer) Hold(ctx context.Context) {
	idle := make(chan struct{})
	if !m.enqueue(func() { m.held = true; m.idle = append(m.idle, idle) }) {
		return
	}
	select {
	case <-idle:
		return
	case <-m.ended:
		return
	case <-ctx.Done():
	}
	m.enqueue(m.interrupt)
	select {
	case <-idle:
	case <-m.ended:
	}
}

// Release undoes Hold.
func (m *Mailer) Release() { m.enqueue(func() { m.held = false }) }

// Export is what the next program must know, after Hold.
func (m *Mailer) Export() (s State) {
	m.answer(func() { s = m.state() })
	return s
}

func (m *Mailer) state() State {
	known := m.rules.Memory()
	return State{&known, m.queue.Backlog()}
}

// Import takes what another program knew.
func (m *Mailer) Import(s State) {
	m.configured(func() {
		if s.Known != nil {
			m.rules.Recall(*s.Known)
		}
		if m.on {
			m.queue.Restore(time.Now(), s.Backlog, giveUp, true)
		}
	})
}

// Kept takes what was not sent before a stop.
func (m *Mailer) Kept(b Backlog) {
	m.configured(func() {
		if !m.on {
			if n := b.Changes(); n > 0 {
				m.log.Warn("mail that was kept from before the start is not sent: the configuration asks for none", "changes", n)
			}
			return
		}
		before := m.queue.Len()
		if old := m.queue.Restore(time.Now(), b, Kept, false); old > 0 {
			m.log.Warn("mail that was kept from before the start is too old to be sent", "changes", old, "limit", Kept)
		}
		if n := m.queue.Len() - before; n > 0 {
			m.log.Info("mail from before the start is sent now", "changes", n)
		}
	})
}

// Stop sends what waits until ctx is done, and ends the mailer. It returns what was not sent.
func (m *Mailer) Stop(ctx context.Context) Backlog {
	empty := make(chan struct{})
	if !m.enqueue(func() {
		m.held = false
		m.queue.Flush()
		m.emptied = empty
	}) {
		return Backlog{}
	}
	select {
	case <-empty:
	case <-m.ended:
	case <-ctx.Done():
	}
	ended, stop := context.WithCancel(context.Background())
	stop()
	m.Hold(ended)
	var left Backlog
	m.answer(func() { left, m.finishing = m.queue.Backlog(), true })
	m.work.Close()
	<-m.ended
	return left
}
