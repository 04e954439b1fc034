package mail_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/notify"
	"github.com/lvs-director/director/notify/mail"
)

// post is a mail server of a test with a clock of its own.
type post struct {
	mu    sync.Mutex
	err   error // of each mail; nil takes it
	some  mail.Outcome
	hangs bool // no answer until the conversation is cut
	mails []string
	tries int
}

func (p *post) take(ctx context.Context, _ mail.Server, _ string, to []string, message []byte) (r mail.Receipt) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tries++
	if p.hangs {
		p.mu.Unlock()
		<-ctx.Done()
		p.mu.Lock()
		r.Err = ctx.Err()
		return r
	}
	if r.Outcome = p.some; r.Err != nil {
		return r
	}
	if r.Err = p.err; r.Err == nil {
		p.mails = append(p.mails, strings.Join(to, " ")+"\n"+string(message))
	}
	return r
}

// answers has it answer otherwise from now on.
func (p *post) answers(err error, hangs bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err, p.hangs = err, hangs
}

// outcome is how each attempt goes from now on, when it has an Err.
func (p *post) outcome(o mail.Outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.some = o
}

// got are the mails that it took.
func (p *post) got() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.mails)
}

// attempts are how many mails it was offered.
func (p *post) attempts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tries
}

// written is a log that a test reads while it is written to.
type written struct {
	mu   sync.Mutex
	text strings.Builder
}

func (w *written) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// mailer is one with a configuration and a log.
func (p *post) mailer(t *testing.T, cfg *conf.Config) (*mail.Mailer, *written) {
	var log written
	m := mail.NewWith(slog.New(slog.NewTextHandler(&log, nil)), p.take)
	m.Apply(cfg)
	return m, &log
}

func stop(m *mail.Mailer) mail.Backlog {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return m.Stop(ctx)
}

func down(n int) notify.Happening {
	h := told(notify.RealServer, rs, "DOWN")
	h.Reason = fmt.Sprintf("TCP_CHECK 10.0.0.1:80: reason %d", n)
	return h
}

// TestBurst is one mail to all, with all recipients named once.
func TestBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &post{}
		m, _ := p.mailer(t, site(t, "", "", "", ""))
		for n := range 200 {
			m.Told(down(n))
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if len(p.got()) != 1 || !strings.HasPrefix(p.got()[0], "a@example.org b@example.org\n") ||
			!strings.Contains(p.got()[0], "\nTo: a@example.org,\n b@example.org\n") ||
			strings.Count(p.got()[0], "=> TCP CHECK failed on service <=") != 200 {
			t.Errorf("%d mails: %.500q", len(p.got()), p.got())
		}
		if b := stop(m); b.Changes() != 0 || len(p.got()) != 1 {
			t.Errorf("after the stop: %d changes, %d mails", b.Changes(), len(p.got()))
		}
	})
}

// TestDeadServerHoldsUpNobody: what is told returns at once, the queue is bounded, the log says little,
// status says it; a stop takes 5 seconds and returns what is left.
func TestDeadServerHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &post{hangs: true}
		m, log := p.mailer(t, site(t, "", "", "", ""))
		for n := range 30000 {
			m.Told(down(n))
			if n == 0 {
				time.Sleep(2 * time.Second) // the first mail is under way
			}
		}
		began := time.Now()
		if s, on := m.Status(); !on || s.Waiting != 10001 || s.Lost != 19999 {
			t.Errorf("%v %+v", on, s)
		}
		b := stop(m)
		if took := time.Since(began); took != 5*time.Second || b.Changes() != 10001 {
			t.Errorf("the stop took %v and left %d changes", took, b.Changes())
		}
		if lines := strings.Count(log.String(), "\n"); lines != 1 || !strings.Contains(log.String(), "oldest are left out") {
			t.Errorf("the log has %d lines: %s", lines, log)
		}
		m.Told(down(1)) // to one that has ended
		if _, on := m.Status(); on || stop(m).Changes() != 0 {
			t.Error("it has not ended")
		}
	})
}

