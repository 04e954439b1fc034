package peers

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/pair"
	"github.com/lvs-director/director/words"
	"github.com/lvs-director/director/worker/front"
)

// TakesOver says whether some peer can take over these instances, for people; the error says why none can.
func (p *Peers) TakesOver(instances []string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.halves) == 0 {
		return "whether the other half is ready is not known: no peer is configured", nil
	}
	var ready, reasons []string
	worse := make(map[*known]func(pair.Instance) string)
	whyNot := func(k *known, instance string) string {
		if worse[k] == nil && k.View != nil {
			worse[k] = k.View.Worse(p.own) // once: there may be many instances, and virtual servers
		}
		return p.whyNot(k, worse[k], instance)
	}
	for _, i := range instances { // each may have another peer
		one := slices.IndexFunc(p.halves, func(k *known) bool { return whyNot(k, i) == "" })
		if one >= 0 {
			ready = append(ready, "peer "+p.halves[one].Called()+" is ready")
			continue
		}
		for _, k := range p.halves {
			reasons = append(reasons, "peer "+k.Called()+whyNot(k, i))
		}
	}
	if len(reasons) > 0 {
		return "", fmt.Errorf("%s (--force hands over all the same)", strings.Join(distinct(reasons), "; "))
	}
	return strings.Join(distinct(ready), "; "), nil
}

// distinct are the first few of a list, each once.
func distinct(list []string) []string {
	slices.Sort(list)
	list = slices.Compact(list)
	if more := len(list) - maxReasons; more > 0 {
		list = append(list[:maxReasons], fmt.Sprintf("%d more reasons", more))
	}
	return list
}

// maxReasons bounds a list for people.
const maxReasons = 8

// whyNot says why a peer cannot take over, as what follows "peer NAME"; empty is that it can. worse is its View.Worse.
func (p *Peers) whyNot(k *known, worse func(pair.Instance) string, instance string) string {
	switch {
	case !k.Link.Up && k.Fault() != "":
		return k.Fault() + "; so nobody knows whether it is ready"
	case !k.Link.Up:
		why := ""
		if k.Link.Why != "" {
			why = " (" + pair.Clip(k.Link.Why) + ")"
		}
		return " is not reachable" + why + ", so that nobody knows whether it is ready"
	case k.View == nil:
		return " has not said yet whether it is ready"
	case k.Silent(time.Now()):
		return " has said nothing for " + words.Duration(time.Since(k.Heard).Round(time.Second)) +
			", so that nobody knows whether it is ready"
	}
	for _, i := range p.own.Instances {
		if i.Name != instance {
			continue
		}
		if why := k.View.Unable(i); why != "" {
			return " cannot take over " + i.Name + ": " + why
		}
		if why := worse(i); why != "" {
			return " is not ready: " + why
		}
		return ""
	}
	for _, why := range k.View.Broken { // this half has not looked at itself yet
		return " is not ready: " + why
	}
	return ""
}

// Diff says how the configuration of a peer differs from the one of this half.
func (p *Peers) Diff(ctx context.Context, q control.PeerDiffRequest) (r control.PeerDiffReport, err error) {
	p.mu.Lock()
	k, err := p.named(q.Peer)
	if err == nil && !k.Link.Up && k.Fault() != "" {
		err = fmt.Errorf("peer %s%s", k.Called(), k.Fault())
	} else if err == nil && !k.Link.Up {
		err = fmt.Errorf("peer %s is not reachable: %s", k.Called(), pair.Clip(k.Link.Why))
	}
	if err != nil {
		p.mu.Unlock()
		return r, err
	}
	answer := make(chan pair.SentForm, 1)
	k.forms = append(k.forms, answer) // whoever waits is given the first answer that comes
	defer p.waitsNoLonger(k, answer)
	r.Peer = k.Called()
	p.o.Send(front.PeerMessage{Peer: k.Address, Kind: kindAskForm, Body: json.RawMessage("{}")})
	p.mu.Unlock()
	enough := time.NewTimer(askPatience)
	defer enough.Stop()
	select {
	case form := <-answer:
		p.mu.Lock()
		here := p.form
		p.mu.Unlock()
		most := mostLines
		if q.All {
			most = len(here) + len(form.Lines)
		}
		r.Lines, r.Count = pair.Difference(here, form.Lines, most)
		r.LeftOut = form.LeftOut
		return r, nil
	case <-enough.C:
		return r, fmt.Errorf("peer %s does not answer within %v", r.Peer, askPatience)
	case <-ctx.Done():
		return r, ctx.Err()
	}
}

// waitsNoLonger says that somebody is gone, with an answer or without.
func (p *Peers) waitsNoLonger(k *known, answer chan pair.SentForm) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k.forms = slices.DeleteFunc(k.forms, func(c chan pair.SentForm) bool { return c == answer })
}

// answerAll tells the form of this half to those who have asked for it, until ctx ends. They are told once in a round.
func (p *Peers) answerAll(ctx context.Context) {
	for {
		select {
		case <-p.asked:
		case <-ctx.Done():
			return
		}
		var ask []string
		p.mu.Lock()
		form := p.form
		for _, k := range p.halves {
			if k.asks {
				ask, k.asks = append(ask, k.Address), false
			}
		}
		p.mu.Unlock()
		if text, err := json.Marshal(pair.Sent(form)); err == nil && len(text) <= front.MaxPeerMessage {
			for _, address := range ask {
				p.o.Send(front.PeerMessage{Peer: address, Kind: kindForm, Body: text})
			}
		}
		if !wait(ctx, round) {
			return
		}
	}
}

// mostLines is how many lines are given unless all are asked for.
const mostLines = 100

// named is the peer that somebody means; the lock is held.
func (p *Peers) named(name string) (*known, error) {
	switch {
	case len(p.halves) == 0:
		return nil, fmt.Errorf("no peer is configured")
	case name == "" && len(p.halves) == 1:
		return p.halves[0], nil
	case name == "":
		return nil, fmt.Errorf("there are several peers: name one of them, by its address or host name")
	}
	for _, k := range p.halves {
		if name == k.Address || name == k.Link.Name {
			return k, nil
		}
	}
	return nil, fmt.Errorf("there is no peer %q: director status lists them", name)
}
