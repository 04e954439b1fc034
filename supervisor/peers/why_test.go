package peers_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/worker/front"
)

// last is the body of the last message of a kind that was sent to a peer; empty is none.
func (h *half) last(kind string) json.RawMessage {
	h.mu.Lock()
	defer h.mu.Unlock()
	for n := len(h.sent) - 1; n >= 0; n-- {
		if h.sent[n].Kind == kind {
			return h.sent[n].Body
		}
	}
	return nil
}

func becameMaster(peer string) []control.WhyStep {
	r := &event.Record{Number: "b-p-v1", Kind: event.RecordState, Object: "instance VI_1", To: "MASTER", Peer: peer}
	return []control.WhyStep{{Text: "instance VI_1 became MASTER", Event: r}}
}

func texts(steps []control.WhyStep) string {
	var b strings.Builder
	for _, s := range steps {
		b.WriteString(strings.Repeat(" ", s.Depth) + s.Text + "\n")
	}
	return b.String()
}

// TestAChainGoesOnAtThePeer: what another half did is told with what that half says of it, or with the command
// that tells it there; what belongs to no half is told as it is.
func TestAChainGoesOnAtThePeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := run(t, second), run(t, third)
		a.linked(second, 1)
		a.says(t, second, 1)
		b.linked(third, 1)
		b.says(t, third, 1)

		var answer []control.WhyStep
		go func() { answer = a.Complete(t.Context(), becameMaster("10.0.0.9")) }()
		synctest.Wait()
		question := a.last("ask why")
		b.Heard(front.PeerNews{Peer: third, Kind: "ask why", Body: question})
		b.Heard(front.PeerNews{Peer: third, Kind: "ask why", Body: question}) // it answers one
		synctest.Wait()
		a.Heard(front.PeerNews{Peer: second, Kind: "why", Body: b.last("why")})
		synctest.Wait()
		const want = "instance VI_1 became MASTER\n peer lb2 (192.0.2.12) says of its instance VI_1:\n" +
			"  instance VI_1 is as it is\n   because alice said so\n"
		if got := texts(answer); got != want {
			t.Errorf("it says\n%swant\n%s", got, want)
		}

		silent := texts(a.Complete(t.Context(), becameMaster("10.0.0.9")))
		if !strings.Contains(silent, "it does not answer") || !strings.Contains(silent, "run there: director why VI_1\n") {
			t.Errorf("of a peer that does not answer:\n%s", silent)
		}
		a.Heard(front.PeerNews{Peer: second, Link: &front.PeerLink{Name: "lb2"}})
		began := time.Now()
		gone := texts(a.Complete(t.Context(), becameMaster("10.0.0.9")))
		if !strings.Contains(gone, "it is not reachable") || time.Since(began) > 0 {
			t.Errorf("of a peer that is gone, after %v:\n%s", time.Since(began), gone)
		}
		drained := &event.Record{Number: "b-p-s1", Object: "real server 10.0.0.3", Peer: "lb2"}
		if got := texts(a.Complete(t.Context(), []control.WhyStep{{Text: "drained", Event: drained}})); !strings.Contains(got,
			"run there: director why 10.0.0.3") {
			t.Errorf("of a drain:\n%s", got)
		}
		own := &event.Record{Number: "b-p-s2", Object: "instance VI_9", Peer: "10.0.0.9"}
		if got := a.Complete(t.Context(), []control.WhyStep{{Text: "x", Event: own}}); len(got) != 1 {
			t.Errorf("an instance that no peer has is asked about:\n%s", texts(got))
		}
	})
}

// TestAHostileAnswer is cut, and harms no terminal.
func TestAHostileAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := run(t, second)
		a.linked(second, 1)
		a.says(t, second, 1)
		var answer []control.WhyStep
		go func() { answer = a.Complete(t.Context(), becameMaster("10.0.0.9")) }()
		synctest.Wait()
		step := `{"depth":-7,"text":"\u001b[2J` + strings.Repeat("x", 5000) + `"},`
		a.Heard(front.PeerNews{Peer: second, Kind: "why", Body: json.RawMessage(`{"id":1,"steps":[` +
			strings.Repeat(step, 500) + `{"depth":999999}]}`)})
		synctest.Wait()
		text := texts(answer)
		if len(answer) > 100 || len(text) > 200_000 || strings.ContainsRune(text, 0x1b) {
			t.Errorf("%d steps, %d bytes: %.200q", len(answer), len(text), text)
		}
	})
}

// TestAPeerThatAlwaysAsksWhy has this half look through its events for a tenth of the time, and is told why it gets
// no more.
func TestAPeerThatAlwaysAsksWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := run(t, second)
		a.linked(second, 1)
		a.whyTakes = time.Second
		ask := func(object string) {
			a.Heard(front.PeerNews{Peer: second, Kind: "ask why", Body: json.RawMessage(`{"id":1,"object":"` + object + `"}`)})
			time.Sleep(300 * time.Millisecond)
			synctest.Wait()
		}
		for began := time.Now(); time.Since(began) < 10*time.Minute; {
			ask("VI_1")
		}
		if a.whys < 60 || a.whys > 70 {
			t.Errorf("%d times in ten minutes", a.whys)
		}
		if got := string(a.last("why")); !strings.Contains(got, "asked too much") {
			t.Errorf("it is told %s", got)
		}
		time.Sleep(time.Minute)
		before := a.whys
		ask(strings.Repeat("x", 1<<20))
		if a.whys != before {
			t.Error("a question of a megabyte is answered")
		}
		for range 3 { // as many as somebody asks at once
			ask("VI_1")
			time.Sleep(time.Second)
		}
		if a.whys != before+3 {
			t.Errorf("after a minute it answers %d of three", a.whys-before)
		}
	})
}
