package probe_test

import (
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// TestMisc: what the end of a program means, with and without misc_dynamic.
func TestMisc(t *testing.T) {
	var end event.ProgramEnd
	asked, cancelled := "", 0
	p, err := probe.New(probe.Options{Log: slog.New(slog.DiscardHandler),
		Programs: func(id string, done func(event.ProgramEnd)) func() {
			asked = id
			done(end)
			return func() { cancelled++ }
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	weight := func(n int) event.Wish { return event.Wish{Kind: event.WishWeight, N: n} }
	for _, test := range []struct {
		end       event.ProgramEnd
		dynamic   bool
		ok, local bool
		wish      event.Wish
		reason    string
	}{
		{event.ProgramEnd{}, false, true, false, event.Wish{}, "exit status 0"},
		{event.ProgramEnd{Code: 1}, false, false, false, event.Wish{}, "exit status 1"},
		{event.ProgramEnd{Code: 52}, false, false, false, event.Wish{}, "exit status 52"},
		{event.ProgramEnd{}, true, true, false, event.Wish{}, "exit status 0"},
		{event.ProgramEnd{Code: 1, Output: "disk is full"}, true, false, false, event.Wish{}, "exit status 1: disk is full"},
		{event.ProgramEnd{Code: 2}, true, true, false, weight(0), "exit status 2"},
		{event.ProgramEnd{Code: 52}, true, true, false, weight(50), "exit status 52"},
		{event.ProgramEnd{Code: 255}, true, true, false, weight(253), "exit status 255"},
		{event.ProgramEnd{Code: -1, Signal: "terminated", TimedOut: true}, true, false, false, event.Wish{}, "timed out"},
		// A program may well catch SIGTERM and exit with a status of its own.
		{event.ProgramEnd{Code: 98, TimedOut: true}, true, false, false, event.Wish{}, "timed out"},
		{event.ProgramEnd{Code: -1, Signal: "killed"}, true, false, false, event.Wish{}, "ended by signal: killed"},
		{event.ProgramEnd{Code: -1, Err: "run /x: no such file or directory"}, true, false, true, event.Wish{}, "run /x"},
	} {
		end = test.end
		c := &conf.Checker{Kind: conf.MiscCheck, Misc: &conf.MiscCheckParams{Dynamic: test.dynamic,
			Script: conf.Script{Argv: []string{"/etc/lb/w", "11"}}}}
		r := run(t, p, c)
		wantResult(t, r, test.ok, test.local, test.reason)
		if r.Wish != test.wish || asked != c.Misc.ProgramID() {
			t.Errorf("%+v: asks for %v, ran %q", test.end, r.Wish, asked)
		}
	}
	if cancelled == 0 {
		t.Error("no run was cancelled at its end")
	}
	wantResult(t, run(t, newProber(t), &conf.Checker{Kind: conf.MiscCheck, Misc: &conf.MiscCheckParams{}}), false, true,
		"not run here")
}

// TestFile: what the value of a file means.
func TestFile(t *testing.T) {
	var value probe.FileValue
	p, err := probe.New(probe.Options{Log: slog.New(slog.DiscardHandler),
		Files: func(_ string, done func(probe.FileValue)) func() { done(value); return func() {} }})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	more := func(n int) event.Wish { return event.Wish{Kind: event.WishMore, N: n} }
	for _, test := range []struct {
		value  probe.FileValue
		weight int
		rev    bool
		ok     bool
		wish   event.Wish
	}{
		{probe.FileValue{}, 0, false, true, event.Wish{}},
		{probe.FileValue{Value: 3}, 0, false, false, event.Wish{}},
		{probe.FileValue{}, 0, true, false, event.Wish{}},
		{probe.FileValue{Value: -1}, 0, true, true, event.Wish{}},
		{probe.FileValue{Value: 3}, 4, false, true, more(12)},
		{probe.FileValue{Value: 3}, 4, true, true, more(-12)},
		{probe.FileValue{Value: math.MinInt32}, math.MaxInt32, true, true, more(math.MaxInt32 * 1 << 31)},
		{probe.FileValue{Missing: true}, 4, false, false, event.Wish{}},
	} {
		value = test.value
		r := run(t, p, &conf.Checker{Kind: conf.FileCheck, File: &conf.FileCheckParams{Name: "f", Weight: test.weight,
			Reverse: test.rev}})
		wantResult(t, r, test.ok, false, "track_file f")
		if r.Wish != test.wish || !r.OK && !r.Withdrawn {
			t.Errorf("%+v, weight %d: %+v", test.value, test.weight, r)
		}
	}
}

// TestAgent: what the lines of agents mean, also those of agents that mean harm.
func TestAgent(t *testing.T) {
	percent := func(n int) event.Wish { return event.Wish{Kind: event.WishPercent, N: n} }
	p := newProber(t)
	for _, test := range []struct {
		said   string
		ok     bool
		sure   bool // Withdrawn
		wish   event.Wish
		reason string
	}{
		{"up\n", true, false, event.Wish{}, "agent: up"},
		{"ready", true, false, event.Wish{}, "agent: ready"},
		{"75%\r\n", true, false, percent(75), "agent: 75%"},
		{"up, 33%\n", true, false, percent(33), "agent: up 33%"},
		{"UP 0%\n", true, false, percent(0), "agent: UP 0%"},
		{"ready up 100% maxconn:30\n", true, false, percent(100), "agent: ready up 100% maxconn:30"},
		{"drain\n", true, false, event.Wish{Kind: event.WishNone}, "agent: drain"},
		{"drain 50%\n", true, false, event.Wish{Kind: event.WishNone}, "agent: drain"},
		{"down\n", false, true, event.Wish{}, "agent: down"},
		{"maint\n", false, true, event.Wish{}, "agent: maint"},
		{"stopped 10%\n", false, true, event.Wish{}, "agent: stopped"},
		{"fail#disk is\tfull\x1b[31m\n", false, true, event.Wish{}, "agent: fail (disk is?full?[31m)"},
		{"up\ndown\n", true, false, event.Wish{}, "agent: up"},
		{"up something-new\n", true, false, event.Wish{}, "agent: up something-new"},
		{"hello\n", false, false, event.Wish{}, "nothing that is known: hello"},
		{"\n", false, false, event.Wish{}, "nothing that is known"},
		{"", false, false, event.Wish{}, "closed the connection without an answer"},
		{"-5%\n", false, false, event.Wish{}, "-5% is not a share"},
		{"99999999999999999999%\n", false, false, event.Wish{}, "is not a share"},
		{"#\n", false, false, event.Wish{}, "nothing that is known"},
		{strings.Repeat("up ", 1<<19), false, false, event.Wish{}, "more than 512 bytes"},
	} {
		to := listen(t, "127.0.0.1:0", func(c net.Conn) { _, _ = io.WriteString(c, test.said) })
		c := tcpCheck(to)
		c.Kind, c.Agent = conf.AgentCheck, &conf.AgentCheckParams{}
		r := run(t, p, c)
		wantResult(t, r, test.ok, false, test.reason)
		if r.Wish != test.wish || r.Withdrawn != test.sure {
			t.Errorf("%.20q: %+v, want the wish %v", test.said, r, test.wish)
		}
		if len(r.Reason) > 300 {
			t.Errorf("%.20q: the reason has %d bytes", test.said, len(r.Reason))
		}
	}
}

// TestAgentThatIsSlow: an agent gets what it is to be sent, and no more time than configured.
func TestAgentThatIsSlow(t *testing.T) {
	p := newProber(t)
	to := listen(t, "127.0.0.1:0", func(c net.Conn) {
		var name string
		_, _ = fmt.Fscanln(c, &name)
		fmt.Fprintln(c, "up 5% #", name)
	})
	c := tcpCheck(to)
	c.Kind, c.Agent = conf.AgentCheck, &conf.AgentCheckParams{Send: "web1"}
	wantResult(t, run(t, p, c), true, false, "up 5% (web1)")

	dribble := listen(t, "127.0.0.1:0", func(c net.Conn) {
		for {
			if _, err := c.Write([]byte{'u'}); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	c = tcpCheck(dribble)
	c.Kind, c.Timeout = conf.AgentCheck, 200*time.Millisecond
	began := time.Now()
	wantResult(t, run(t, p, c), false, false, "no answer in 200ms")
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	c = tcpCheck(closedPort(t))
	c.Kind = conf.AgentCheck
	wantResult(t, run(t, p, c), false, false, "connection refused")
}
