package mail_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify"
	"github.com/lvs-director/director/notify/mail"
)

// moody is a mail server that is slow first, then refuses, then puts off, and then is well. Each takes
// half a minute from the first mail on.
type moody struct {
	post
	first   time.Time
	offered map[string]int // attempts by Message-ID
}

var messageID = regexp.MustCompile(`(?m)^Message-ID: (.*)$`)

func (p *moody) take(ctx context.Context, s mail.Server, from string, to []string, message []byte) (r mail.Receipt) {
	if p.first.IsZero() {
		p.first = time.Now()
	}
	p.offered[string(messageID.Find(message))]++
	if s.String() != "192.0.2.25:2525" {
		p.answers(fmt.Errorf("asked at %s", s), false)
	}
	switch phase := time.Since(p.first) / (30 * time.Second); phase {
	case 0: // one byte a second
		time.Sleep(25 * time.Second)
	case 1:
		r.Err = errors.New("connection refused")
		return r
	case 2:
		r.Err, r.Again = errors.New("451 later"), to
		return r
	}
	return p.post.take(ctx, s, from, to, message)
}

// farm is a virtual server with so many real servers, and mail to two people.
func farm(t *testing.T, servers int) *conf.Config {
	cfg := site(t, "", "", "", "")
	vs := cfg.VirtualServers[0]
	one := *vs.RealServers[0]
	vs.RealServers = nil
	for n := range servers {
		rs := one
		rs.Key.Address = netip.AddrFrom4([4]byte{10, 0, 1, byte(n)})
		vs.RealServers = append(vs.RealServers, &rs)
	}
	return cfg
}

// TestStormOfMail (lvs-cases L11): 200 real servers go down and up 20 times in a minute, each state is told three
// times, and the mail server has every trouble there is. Everybody is told each change once and in its order, in
// a few mails with headers of their own; nobody who tells of a change waits for any of it.
func TestStormOfMail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := farm(t, 200)
		vs := cfg.VirtualServers[0]
		p := &moody{offered: make(map[string]int)}
		m := mail.NewWith(slog.New(slog.DiscardHandler), p.take)
		n := notify.New(notify.Options{Log: slog.New(slog.DiscardHandler), Listeners: []notify.Listener{m}})
		n.Apply(cfg)
		tell := func(up bool) {
			before := time.Now()
			for _, rs := range vs.RealServers {
				for range 3 {
					n.RealServer(event.RealServerState{VirtualServer: vs.String(), RealServer: rs.String(), Up: up,
						Reason: "TCP_CHECK: connection refused"})
				}
			}
			if waited := time.Since(before); waited != 0 {
				t.Errorf("to tell took %v", waited)
			}
		}
		tell(true) // as they are
		for range 20 {
			tell(false)
			time.Sleep(1500 * time.Millisecond)
			tell(true)
			time.Sleep(1500 * time.Millisecond)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()

		change := regexp.MustCompile(`(?m)^(?:Subject: \[R1\]|\d{4}-\d\d-\d\d \S+ \S+) Realserver (\S+) of .* - (UP|DOWN)$`)
		last, changes := make(map[string]string), 0
		ids := make(map[string]bool)
		for _, text := range p.got() {
			to, message, _ := strings.Cut(text, "\n")
			head, body, _ := strings.Cut(message, "\n\n")
			if to != "a@example.org b@example.org" || strings.Count(head, "\nTo: a@example.org,\n b@example.org\n") != 1 ||
				strings.Count(message, "@example.org") != 2 {
				t.Errorf("for %s:\n%s", to, head)
			}
			ids[messageID.FindString(head)] = true
			listed := body
			if !strings.Contains(body, " changes, in the order") {
				listed = head
			}
			for _, c := range change.FindAllStringSubmatch(listed, -1) {
				if last[c[1]] == c[2] || last[c[1]] == "" && c[2] == "UP" {
					t.Fatalf("%s is told to be %s twice", c[1], c[2])
				}
				last[c[1]] = c[2]
				changes++
			}
		}
		if changes != 200*20*2 || len(last) != 200 {
			t.Errorf("%d changes of %d real servers were mailed, want %d of 200", changes, len(last), 200*20*2)
		}
		if got := len(p.got()); got > 10 || len(ids) != got || len(p.offered) != got {
			t.Errorf("%d mails, %d with names of their own, %d offered", got, len(ids), len(p.offered))
		}
		if most := slices.Max(slices.Collect(maps.Values(p.offered))); most < 5 {
			t.Errorf("no mail was tried more than %d times: the server had no trouble", most)
		}
		if s, _ := m.Status(); s.Waiting > 0 || s.Lost > 0 || s.Failed > 0 || s.Problem() != "" {
			t.Errorf("at the end %+v", s)
		}
		if err := n.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		stop(m)
	})
}
