package peers

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/overrides"
	"github.com/lvs-director/director/supervisor/pair"
	"github.com/lvs-director/director/worker/front"
)

// The kinds of messages between supervisors. One that is not known is passed over.
const (
	kindView    = "view"     // pair.View
	kindAskForm = "ask form" // nothing: the form is wanted
	kindForm    = "form"     // pair.SentForm
	kindRecords = "records"  // overrides.Message
	kindAskWhy  = "ask why"  // whyQuestion
	kindWhy     = "why"      // whyAnswer
)

// Options are what Peers works with.
type Options struct {
	Log *slog.Logger
	// Send has a front send a message. It does not wait.
	Send func(front.PeerMessage)
	// Own is how this half is.
	Own func(context.Context) (Own, error)
	// Problem is told when something of the pair becomes a problem, and when it no longer is one.
	Problem func(f pair.Finding, begins bool)
	// Records is told what a peer, as Halves calls it, says of overrides; nil is nobody. It must not wait.
	Records func(peer string, records json.RawMessage)
	// Why is what this half knows of why an object is as it is; nil is nothing. It may wait.
	Why func(ctx context.Context, object string) ([]control.WhyStep, error)
}

// Own is how this half is. It is asked for in each round, so that what is large in it is made only when it is wanted.
type Own struct {
	Status control.Status // without its virtual servers
	Config *conf.Config
	// Verdicts is another number when Servers, the virtual servers of the status, may be others.
	Verdicts uint64
	Servers  func() []control.VirtualServer
}

// round is how often this half looks at itself. What takes longer is done less often (rest), but after longest at the
// latest: with tens of thousands of real servers, and on a host that is busy, what is shown of the pair is that old.
const (
	round   = time.Second
	rest    = 20
	longest = 5 * time.Second
)

// greeting is how often a peer is told the view of this half when it has not changed: it hears so that this
// half lives, and a view that was lost is made up for. One that was not made for pair.Silence is not told.
const greeting = pair.Silence / 3

// askPatience is how long a peer has for an answer.
const askPatience = 5 * time.Second

// known is what is known of a peer.
type known struct {
	pair.Half
	greeted time.Time            // when it was told the view of this half last for no other reason
	forms   []chan pair.SentForm // those who wait for its form
	asks    bool                 // it has asked for the form of this half
	why     whyTalk
}

// Peers is what is known of all of them. Its methods may be called from any goroutine.
type Peers struct {
	o    Options
	host string

	// These belong to Run.
	untold  bool // the view cannot be told, which was logged
	watch   pair.Watch
	servers servers
	head    []byte // the view that was made last, without its virtual servers

	mu       sync.Mutex
	halves   []*known // in the order of the configuration
	findings []pair.Finding
	own      pair.View
	told     []byte    // the view that they were told last
	looked   time.Time // when it was made
	form     []string
	formOf   *conf.Config
	digest   string
	changed  chan struct{}
	heard    chan struct{} // a peer has told its view
	asked    chan struct{} // a peer has asked for the form
}

// servers are the virtual servers of the view that was made last.
type servers struct {
	pair.Servers
	of    *conf.Config // nil is that none were made
	as    uint64       // Own.Verdicts
	until time.Time    // others are not made before, unless the configuration is another one
}

// New returns Peers without a peer.
func New(o Options) *Peers {
	return &Peers{o: o, host: Host(), changed: make(chan struct{}, 1), heard: make(chan struct{}, 1),
		asked: make(chan struct{}, 1)}
}

// Apply says which peers there are from now on.
func (p *Peers) Apply(cfg *conf.Config) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	var list []*known
	for _, c := range cfg.Peers {
		at := c.Address.String()
		if k := p.of(at); k != nil {
			list = append(list, k)
			continue
		}
		list = append(list, &known{Half: pair.Half{Address: at, Since: now}})
	}
	p.halves = list
	stir(p.changed)
}

func stir(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is awake
	}
}

// of is a peer; nil is that it is none. The lock is held.
func (p *Peers) of(address string) *known {
	for _, k := range p.halves {
		if k.Address == address {
			return k
		}
	}
	return nil
}

// Lost says that no front runs: no peer is connected.
func (p *Peers) Lost() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.halves {
		p.linked(k, front.PeerLink{Name: k.Link.Name, Why: "the front does not run"})
	}
}

