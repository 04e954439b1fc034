package peers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/pair"
)

// A chain of events may end at something that another half has done: it resigned, it asked for a drain. What made it
// do so is known there, so it is asked. It is asked for an object by name, answers with sentences, and asks nobody in
// turn.

const (
	// whyPatience is how long a peer has for an answer, and answerPatience how long this half looks for one.
	whyPatience    = 2 * time.Second
	answerPatience = 2 * time.Second
	// whyPause is the least time between two questions of one peer that are answered. To look through a full event
	// store takes a second: what the answers cost is a tenth of the time at most, and a peer that asks all the time is
	// refused when they have cost whyAtOnce more than that.
	whyPause  = 100 * time.Millisecond
	whyShare  = 10
	whyAtOnce = 5 * time.Second
	// maxQuestion and maxAnswer bound what is read, in bytes.
	maxQuestion = 16 << 10
	maxAnswer   = 1 << 20
	// mostEnds is how many ends of a chain are asked about.
	mostEnds = 3
	// The bounds of an answer: in steps, and bytes of a sentence.
	mostSteps   = 60
	maxSentence = 1500
	deepestStep = 64
)

// whyQuestion asks why an object is as it is.
type whyQuestion struct {
	ID     uint64 `json:"id"`
	Object string `json:"object"`
}

// whyAnswer answers it.
type whyAnswer struct {
	ID    uint64      `json:"id"`
	Steps []whySpoken `json:"steps"`
	Error string      `json:"error,omitempty"`
}

// whySpoken is a control.WhyStep without its event.
type whySpoken struct {
	Depth int    `json:"depth"`
	Text  string `json:"text"`
}

// whyTalk is what is asked of a peer, and what it asks. The lock is held.
type whyTalk struct {
	last    uint64
	waiting map[uint64]chan whyAnswer
	answers bool          // a question of the peer is being answered,
	begun   time.Time     // since then
	owes    time.Duration // what answers have cost that is not made up for
}

// due says what a question of the peer that comes now gets: nothing, an answer, or a refusal.
func (t *whyTalk) due(now time.Time) (taken, refused bool) {
	if t.answers || now.Sub(t.begun) < whyPause {
		return false, false
	}
	t.owes = max(t.owes-now.Sub(t.begun)/whyShare, 0)
	t.begun = now
	return true, t.owes > whyAtOnce
}

func (t *whyTalk) heard(body []byte) {
	var a whyAnswer
	if len(t.waiting) == 0 || len(body) > maxAnswer || json.Unmarshal(body, &a) != nil {
		return
	}
	if c := t.waiting[a.ID]; c != nil {
		delete(t.waiting, a.ID)
		c <- a // it has room
	}
}

// tellWhy answers a question of a peer beside the others, one at a time. The lock is held.
func (p *Peers) tellWhy(k *known, body []byte) {
	var q whyQuestion
	if len(body) > maxQuestion || json.Unmarshal(body, &q) != nil || q.Object == "" || len(q.Object) > maxSentence {
		return
	}
	switch taken, refused := k.why.due(time.Now()); {
	case !taken:
		return
	case refused:
		p.send(k.Address, kindWhy, whyAnswer{ID: q.ID, Error: "it was asked too much: ask again in a minute"})
		return
	}
	k.why.answers = true
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), answerPatience)
		defer cancel()
		began := time.Now()
		steps, err := p.o.Why(ctx, q.Object)
		cost := time.Since(began)
		a := whyAnswer{ID: q.ID}
		if err != nil {
			a.Error = "it cannot read its events" // not the paths of this host
		}
		for _, s := range steps[:min(len(steps), mostSteps)] {
			a.Steps = append(a.Steps, whySpoken{s.Depth, strings.ToValidUTF8(s.Text[:min(len(s.Text), maxSentence)], "")})
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		k.why.answers, k.why.owes = false, k.why.owes+cost
		p.send(k.Address, kindWhy, a)
	}()
}

