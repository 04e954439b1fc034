package front

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/lvs-director/director/worker/front"
	"github.com/lvs-director/director/workers/front/bus"
	"github.com/lvs-director/director/workers/front/metrics"
	"github.com/lvs-director/director/workers/front/peer"
	"github.com/lvs-director/director/workers/front/web"
)

// sendPatience bounds the sending of a frame to the supervisor.
const sendPatience = 10 * time.Second

// process is a front that runs.
type process struct {
	conn   *front.Conn
	source *source
	maker  *metrics.Maker // of the goroutine that receives
	peers  *peer.Peers    // of the same; nil when none was asked for yet
	bus    *bus.Bus

	asked   asked
	sending sync.Mutex // one frame after the other

	mu       sync.Mutex
	settings front.Settings
	problems map[string]string // of each listener
	refused  []front.Refused   // who has shown wrong tokens since the last report
}

func newProcess(conn *front.Conn) *process {
	p := &process{conn: conn, maker: metrics.New(), problems: make(map[string]string)}
	p.bus = bus.New(bus.Options{Do: p.forBus, Problem: func(why string) { p.problem("bus", why) }})
	p.source = newSource(func() error { return p.send(front.Ask, nil) })
	return p
}

// run serves until the supervisor is gone.
func (p *process) run() error {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM) // of the service manager to all processes: the supervisor ends this one
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go p.live(ctx)
	served := &listening{p: p}
	defer served.to(ctx, front.Settings{})
	defer func() { _ = p.meet(front.Peers{}) }()
	onBus := make(chan struct{})
	go func() {
		defer close(onBus)
		p.bus.Run(ctx)
	}()
	defer func() { stop(); <-onBus }()
	for {
		kind, body, err := p.conn.Receive(front.MaxToFront)
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("listening to the supervisor: %w", err)
		}
		switch kind {
		case front.Apply:
			var s front.Settings
			if err := json.Unmarshal(body, &s); err != nil {
				return fmt.Errorf("reading the settings: %w", err)
			}
			p.mu.Lock()
			p.settings = s
			p.mu.Unlock()
			served.to(ctx, s)
			if err := p.meet(s.Peers); err != nil {
				return err
			}
			p.bus.Apply(s.DBus)
		case front.PeerFrame:
			var m front.PeerMessage
			if err := json.Unmarshal(body, &m); err != nil {
				return fmt.Errorf("reading a message to a peer: %w", err)
			}
			if p.peers != nil {
				p.peers.Tell(m)
			}
		case front.Change:
			var c front.Changes
			if err := json.Unmarshal(body, &c); err != nil {
				return fmt.Errorf("reading changes: %w", err)
			}
			if p.bus.Changed(c); c.Stopped {
				<-onBus // or until the supervisor ends this process
				return nil
			}
		case front.Snapshot:
			p.source.answer(p.page(body))
		case front.Failed:
			p.source.answer(nil, errors.New(string(body)))
		case front.Done:
			if err := p.asked.answered(body); err != nil {
				return err
			}
		}
	}
}

// meet talks to these peers from now on.
func (p *process) meet(s front.Peers) (err error) {
	if p.peers == nil && len(s.List) > 0 {
		p.peers, err = peer.New(peer.Options{
			Problem: p.problem,
			News: func(n front.PeerNews) error {
				text, err := json.Marshal(n)
				if err != nil {
					return fmt.Errorf("telling of a peer: %w", err)
				}
				return p.send(front.PeerFrame, text)
			},
		})
	}
	if p.peers != nil {
		p.peers.Apply(s)
	}
	return err
}

// live says that this process lives, and what it cannot do.
func (p *process) live(ctx context.Context) {
	alive := time.NewTicker(front.AliveInterval)
	defer alive.Stop()
	for {
		var r front.Report
		p.mu.Lock()
		for _, why := range p.problems {
			r.Problems = append(r.Problems, why)
		}
		r.Refused, p.refused = p.refused, nil
		p.mu.Unlock()
		text, err := json.Marshal(r.Clean())
		if err == nil {
			err = p.send(front.Alive, text)
		}
		if err != nil {
			return // the supervisor is gone, or has let go of this process
		}
		select {
		case <-alive.C:
		case <-ctx.Done():
			return
		}
	}
}

func (p *process) send(kind front.Kind, body []byte) error {
	p.sending.Lock()
	defer p.sending.Unlock()
	return p.conn.Send(kind, body, sendPatience)
}

// problem says why a listener is not there; empty is that it is.
func (p *process) problem(listener, why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if why == "" {
		delete(p.problems, listener)
	} else {
		p.problems[listener] = why
	}
}

// wrongToken notes somebody who has shown wrong tokens for the next report. They are few: the page listens to
// no more of them in a minute.
func (p *process) wrongToken(r front.Refused) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n := range p.refused {
		if one := &p.refused[n]; one.From == r.From {
			one.Times, one.Until = one.Times+r.Times, r.Until
			return
		}
	}
	p.refused = append(p.refused, r)
}

// page makes of a status what is served.
func (p *process) page(status []byte) (*page, error) {
	p.mu.Lock()
	settings := p.settings
	p.mu.Unlock()
	made := &page{at: time.Now()}
	if settings.Web.Wanted() {
		s, err := web.Parse(status, made.at)
		if err != nil {
			return nil, err
		}
		made.web = s
	}
	o := settings.Metrics
	if o.Listen == "" {
		return made, nil
	}
	s, err := metrics.Parse(status)
	if err != nil {
		return nil, err
	}
	made.text, err = p.maker.Text(s, networks(), metrics.Options{
		RealServers: o.RealServers, Network: o.Network, Keepalived: o.Keepalived,
	})
	if made.text == nil {
		return nil, err
	}
	why := ""
	if err != nil {
		why = err.Error()
	}
	p.problem("series", why)
	return made, nil
}
