package mail_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/lvs-director/director/notify/mail"
)

func id() string { return "id" }

var errRefused = errors.New("refused")

// TestTogetherIsOneMail: what happens within a second, and while a mail is under way, is one.
func TestTogetherIsOneMail(t *testing.T) {
	var q mail.Queue
	now := noon
	for n := range 200 {
		q.Add(now, news(fmt.Sprint(n)))
		now = now.Add(4 * time.Millisecond)
		if q.Take(now, id) != nil {
			t.Fatal("a mail leaves at once")
		}
	}
	at := q.When()
	if at.Sub(noon) != time.Second {
		t.Fatalf("the mail leaves after %v", at.Sub(noon))
	}
	m := q.Take(at, id)
	if m == nil || len(m.News) != 200 || m.News[0].Subject != "0" || m.News[199].Subject != "199" {
		t.Fatalf("the mail: %+v", m)
	}
	q.Add(at, news("later"))
	if q.Take(at.Add(time.Hour), id) != nil {
		t.Error("two mails are under way")
	}
	q.Done(at.Add(time.Second), mail.Outcome{})
	if m := q.Take(q.When(), id); m == nil || len(m.News) != 1 {
		t.Errorf("the next mail: %+v", m)
	}
}

// TestStorm: 200 real servers that go down and up 20 times in a minute make a few mails, and then
// one a minute; every change is in one. After calm a change is mailed after a second again.
func TestStorm(t *testing.T) {
	var q mail.Queue
	now, mails, changes := noon, 0, 0
	tick := func() {
		if at := q.When(); !at.IsZero() && !now.Before(at) {
			if m := q.Take(now, id); m != nil {
				mails++
				changes += len(m.News)
				q.Done(now, mail.Outcome{})
			}
		}
	}
	for n := range 10 * 60 {
		if n%2 == 0 {
			for range 200 {
				q.Add(now, news("change"))
			}
		}
		for range 10 {
			now = now.Add(100 * time.Millisecond)
			tick()
		}
		if n == 59 && mails > 8 {
			t.Errorf("%d mails in the first minute", mails)
		}
	}
	for range 1200 {
		now = now.Add(100 * time.Millisecond)
		tick()
	}
	if mails > 70 || changes+q.Lost != 300*200 || q.Lost > 0 {
		t.Errorf("%d mails with %d changes, %d lost", mails, changes, q.Lost)
	}
	now = now.Add(10 * time.Minute)
	q.Add(now, news("calm"))
	if q.When().Sub(now) != time.Second {
		t.Errorf("after calm a change waits for %v", q.When().Sub(now))
	}
}

// TestQueueIsBounded: the oldest have no room, and are counted.
func TestQueueIsBounded(t *testing.T) {
	var q mail.Queue
	lost := 0
	for n := range 12345 {
		lost += q.Add(noon, news(fmt.Sprint(n)))
	}
	if q.Len() != 10000 || lost != 2345 || q.Lost != lost {
		t.Errorf("%d wait, %d lost (counted %d)", q.Len(), lost, q.Lost)
	}
	m := q.Take(noon.Add(time.Second), id)
	if m.Left != 2345 || m.News[0].Subject != "2345" || len(m.News) != 10000 {
		t.Errorf("the mail has %d of which %q is first, %d left out", len(m.News), m.News[0].Subject, m.Left)
	}
}