// Complete puts what other halves know behind the ends of a chain of events that are their doing.
func (p *Peers) Complete(ctx context.Context, steps []control.WhyStep) []control.WhyStep {
	var list []control.WhyStep
	asked := 0
	for n, s := range steps {
		list = append(list, s)
		ends := n+1 == len(steps) || steps[n+1].Depth <= s.Depth
		if !ends || asked == mostEnds || s.Event == nil || s.Event.Peer == "" || slices.ContainsFunc(steps[:n],
			func(o control.WhyStep) bool { return o.Event != nil && o.Event.Number == s.Event.Number }) {
			continue
		}
		if more := p.elsewhere(ctx, s); len(more) > 0 {
			asked++
			list = append(list, more...)
		}
	}
	return list
}

// elsewhere is what the half knows whose doing an event was.
func (p *Peers) elsewhere(ctx context.Context, of control.WhyStep) []control.WhyStep {
	p.mu.Lock()
	k, object := p.whoDid(*of.Event)
	if k == nil {
		p.mu.Unlock()
		return nil
	}
	name, up := k.Called(), k.Link.Up
	p.mu.Unlock()
	steps, err := []whySpoken(nil), errors.New("it is not reachable")
	if up {
		steps, err = p.askWhy(ctx, k, object)
	}
	if err != nil {
		return []control.WhyStep{{Depth: of.Depth + 1, Text: fmt.Sprintf("because of what peer %s did, which knows why "+
			"(%v): run there: director why %s", name, err, short(object))}}
	}
	list := []control.WhyStep{{Depth: of.Depth + 1, Text: fmt.Sprintf("peer %s says of its %s:", name, pair.Clip(object))}}
	for _, s := range steps {
		list = append(list, control.WhyStep{Depth: of.Depth + 2 + s.Depth, Text: s.Text})
	}
	return list
}

// whoDid is the half whose doing an event was, and what its object is called there; nil is that none is known. An
// advertisement comes from another address than a peer may have, so it is that of the one that has the instance.
func (p *Peers) whoDid(r event.Record) (*known, string) {
	name, isInstance := strings.CutPrefix(r.Object, "instance ")
	var has []*known
	there := r.Object
	for _, k := range p.halves {
		if p.sharer(k) == r.Peer || k.Address == r.Peer && !isInstance {
			return k, r.Object
		}
		if at := p.instanceOn(k, name); isInstance && at != "" {
			if has, there = append(has, k), "instance "+at; k.Address == r.Peer {
				return k, there
			}
		}
	}
	if len(has) == 1 {
		return has[0], there
	}
	return nil, ""
}

// instanceOn is what an instance of this half is called on another one; empty is that it has none.
func (p *Peers) instanceOn(k *known, name string) string {
	if k.View == nil {
		return ""
	}
	for _, i := range p.own.Instances {
		if i.Name == name {
			return k.View.Same(i)
		}
	}
	return ""
}

// askWhy asks a peer.
func (p *Peers) askWhy(ctx context.Context, k *known, object string) ([]whySpoken, error) {
	answer := make(chan whyAnswer, 1)
	p.mu.Lock()
	t := &k.why
	t.last++
	id := t.last
	if t.waiting == nil {
		t.waiting = make(map[uint64]chan whyAnswer)
	}
	t.waiting[id] = answer
	p.send(k.Address, kindAskWhy, whyQuestion{id, object})
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(t.waiting, id)
	}()
	enough := time.NewTimer(whyPatience)
	defer enough.Stop()
	select {
	case a := <-answer:
		switch {
		case a.Error != "":
			return nil, errors.New(pair.Clip(a.Error))
		case len(a.Steps) == 0:
			return nil, errors.New("it says that it keeps no event of that")
		}
		list := a.Steps[:min(len(a.Steps), mostSteps)]
		for n := range list {
			s := &list[n]
			s.Depth, s.Text = min(max(s.Depth, 0), deepestStep), pair.Printable(s.Text[:min(len(s.Text), maxSentence)])
		}
		return list, nil
	case <-enough.C:
		return nil, errors.New("it does not answer")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// short is an object as somebody types it.
func short(object string) string {
	for _, kind := range []string{"instance ", "group ", "virtual server ", "real server "} {
		if name, ok := strings.CutPrefix(object, kind); ok {
			name, _, _ = strings.Cut(name, " of virtual server ")
			return name
		}
	}
	return object
}
