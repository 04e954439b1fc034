package peers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/pair"
	"github.com/lvs-director/director/supervisor/peers"
	"github.com/lvs-director/director/worker/front"
)

const second, third = "192.0.2.12", "192.0.2.13"

// half is the part of a supervisor that Peers sees: MASTER of VI_1 and VI_2.
type half struct {
	*peers.Peers
	mu       sync.Mutex
	looks    int
	sent     []front.PeerMessage
	takes    time.Duration // of a look
	verdicts uint64
	made     int           // how often its servers were
	whys     int           // how often its events were looked through,
	whyTakes time.Duration // which takes so long
}

// servers are made while it looks.
func (h *half) servers() []control.VirtualServer {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.made++
	return []control.VirtualServer{{Name: "web", RealServers: []control.RealServer{
		{Name: "a", Verdict: []string{event.Alive.String(), event.Dead.String()}[h.verdicts%2]},
	}}}
}

// change has a verdict change.
func (h *half) change() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.verdicts++
}

// has is how often something was.
func (h *half) has(count *int) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return *count
}

// run starts a half with these peers; the test runs in a bubble.
func run(t *testing.T, addresses ...string) *half {
	t.Helper()
	var text strings.Builder
	for _, a := range addresses {
		fmt.Fprintf(&text, "peer %s {\n key hex:%s\n}\n", a, strings.Repeat("5a", 32))
	}
	cfg, findings := load.LoadText("a.conf", text.String(), load.Options{})
	if len(cfg.Peers) != len(addresses) {
		t.Fatal(findings)
	}
	var s control.Status
	for n := range 2 {
		s.Instances = append(s.Instances, control.Instance{Name: fmt.Sprintf("VI_%d", n+1), VRID: uint8(n + 1),
			State: event.Master})
	}
	h := &half{}
	h.Peers = peers.New(peers.Options{
		Log: slog.New(slog.DiscardHandler),
		Send: func(m front.PeerMessage) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.sent = append(h.sent, m)
		},
		Why: func(context.Context, string) ([]control.WhyStep, error) {
			h.whys++
			time.Sleep(h.whyTakes)
			return []control.WhyStep{{Text: "instance VI_1 is as it is"}, {Depth: 1, Text: "because alice said so"}}, nil
		},
		Own: func(context.Context) (peers.Own, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			time.Sleep(h.takes)
			h.looks++
			return peers.Own{Status: s, Config: cfg, Verdicts: h.verdicts, Servers: h.servers}, nil
		},
	})
	h.Apply(cfg)
	ctx, stop := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { h.Run(ctx) })
	t.Cleanup(func() { stop(); done.Wait() })
	time.Sleep(3 * time.Second)
	return h
}

func (h *half) linked(address string, session uint64) {
	h.Heard(front.PeerNews{Peer: address, Link: &front.PeerLink{Up: true, Name: "lb" + address[9:], Session: session}})
}

// says has a peer tell that it is BACKUP of instances.
func (h *half) says(t *testing.T, address string, instances ...int) {
	t.Helper()
	var v pair.View
	for _, n := range instances {
		v.Instances = append(v.Instances, pair.Instance{Name: fmt.Sprintf("VI_%d", n), VRID: uint8(n), State: event.Backup})
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	h.Heard(front.PeerNews{Peer: address, Kind: "view", Body: text})
}

func (h *half) views() (n int) { return h.count("view") }

// count is how many messages of a kind were sent.
func (h *half) count(kind string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.sent {
		if m.Kind == kind {
			n++
		}
	}
	return n
}

// TestAHandoverToSeveralPeers: of three directors each of two takes over another instance.
func TestAHandoverToSeveralPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, second, third)
		both := []string{"VI_1", "VI_2"}
		h.linked(second, 1)
		h.says(t, second, 1)
		if why, err := h.TakesOver(both); err == nil || !strings.Contains(err.Error(), "VI_2: it has no such instance") ||
			strings.Contains(err.Error(), "VI_1") {
			t.Errorf("while nobody has VI_2: %q %v", why, err)
		}
		h.linked(third, 1)
		h.says(t, third, 2)
		why, err := h.TakesOver(both)
		if want := "peer lb2 (192.0.2.12) is ready; peer lb3 (192.0.2.13) is ready"; why != want || err != nil {
			t.Errorf("%q %v, want %q", why, err, want)
		}
	})
}

// TestAPeerThatIsNoneSaysWhy: a handover and a comparison name the cause when waiting is no cure.
func TestAPeerThatIsNoneSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, second)
		h.Heard(front.PeerNews{Peer: second, Link: &front.PeerLink{Fault: front.FaultKey, Why: "the key is another one"}})
		_, err := h.TakesOver([]string{"VI_1"})
		const want = "peer 192.0.2.12 uses another key: the file of its key must be the same on both"
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "not reachable") {
			t.Errorf("a handover says %v", err)
		}
		_, err = h.Diff(t.Context(), control.PeerDiffRequest{})
		if err == nil || err.Error() != want {
			t.Errorf("a comparison says %v", err)
		}
	})
}