// TestRetries: a mail that is not taken is tried again after 1 s, 2 s .. 30 s, under the same name, and
// by those alone who have not got it; for a day.
func TestRetries(t *testing.T) {
	var q mail.Queue
	q.Add(noon, news("x"))
	now := q.When()
	var pauses []time.Duration
	for range 7 {
		m := q.Take(now, id)
		if m == nil || m.ID != "id" {
			t.Fatal(m)
		}
		if q.Done(now, mail.Outcome{Err: errRefused, Again: []string{"b"}}).Over {
			t.Fatal("given up")
		}
		if m.To[0] != "b" || q.Len() != 1 {
			t.Errorf("left for %v, %d wait", m.To, q.Len())
		}
		pauses = append(pauses, q.When().Sub(now))
		now = q.When()
	}
	if got := fmt.Sprint(pauses); got != "[1s 2s 4s 8s 16s 30s 30s]" {
		t.Error(got)
	}
	now = now.Add(25 * time.Hour)
	q.Take(now, id)
	if !q.Done(now, mail.Outcome{Err: errRefused}).Over || q.Failed != 1 || q.Len() != 0 {
		t.Errorf("after a day: %d failed, %d wait", q.Failed, q.Len())
	}
	q.Add(now, news("y"))
	q.Take(q.When(), id)
	if !q.Done(now, mail.Outcome{Err: errRefused, Never: true}).Over || q.Failed != 2 {
		t.Errorf("refused for good: %d failed", q.Failed)
	}
}

// TestBacklog: the next queue goes on where this one ended, without what is too old.
func TestBacklog(t *testing.T) {
	var q mail.Queue
	q.Add(noon, news("first"))
	q.Take(q.When(), id)
	q.Cut()
	late := news("late")
	late.At = noon.Add(time.Hour)
	q.Add(noon, news("second"), late)
	var next mail.Queue
	if old := next.Restore(noon.Add(30*time.Minute), q.Backlog(), mail.Kept, false); old != 0 || next.Len() != 3 {
		t.Errorf("%d too old, %d wait", old, next.Len())
	}
	m := next.Take(next.When(), func() string { return "another" })
	if m == nil || m.ID != "id" || m.News[0].Subject != "first" {
		t.Errorf("the first mail: %+v", m)
	}
	next = mail.Queue{}
	if old := next.Restore(noon.Add(90*time.Minute), q.Backlog(), mail.Kept, false); old != 2 || next.Len() != 1 {
		t.Errorf("%d too old, %d wait", old, next.Len())
	}
}

// TestDamagedShares: a backlog whose parts do not add up loses nothing.
func TestDamagedShares(t *testing.T) {
	for _, shares := range [][]mail.Share{
		nil, {{7, []string{"a"}}}, {{-3, []string{"a"}}}, {{1, []string{"a"}}},
		{{1, []string{"a"}}, {9, nil}, {9, []string{"b"}}},
	} {
		var q mail.Queue
		b := mail.Backlog{Waiting: []mail.News{news("1"), news("2"), news("3")}, Shares: shares}
		if old := q.Restore(noon, b, mail.Kept, false); old != 0 || q.Len() != 3 {
			t.Errorf("%v: %d too old, %d wait", shares, old, q.Len())
		}
		now := q.When()
		for n := 0; n < 3; {
			m := q.Take(now, id)
			if m == nil {
				t.Fatalf("%v: %d were sent", shares, n)
			}
			n += len(m.News)
			q.Done(now, mail.Outcome{})
		}
		if !q.When().IsZero() || q.Len() != 0 {
			t.Errorf("%v: %d wait at the end", shares, q.Len())
		}
	}
}

// TestBoundOverRecipients: what has no room is the oldest, for whomever it was.
func TestBoundOverRecipients(t *testing.T) {
	var q mail.Queue
	q.For([]string{"a"})
	q.Add(noon, news("1"), news("2"))
	q.For([]string{"b"})
	for range 9999 {
		q.Add(noon, news("x"))
	}
	if m := q.Take(q.When(), id); len(m.News) != 1 || m.News[0].Subject != "2" || m.To[0] != "a" {
		t.Errorf("the first mail: %d for %v", len(m.News), m.To)
	}
	q.Done(noon, mail.Outcome{})
	q.Add(noon, make([]mail.News, 20000)...)
	if m := q.Take(q.When(), id); len(m.News) != 10000 || m.To[0] != "b" || q.Len() != 10000 {
		t.Errorf("the second mail: %d for %v, %d wait", len(m.News), m.To, q.Len())
	}
}
