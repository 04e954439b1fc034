package notifytest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/notify"
	"github.com/lvs-director/director/notify/fifo"
	"github.com/lvs-director/director/notify/mail"
	"github.com/lvs-director/director/notify/program"
	"github.com/lvs-director/director/supervisor/control"
)

const (
	// mailPatience is how long the mail may take.
	mailPatience = 45 * time.Second
	// readPatience is how long readers of FIFOs have.
	readPatience = 3 * time.Second
	// scriptPatience is how long scripts have that are run.
	scriptPatience = 30 * time.Second
)

// Parts are what is tried.
type Parts struct {
	Mail    *mail.Mailer
	FIFOs   *fifo.FIFOs
	Scripts *notify.Notifier
}

// Try tries everything that the configuration asks for, each beside the others.
func Try(ctx context.Context, p Parts, q control.NotifyTestRequest) (all control.NotifyTest) {
	var kinds [3]control.NotifyTest
	var group sync.WaitGroup
	for i, try := range []func(context.Context, *control.NotifyTest){
		p.mail, p.fifos, func(ctx context.Context, t *control.NotifyTest) { p.scripts(ctx, t, q.RunScripts) },
	} {
		group.Go(func() { try(ctx, &kinds[i]) })
	}
	group.Wait()
	all.Results = []control.NotifyTestResult{}
	for _, k := range kinds {
		all.Results = append(all.Results, k.Results...)
	}
	return all
}

func (p Parts) mail(ctx context.Context, t *control.NotifyTest) {
	ctx, cancel := context.WithTimeout(ctx, mailPatience)
	defer cancel()
	began := time.Now()
	to, words, on, err := p.Mail.Test(ctx)
	if on {
		t.Add(control.NotifyTestResult{Kind: "mail", Target: to, Done: "sent", Words: words, Took: time.Since(began)}, err)
	}
}

// fifos tells each FIFO the present state of an object once more.
func (p Parts) fifos(ctx context.Context, t *control.NotifyTest) {
	ctx, cancel := context.WithTimeout(ctx, readPatience)
	defer cancel()
	told := p.Scripts.TellAgain()
	for _, r := range p.FIFOs.AwaitReading(ctx) {
		result := control.NotifyTestResult{Kind: "fifo", Target: r.Keyword + " " + r.Path, Done: "read", Took: r.Took}
		for _, line := range fifo.Lines(r.Keyword, told) {
			result.Words = append(result.Words, strings.TrimSpace(line))
		}
		if len(result.Words) == 0 {
			result.Done, result.Took = "open", 0
			result.Words = []string{"nothing was written: no state is known of an object that it is told of"}
		}
		if r.PID != 0 {
			result.Words = append(result.Words, fmt.Sprintf("its script is %s (pid %d)", commandLine(r.Script), r.PID))
		}
		t.Add(result, r.Err)
	}
}

// scripts says what scripts would be called with, and calls those that tell what is so already if
// they are to be run.
func (p Parts) scripts(ctx context.Context, t *control.NotifyTest, run bool) {
	list := p.Scripts.Calls()
	problems := make([]error, len(list))
	for i, c := range list {
		if problems[i] = program.Check(c.Command); problems[i] != nil {
			list[i].Present = false // it is not run
		}
	}
	wanted := make([]bool, len(list))
	ctx, cancel := context.WithTimeout(ctx, scriptPatience)
	defer cancel()
	if run {
		for i, c := range list {
			wanted[i] = c.Present
		}
		list = p.Scripts.Repeat(ctx, list)
	}
	for i, c := range list {
		result := control.NotifyTestResult{
			Kind: "script", Target: c.Script + " of " + c.Object, Done: "can be run", Words: []string{called(c.Command)},
		}
		if c.Script == "startup_script" || c.Script == "shutdown_script" {
			result.Target = c.Script
		}
		if c.Others > 0 {
			result.Words = append(result.Words, fmt.Sprintf("%d more have the same program", c.Others))
		}
		switch {
		case problems[i] != nil:
		case c.Ran:
			result.Done, result.Took = "ran, "+c.Exit.String(), max(1, c.Exit.Ended.Sub(c.Exit.Started))
			if !c.Exit.OK() {
				problems[i] = errors.New(c.Exit.String())
				if out := strings.TrimSpace(c.Exit.Output); out != "" {
					result.Words = append(result.Words, "it printed: "+out[strings.LastIndexByte(out, '\n')+1:])
				}
			}
		case wanted[i] && c.Present && ctx.Err() == nil:
			problems[i] = errors.New("it was not run: an upgrade or a stop is under way")
		case wanted[i] && c.Present:
			problems[i] = fmt.Errorf("it has not ended within %v", scriptPatience)
		case run && c.State == "":
			result.Words = append(result.Words, "not run: it is for the start or the stop of director")
		case run:
			result.Words = append(result.Words, "not run: it would tell "+c.State+", which is not so")
		}
		t.Add(result, problems[i])
	}
}

// called is the command line and its user.
func called(c program.Command) string {
	text := commandLine(conf.MaskArguments(c.Argv))
	if uid, _, ok := program.Owner(c); ok && c.User == "" {
		text += fmt.Sprintf(", as user %d", uid)
	} else if c.User != "" {
		text += ", as user " + c.User
	}
	return text
}

// commandLine is a command as a shell would take it.
func commandLine(argv []string) string {
	words := make([]string, len(argv))
	for i, w := range argv {
		if words[i] = w; w == "" || strings.ContainsAny(w, " \t\n\"'\\$`") {
			words[i] = strconv.Quote(w)
		}
	}
	return strings.Join(words, " ")
}