func (p *Peers) linked(k *known, l front.PeerLink) {
	if k.Link.Up != l.Up {
		k.Since = time.Now()
	}
	k.Link = l
}

// Heard takes in what the front has of a peer.
func (p *Peers) Heard(n front.PeerNews) {
	if len(n.Body) > front.MaxPeerMessage {
		return
	}
	var view pair.View
	var form pair.SentForm
	var err error
	switch {
	case n.Link != nil:
	case n.Kind == kindView:
		view, err = pair.Read(n.Body)
	case n.Kind == kindForm:
		err = json.Unmarshal(n.Body, &form)
	}
	if err != nil {
		return // a peer that says nonsense has said nothing
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.of(n.Peer)
	switch {
	case k == nil: // no longer a peer
	case n.Link != nil:
		now := time.Now()
		another := !k.Link.Up || k.Link.Session != n.Link.Session
		p.linked(k, *n.Link)
		if n.Link.Up && (another || now.Sub(k.greeted) >= greeting) {
			k.greeted = now
			p.greet(k.Address, now)
		}
	case n.Kind == kindView:
		k.View, k.Heard = &view, time.Now()
		stir(p.heard)
	case n.Kind == kindAskForm && p.formOf != nil:
		k.asks = true
		stir(p.asked) // the form may be large, and the supervisor's loop needs the lock
	case n.Kind == kindForm && len(k.forms) > 0:
		form = form.Clean()
		for _, waits := range k.forms {
			waits <- form // it has room
		}
		k.forms = nil
	case n.Kind == kindAskWhy && p.o.Why != nil:
		p.tellWhy(k, n.Body)
	case n.Kind == kindWhy:
		k.why.heard(n.Body)
	case n.Kind == kindRecords && p.o.Records != nil:
		p.o.Records(p.sharer(k), n.Body)
	}
}

// greet tells a peer that is connected what it may have missed.
func (p *Peers) greet(address string, now time.Time) {
	if p.told != nil && now.Sub(p.looked) < pair.Silence {
		p.o.Send(front.PeerMessage{Peer: address, Kind: kindView, Body: p.told})
	}
}

func (p *Peers) send(address, kind string, body any) {
	text, err := json.Marshal(body)
	if err == nil && len(text) <= front.MaxPeerMessage {
		p.o.Send(front.PeerMessage{Peer: address, Kind: kind, Body: text})
	}
}

// Halves are the peers, as those who share overrides with them need to know them.
func (p *Peers) Halves() (list []overrides.Peer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.halves {
		list = append(list, overrides.Peer{Name: p.sharer(k), Reachable: k.Link.Up})
	}
	return list
}

// sharer is what a peer is called among those who share overrides: by the name of its host, unless it
// has none or that of another. The lock is held.
func (p *Peers) sharer(k *known) string {
	name := pair.Clip(k.Link.Name)
	if name == "" || slices.ContainsFunc(p.halves, func(o *known) bool { return o != k && o.Link.Name == k.Link.Name }) {
		return k.Called()
	}
	return name
}

// TellRecords tells a peer, as Halves calls it, something of overrides.
func (p *Peers) TellRecords(peer string, m overrides.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.halves {
		if p.sharer(k) == peer {
			p.send(k.Address, kindRecords, m)
		}
	}
}

// Run looks at the pair until ctx ends.
func (p *Peers) Run(ctx context.Context) {
	var beside sync.WaitGroup
	defer beside.Wait()
	beside.Go(func() { p.answerAll(ctx) })
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-next.C:
		case <-p.changed:
		case <-p.heard: // it costs no view of this half, however often a peer says something
			p.judgeAgain()
			if !wait(ctx, round/10) {
				return
			}
			continue
		case <-ctx.Done():
			return
		}
		began := time.Now()
		p.look(ctx)
		took := time.Since(began)
		pause := min(max(round, rest*took), longest)
		if !next.Reset(pause) {
			select {
			case <-next.C:
			default:
			}
		}
		if rested := min(max(took, round/10), longest); !wait(ctx, rested) { // changes in a row are looked at once
			return
		}
	}
}