// TestTriesAgain: a mail that is refused for now is a problem until it is delivered; each attempt is the
// same mail; the log has a line a minute at most.
func TestTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &post{err: errors.New("the mail server answers 451 later")}
		m, log := p.mailer(t, site(t, "", "", "", ""))
		m.Told(down(1))
		time.Sleep(5 * time.Minute)
		s, _ := m.Status()
		const want = "mail cannot be delivered to 192.0.2.25:2525 (14 attempts, 1 changes wait): " +
			"the mail server answers 451 later"
		if s.Problem() != want || p.attempts() != 14 {
			t.Errorf("%q, %d tries", s.Problem(), p.attempts())
		}
		if lines := strings.Count(log.String(), "\n"); lines > 5 {
			t.Errorf("%d lines: %s", lines, log)
		}
		p.answers(nil, false)
		time.Sleep(time.Minute)
		if s, _ = m.Status(); s.Problem() != "" || s.Sent != 1 || len(p.got()) != 1 ||
			!strings.Contains(log.String(), "delivered again") {
			t.Errorf("%+v, %d mails\n%s", s, len(p.got()), log)
		}
		stop(m)
	})
}

// TestAStopSends what waits at once, also what happens last.
func TestAStopSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &post{}
		m, _ := p.mailer(t, site(t, "smtp_alert", "", "", ""))
		began := time.Now()
		m.Told(told(notify.Instance, "VI_1", "MASTER"))
		m.Stopping()
		m.Told(told(notify.Instance, "VI_1", "STOP"))
		if b := stop(m); b.Changes() != 0 || time.Since(began) > time.Second ||
			!strings.Contains(strings.Join(p.got(), "\n"), "=> VRRP Instance stopping <=") {
			t.Errorf("%d changes left after %v: %q", b.Changes(), time.Since(began), p.got())
		}
	})
}

// TestUpgrade: what waits goes to the next program, and a mail under way is sent again by it, under its
// name; when the upgrade fails this one goes on.
func TestUpgrade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &post{hangs: true}
		cfg := site(t, "smtp_alert", "", "", "")
		m, _ := p.mailer(t, cfg)
		m.Told(told(notify.Instance, "VI_1", "MASTER"))
		time.Sleep(2 * time.Second)
		m.Told(down(1))
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		began := time.Now()
		m.Hold(ctx)
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("it was held after %v", took)
		}
		state := m.Export()
		p.answers(nil, false)
		time.Sleep(time.Minute)
		if p.attempts() != 1 {
			t.Errorf("%d attempts while it was held", p.attempts())
		}
		next := mail.NewWith(slog.New(slog.DiscardHandler), p.take)
		next.Import(state) // before the notifier has passed on the configuration
		synctest.Wait()
		next.Apply(cfg)
		next.Told(told(notify.Instance, "VI_1", "MASTER")) // it is known
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if len(p.got()) != 2 || !strings.Contains(p.got()[0], "Entering MASTER") ||
			!strings.Contains(p.got()[1], "reason 1") {
			t.Errorf("the next program sent %q", p.got())
		}
		stop(next)
		m.Release()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if len(p.got()) != 4 {
			t.Errorf("after a failed upgrade %d mails", len(p.got()))
		}
		stop(m)
	})
}

// TestKept: what an earlier program kept is sent, unless it is too old or nobody wants mail.
func TestKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &post{}
		m, log := p.mailer(t, site(t, "", "", "", ""))
		old, fresh := news("old"), news("fresh")
		old.At, fresh.At = time.Now().Add(-2*time.Hour), time.Now().Add(-10*time.Minute)
		m.Kept(mail.Backlog{Waiting: []mail.News{old, fresh}, Sent: 7})
		time.Sleep(2 * time.Second)
		if s, _ := m.Status(); len(p.got()) != 1 || !strings.Contains(p.got()[0], "Subject: [R1] fresh\n") || s.Sent != 1 {
			t.Errorf("%+v %q", s, p.got())
		}
		if !strings.Contains(log.String(), "too old") {
			t.Error(log)
		}
		m.Apply(&conf.Config{})
		m.Kept(mail.Backlog{Waiting: []mail.News{fresh}})
		time.Sleep(2 * time.Second)
		if _, on := m.Status(); on || len(p.got()) != 1 || !strings.Contains(log.String(), "asks for none") {
			t.Errorf("%v %q\n%s", on, p.got(), log)
		}
		stop(m)
	})
}