// TestAViewIsToldWhenItIsNeeded: for a new connection at once, and else as a sign of life only, however
// often the front tells of the clock.
func TestAViewIsToldWhenItIsNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, second)
		before := h.views()
		h.linked(second, 1)
		if n := h.views() - before; n != 1 {
			t.Errorf("a peer that comes is told %d views", n)
		}
		h.linked(second, 2)
		if n := h.views() - before; n != 2 {
			t.Errorf("on another connection it has been told %d views, want 2", n)
		}
		for range 24 {
			time.Sleep(front.LinkInterval)
			h.linked(second, 2)
		}
		if n := h.views() - before; n < 5 || n > 9 {
			t.Errorf("in two minutes of nothing new it has been told %d views", n)
		}
	})
}

// TestAPeerThatSaysMuch costs this half no look at itself.
func TestAPeerThatSaysMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, second)
		h.linked(second, 1)
		before := h.looks
		for n := range 200 {
			h.says(t, second, 1+n%2)
			time.Sleep(50 * time.Millisecond)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if n := h.looks - before; n < 5 || n > 12 {
			t.Errorf("%d looks in 10 s, want one a second", n)
		}
	})
}

// TestAPeerWhoseSupervisorHangs: its front answers, and nobody believes for long that it is ready.
func TestAPeerWhoseSupervisorHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, second)
		h.linked(second, 1)
		h.says(t, second, 1, 2)
		ready := func() bool {
			list, findings := h.Report()
			_, err := h.TakesOver([]string{"VI_1"})
			if said := strings.Contains(fmt.Sprint(findings), "director does not work there"); said == list[0].Ready ||
				(err == nil) != list[0].Ready {
				t.Errorf("ready %v, but %v, %v", list[0].Ready, findings, err)
			}
			return list[0].Ready
		}
		time.Sleep(50 * time.Second)
		if !ready() {
			t.Error("it is not ready after 50 s")
		}
		time.Sleep(15 * time.Second)
		if ready() {
			t.Error("it is ready after 65 s of silence")
		}
		h.says(t, second, 1, 2)
		time.Sleep(time.Second)
		if !ready() {
			t.Error("it is not ready when it speaks again")
		}
	})
}

// TestRealServersAreLookedAtWhenTheyChange: the rest of a view is small, and made in each round.
func TestRealServersAreLookedAtWhenTheyChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, second)
		h.linked(second, 1)
		looks, made, views := h.has(&h.looks), h.has(&h.made), h.views()
		time.Sleep(10 * time.Second)
		if n := h.has(&h.looks) - looks; n < 8 {
			t.Errorf("%d looks in 10 s", n)
		}
		if n := h.has(&h.made) - made; n != 0 || h.views() != views {
			t.Errorf("nothing has changed, and real servers were looked at %d times, %d views told", n, h.views()-views)
		}
		h.change()
		time.Sleep(2 * time.Second)
		if n := h.has(&h.made) - made; n != 1 || h.views() != views+1 {
			t.Errorf("a verdict has changed, and real servers were looked at %d times, %d views told", n, h.views()-views)
		}
	})
}

// TestTheJudgementIsNotLate: however long it takes to look at this half, two masters are told soon.
func TestTheJudgementIsNotLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, second)
		h.mu.Lock()
		h.takes = 2 * time.Second
		h.mu.Unlock()
		h.linked(second, 1)
		time.Sleep(time.Minute)
		v := pair.View{Instances: []pair.Instance{{Name: "VI_1", VRID: 1, State: event.Master}}}
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		h.Heard(front.PeerNews{Peer: second, Kind: "view", Body: text})
		time.Sleep(12 * time.Second)
		if _, findings := h.Report(); !strings.Contains(fmt.Sprint(findings), "VI_1 has 2 masters") {
			t.Errorf("after 12 s there is %v", findings)
		}
	})
}

// TestTwoAskForTheDifferences at once: both are answered.
func TestTwoAskForTheDifferences(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, second)
		h.linked(second, 1)
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				r, err := h.Diff(t.Context(), control.PeerDiffRequest{})
				if err != nil || !slices.Contains(r.Lines, "+ of the peer") {
					t.Error(r.Lines, err)
				}
			})
		}
		synctest.Wait()
		if h.count("ask form") == 0 {
			t.Error("the peer was not asked")
		}
		text, err := json.Marshal(pair.SentForm{Lines: []string{"of the peer"}})
		if err != nil {
			t.Fatal(err)
		}
		h.Heard(front.PeerNews{Peer: second, Kind: "form", Body: text})
		all.Wait()
	})
}

// TestAPeerThatAsksAllTheTime is told the form of this half once a second.
func TestAPeerThatAsksAllTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, second)
		h.linked(second, 1)
		for range 1000 {
			h.Heard(front.PeerNews{Peer: second, Kind: "ask form", Body: json.RawMessage("{}")})
			time.Sleep(10 * time.Millisecond)
		}
		if n := h.count("form"); n < 8 || n > 11 {
			t.Errorf("in 10 s it was told the form %d times", n)
		}
	})
}