func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// look makes the view of this half, tells it when it is another one, and judges the pair.
func (p *Peers) look(ctx context.Context) {
	p.mu.Lock()
	none := len(p.halves) == 0
	p.mu.Unlock()
	if none {
		p.judge(nil)
		return
	}
	o, err := p.o.Own(ctx)
	if err != nil {
		return // it stops, or will answer the next time
	}
	cfg := o.Config
	p.mu.Lock()
	fresh := p.formOf != cfg
	p.mu.Unlock()
	var form []string
	if fresh {
		form = pair.Form(cfg)
	}
	p.mu.Lock()
	if fresh {
		p.form, p.formOf, p.digest = form, cfg, pair.Digest(form)
	}
	digest := p.digest
	p.mu.Unlock()
	began := time.Now()
	others := p.servers.of != cfg || p.servers.as != o.Verdicts && !began.Before(p.servers.until)
	if others {
		p.servers = servers{Servers: pair.ServersOf(o.Servers(), cfg), of: cfg, as: o.Verdicts}
		defer func() { p.servers.until = began.Add(min(rest*time.Since(began), longest)) }()
	}
	v := pair.Make(o.Status, p.servers.Servers, digest)
	text, failed := p.encode(v, others)
	if failed {
		return
	}
	p.mu.Lock()
	p.own, p.looked = v, time.Now()
	if text != nil && !bytes.Equal(text, p.told) {
		p.told = text
		for _, k := range p.halves {
			p.o.Send(front.PeerMessage{Peer: k.Address, Kind: kindView, Body: text})
		}
	}
	p.mu.Unlock()
	p.judge(&v)
}

// encode is the text of a view; nil is that it is the one that was told last. others says that its virtual servers may
// be others.
func (p *Peers) encode(v pair.View, others bool) (text []byte, failed bool) {
	head := v
	head.VirtualServers = nil
	start, err := json.Marshal(head)
	if err == nil && !others && !p.untold && bytes.Equal(start, p.head) {
		return nil, false
	}
	if err == nil {
		p.head = start
		text, err = json.Marshal(v)
	}
	failed = err != nil || len(text) > front.MaxPeerMessage
	if failed && !p.untold {
		p.o.Log.Error("failed to tell the peers of this half", "bytes", len(text), "error", err)
	}
	p.untold = failed
	return text, failed
}

// judgeAgain judges the pair by the view of this half that there is.
func (p *Peers) judgeAgain() {
	p.mu.Lock()
	own, ready := p.own, p.told != nil && len(p.halves) > 0
	p.mu.Unlock()
	if ready {
		p.judge(&own)
	}
}

// judge says what is wrong with the pair; nil is that there is none.
func (p *Peers) judge(own *pair.View) {
	p.mu.Lock()
	before := p.findings
	halves := make([]pair.Half, 0, len(p.halves))
	for _, k := range p.halves {
		halves = append(halves, k.Half)
	}
	p.mu.Unlock()
	var after []pair.Finding
	if own == nil {
		p.watch = pair.Watch{}
	} else { // of many real servers that takes time, and others do not wait for it
		after = p.watch.Look(time.Now(), p.host, *own, halves)
	}
	p.mu.Lock()
	p.findings = after
	p.mu.Unlock()
	if p.o.Problem == nil {
		return
	}
	for _, f := range after {
		if !has(before, f) {
			p.o.Problem(f, true)
		}
	}
	for _, f := range before {
		if !has(after, f) {
			p.o.Problem(f, false)
		}
	}
}

func has(list []pair.Finding, f pair.Finding) bool {
	return slices.ContainsFunc(list, func(g pair.Finding) bool { return g.Key == f.Key })
}

// Report is what status shows of the peers, and what is wrong with the pair.
func (p *Peers) Report() (list []control.Peer, findings []pair.Finding) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.halves {
		one := control.Peer{
			Address: k.Address, Host: pair.Clip(k.Link.Name), Up: k.Link.Up, Since: k.Since, Error: pair.Clip(k.Link.Why),
			Heard: k.Heard, ClockOffset: k.Link.Offset,
		}
		if v := k.View; v != nil {
			one.Version, one.NotReady = v.Version, slices.Clone(v.NotReady)
			one.Ready = k.Link.Up && len(v.NotReady) == 0 && !k.Silent(time.Now())
			one.ConfigEqual = v.Digest == p.digest
			for _, i := range v.Instances {
				one.Instances = append(one.Instances, control.PeerInstance{
					Name: i.Name, VRID: i.VRID, State: i.State, Priority: i.Priority, Reason: i.Reason, Unable: i.Unable,
				})
			}
		}
		list = append(list, one)
	}
	return list, slices.Clone(p.findings)
}