// TestRecipientsAreKept: each change is mailed to those who were configured when it happened, over reloads,
// an upgrade and a stop; what an older program kept without them goes to all.
func TestRecipientsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &post{err: errors.New("no")}
		to := func(list ...string) *conf.Config {
			cfg := *site(t, "", "", "", "")
			cfg.Global.MailTo = list
			return &cfg
		}
		m, _ := p.mailer(t, to("a@x", "b@x"))
		m.Told(down(1))
		time.Sleep(1500 * time.Millisecond) // one mail is tried in vain
		m.Told(down(2))
		m.Apply(to("c@x"))
		m.Told(down(3))
		m.Apply(to("d@x"))
		m.Told(down(4))
		m.Apply(to("e@x"))
		m.Hold(t.Context())
		state := m.Export()
		next, _ := p.mailer(t, to("f@x"))
		next.Import(state)
		next.Told(down(5))
		time.Sleep(time.Second)
		b := stop(next)
		if b.Changes() != 5 {
			t.Fatalf("%d changes are left", b.Changes())
		}
		text, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		var kept mail.Backlog
		if err := json.Unmarshal(text, &kept); err != nil {
			t.Fatal(err)
		}
		p.answers(nil, false)
		last, _ := p.mailer(t, to("g@x"))
		last.Kept(mail.Backlog{Waiting: []mail.News{{At: time.Now(), Subject: "of an older program"}}})
		last.Kept(kept)
		last.Told(down(6))
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		var got []string
		for _, text := range p.got() {
			recipients, body, _ := strings.Cut(text, "\n")
			for n := range 7 {
				if strings.Contains(body, fmt.Sprint("reason ", n)) {
					recipients += fmt.Sprint(" ", n)
				}
			}
			if strings.Contains(body, "of an older program") {
				recipients += " older"
			}
			got = append(got, recipients)
		}
		want := []string{"a@x b@x 1", "a@x b@x 2", "c@x 3", "d@x 4", "f@x 5", "g@x older", "g@x 6"}
		if !slices.Equal(got, want) {
			t.Errorf("mailed %q, want %q", got, want)
		}
		stop(last)
		stop(m)
	})
}

// TestReload: mail goes by the server that the new configuration names, what waited to those for whom it
// was, and what comes to those whom the new one names; and nowhere when it asks for none.
func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &post{err: errors.New("no")}
		cfg := site(t, "", "", "", "")
		m, log := p.mailer(t, cfg)
		m.Told(down(1))
		time.Sleep(1500 * time.Millisecond)
		moved := *cfg
		moved.Global.MailTo, moved.Global.SMTPPort = []string{"c@example.org"}, 25
		p.answers(nil, false)
		m.Apply(&moved)
		synctest.Wait()
		if len(p.got()) != 1 || !strings.HasPrefix(p.got()[0], "a@example.org b@example.org\n") {
			t.Errorf("%q", p.got())
		}
		m.Told(down(2))
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(p.got()) != 2 || !strings.HasPrefix(p.got()[1], "c@example.org\n") ||
			!strings.Contains(p.got()[1], "\nTo: c@example.org\n") {
			t.Errorf("%q", p.got())
		}
		m.Told(down(3))
		m.Apply(&conf.Config{})
		time.Sleep(time.Hour)
		if len(p.got()) != 2 || !strings.Contains(log.String(), "mail is not sent") {
			t.Errorf("%d mails\n%s", len(p.got()), log)
		}
		stop(m)
	})
}

// TestNoPassword: a password that could not be read, and one that could, are shown nowhere.
func TestNoPassword(t *testing.T) {
	s := (&smtpd{ehlo: []string{"AUTH PLAIN"}, user: "lb", password: "hush"}).start(t)
	cfg := site(t, "smtp_auth lb /nowhere/password", "", "", "")
	cfg.Global.SMTPServer, cfg.Global.SMTPPort = "127.0.0.1", s.server().Port
	var log written
	m := mail.New(slog.New(slog.NewTextHandler(&log, nil)))
	m.Apply(cfg)
	if _, _, on, err := m.Test(t.Context()); !on || err == nil ||
		!strings.Contains(err.Error(), "/nowhere/password could not be read") {
		t.Error(on, err)
	}
	m.Password("hush")
	m.Apply(cfg)
	target, words, _, err := m.Test(t.Context())
	if err != nil || !strings.Contains(strings.Join(words, "\n"), "logged in as lb with PLAIN") || len(s.got()) != 1 {
		t.Error(target, words, err)
	}
	settings, _ := mail.SettingsOf(&cfg.Global, "lb1.example.org", "hush")
	if text := fmt.Sprintf("%v %+v %#v %s", settings, settings, settings, log.String()); strings.Contains(text, "hush") {
		t.Error("the password is shown")
	}
	stop(m)
}
