package mail_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/notify/mail"
)

// TestTakenForSome: a server that takes a mail for two of three recipients has delivered it. The log and
// status say who has it, who was refused, and why; and nothing is sent twice.
func TestTakenForSome(t *testing.T) {
	s := (&smtpd{replies: map[string]string{"RCPT TO:<b@": "550 no such user"}}).start(t)
	cfg := site(t, "", "", "", "")
	cfg.Global.SMTPServer, cfg.Global.SMTPPort = "127.0.0.1", s.server().Port
	cfg.Global.MailTo = []string{"a@example.org", "b@example.org", "c@example.org"}
	var log written
	m := mail.New(slog.New(slog.NewTextHandler(&log, nil)))
	m.Apply(cfg)
	m.Told(down(1))
	stop(m)
	text := log.String()
	if got := s.got(); len(got) != 1 || strings.Join(got[0].to, " ") != "a@example.org c@example.org" {
		t.Errorf("the server got %+v", got)
	}
	for _, want := range []string{
		`level=WARN msg="a mail was delivered, and not to all"`, "not_delivered_to=b@example.org",
		`delivered_to="a@example.org, c@example.org"`, "answers 550 no such user", "changes=1",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "given up") || strings.Count(text, "\n") != 1 {
		t.Errorf("the log says\n%s", text)
	}
}

// TestPartlyInStatus: it is a problem until a mail reaches all.
func TestPartlyInStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &post{}
		cfg := site(t, "", "", "", "")
		m, log := p.mailer(t, cfg)
		p.outcome(mail.Outcome{
			Err: errors.New("sent to 1 of 2: no such user"), Never: true, Taken: []string{"a@example.org"},
			Refused: []mail.Refusal{{To: "b@example.org", Why: "no such user"}},
		})
		m.Told(down(1))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		const want = "the last mail to 192.0.2.25:2525 was delivered to a@example.org, and not to b@example.org: no such user"
		if s, _ := m.Status(); s.Problem() != want || s.Sent != 1 || s.Partly != 1 || s.Failed != 0 || s.LastSent.IsZero() {
			t.Errorf("%+v: %q", s, s.Problem())
		}
		p.outcome(mail.Outcome{})
		m.Told(down(2))
		time.Sleep(time.Minute)
		synctest.Wait()
		if s, _ := m.Status(); s.Problem() != "" || s.Sent != 2 || s.Partly != 1 {
			t.Errorf("%+v: %q\n%s", s, s.Problem(), log)
		}
		stop(m)
	})
}

// TestRefusedFirst: who was refused for good is named when the others have it, also when that is in
// another program; and who had it when the rest is given up.
func TestRefusedFirst(t *testing.T) {
	start := func() *mail.Queue {
		var q mail.Queue
		q.For([]string{"a", "b", "c"})
		q.Add(noon, news("x"))
		m := q.Take(q.When(), id)
		end := q.Done(noon, mail.Outcome{
			Err: errRefused, Taken: []string{"a"}, Again: []string{"c"}, Refused: []mail.Refusal{{To: "b", Why: "unknown"}},
		})
		if end.Over || strings.Join(m.To, " ") != "c" {
			t.Errorf("%+v, left for %q", end, m.To)
		}
		text, err := json.Marshal(q.Backlog())
		if err != nil {
			t.Fatal(err)
		}
		var b mail.Backlog
		if err := json.Unmarshal(text, &b); err != nil {
			t.Fatal(err)
		}
		var next mail.Queue
		next.Restore(noon, b, mail.Kept, true)
		next.Take(next.When(), id)
		return &next
	}
	q := start()
	end := q.Done(noon, mail.Outcome{})
	if !end.Over || strings.Join(end.Got, " ") != "a c" || len(end.Not) != 1 || end.Not[0].To != "b" || q.Sent != 1 ||
		q.Partly != 1 {
		t.Errorf("when c has it: %+v", end)
	}
	q = start()
	end = q.Done(noon.Add(25*time.Hour), mail.Outcome{Err: errRefused})
	if !end.Over || strings.Join(end.Got, " ") != "a" || len(end.Not) != 2 || end.Not[1].To != "c" || q.Failed != 0 {
		t.Errorf("when c is given up: %+v", end)
	}
	q = start()
	end = q.Done(noon, mail.Outcome{Err: errRefused, Never: true})
	if !end.Over || len(end.Got) != 1 || len(end.Not) != 2 {
		t.Errorf("when c is refused too: %+v", end)
	}
}
