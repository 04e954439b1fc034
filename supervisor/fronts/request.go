package fronts

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/worker/front"
)

// requestPatience bounds what a front asks for. A handover takes some seconds.
const requestPatience = 30 * time.Second

// requests are those of a front that runs. They belong to the goroutine of live.
type requests struct {
	done    chan front.Answer // of those that are under way
	running int
	begun   int            // in this round
	looking int            // of those that run, the questions for a history,
	looked  int            // and those of them that were begun in this round
	answers []front.Answer // that have to be sent
	// histories are the questions that run which are for one.
	histories map[uint32]bool
}

func newRequests() requests {
	return requests{done: make(chan front.Answer, front.MaxRequests), histories: make(map[uint32]bool)}
}

// begin carries out a request beside the loop, or refuses it. False is that the front takes no answers.
func (r *requests) begin(ctx context.Context, s front.Settings, q front.Request,
	do func(context.Context, front.Request) (any, error)) bool {
	refuse, holder := "", ""
	looks := q.Action == front.History
	if q.Way == front.ByWeb {
		if holder = s.Web.Holder(q.Token); holder != "" {
			q.Who = fmt.Sprintf("%s, with the token of %s", q.Who, holder)
		}
	}
	switch {
	case do == nil || !s.Permits(q.Action, q.Way):
		refuse = fmt.Sprintf("the configuration does not permit %s by the %s", q.Action, q.Way)
	case q.Way == front.ByWeb && holder == "" && !looks:
		refuse = "the token is not one of the configuration"
	case !looks && (r.running-r.looking == front.MaxRequests-front.MaxHistories || r.begun == front.MaxRate),
		looks && (r.looking == front.MaxHistories || r.looked == front.MaxHistories):
		refuse = "too much is asked for at once: try again in a second"
	}
	if refuse != "" {
		r.answers = append(r.answers, front.Answer{ID: q.ID, Error: refuse})
		return len(r.answers) <= maxFrames
	}
	if r.running++; looks {
		r.looking, r.looked = r.looking+1, r.looked+1
		r.histories[q.ID] = true
	} else {
		r.begun++
	}
	go func() {
		ctx, cancel := context.WithTimeout(ctx, requestPatience)
		defer cancel()
		a := front.Answer{ID: q.ID}
		result, err := do(ctx, q)
		if err == nil {
			a.Body, err = json.Marshal(result)
		}
		if err != nil {
			a.Body, a.Error = nil, err.Error()
		}
		r.done <- a // there is room: no more than these are under way
	}()
	return true
}

// ended takes in what became of one.
func (r *requests) ended(a front.Answer) {
	if r.running--; r.histories[a.ID] {
		r.looking--
		delete(r.histories, a.ID)
	}
	r.answers = append(r.answers, a)
}

// next is the answer that has to be sent first.
func (r *requests) next() front.Answer {
	a := r.answers[0]
	r.answers = r.answers[1:]
	return a
}

// Controller is what a front can ask the supervisor for: a part of control.Controller.
type Controller interface {
	Override(context.Context, control.OverrideRequest) (control.OverrideReport, error)
	HandOver(context.Context, control.HandoverRequest) (control.HandoverReport, error)
	Resume(context.Context, control.HandoverRequest) (control.HandoverReport, error)
	Reload(context.Context, control.ReloadRequest) (control.ReloadReport, error)
	SendGARP(context.Context, front.About) error
	Checks(context.Context, control.ChecksRequest) (control.ChecksReport, error)
}

// Do carries out what a front asks for, as the control socket would, in the name of who asked the front.
// Whether that is permitted is looked at before.
func Do(ctx context.Context, c Controller, q front.Request) (any, error) {
	who := fmt.Sprintf("%s, by the %s", q.Who, q.Way)
	ctx = control.WithRemote(ctx, who)
	switch q.Action {
	case front.Override:
		return answer(ctx, q.Body, func(ctx context.Context, o control.OverrideRequest) (control.OverrideReport, error) {
			o.By = who // never what the front says
			return c.Override(ctx, o)
		})
	case front.HandOver:
		return answer(ctx, q.Body, c.HandOver)
	case front.Resume:
		return answer(ctx, q.Body, c.Resume)
	case front.Reload:
		return answer(ctx, q.Body, c.Reload)
	case front.History:
		return answer(ctx, q.Body, func(ctx context.Context, a front.AboutServer) (control.ChecksReport, error) {
			return history(ctx, c, a)
		})
	case front.SendGARP:
		return answer(ctx, q.Body, func(ctx context.Context, a front.About) (any, error) { return nil, c.SendGARP(ctx, a) })
	}
	return nil, fmt.Errorf("there is no action %q", q.Action)
}

// mostCheckers is of how many checks of a real server the page is told the results.
const mostCheckers = 8

// history is what is remembered of the checks of one real server.
func history(ctx context.Context, c Controller, a front.AboutServer) (control.ChecksReport, error) {
	r, err := c.Checks(ctx, control.ChecksRequest{Name: a.RealServer})
	r.Checkers = slices.DeleteFunc(r.Checkers, func(h control.CheckHistory) bool {
		return h.VirtualServer != a.VirtualServer || h.RealServer != a.RealServer
	})
	r.Checkers = r.Checkers[:min(len(r.Checkers), mostCheckers)]
	return r, err
}

// answer reads a question, which has no unknown fields, and gives the answer to it.
func answer[Q, A any](ctx context.Context, body []byte, do func(context.Context, Q) (A, error)) (any, error) {
	var question Q
	if len(body) > 0 {
		d := json.NewDecoder(bytes.NewReader(body))
		d.DisallowUnknownFields()
		if err := d.Decode(&question); err != nil {
			return nil, fmt.Errorf("reading the question: %w", err)
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return nil, errors.New("reading the question: there is more behind it")
		}
	}
	return do(ctx, question)
}
