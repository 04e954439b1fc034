package front

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/lvs-director/director/worker/front"
)

// asked are the requests that wait for the supervisor's answer.
type asked struct {
	mu      sync.Mutex
	last    uint32
	waiting map[uint32]chan front.Answer
}

// request asks the supervisor for an action and waits for what becomes of it. The supervisor looks
// whether the settings permit it; who is who asked this process.
func (p *process) request(ctx context.Context, a front.Action, way front.Way, who string, body []byte) (
	json.RawMessage, error) {
	return p.requestWith(ctx, front.Request{Action: a, Way: way, Who: who, Body: body})
}

// requestWith is request with all that belongs to it.
func (p *process) requestWith(ctx context.Context, q front.Request) (json.RawMessage, error) {
	a := q.Action
	id, answer, err := p.asked.add()
	if err != nil {
		return nil, fmt.Errorf("asking for %s: %w", a, err)
	}
	defer p.asked.remove(id)
	q.ID = id
	text, err := json.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("asking for %s: %w", a, err)
	}
	if len(text) > front.MaxFromFront {
		return nil, fmt.Errorf("asking for %s: the question has %d bytes: at most %d are allowed", a, len(text),
			front.MaxFromFront)
	}
	if err := p.send(front.Do, text); err != nil {
		return nil, fmt.Errorf("asking for %s: %w", a, err)
	}
	select {
	case got := <-answer:
		if got.Error != "" {
			return nil, errors.New(got.Error)
		}
		return got.Body, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("asking for %s: %w; what becomes of it is not known", a, ctx.Err())
	}
}

func (q *asked) add() (uint32, <-chan front.Answer, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) >= front.MaxRequests {
		return 0, nil, errors.New("too much is asked for at once: try again in a second")
	}
	if q.waiting == nil {
		q.waiting = make(map[uint32]chan front.Answer)
	}
	q.last++
	answer := make(chan front.Answer, 1)
	q.waiting[q.last] = answer
	return q.last, answer, nil
}

func (q *asked) remove(id uint32) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.waiting, id)
}

// answered takes in an answer. One that nobody waits for any more is dropped.
func (q *asked) answered(text []byte) error {
	var a front.Answer
	if err := json.Unmarshal(text, &a); err != nil {
		return fmt.Errorf("reading an answer: %w", err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if waiting := q.waiting[a.ID]; waiting != nil {
		delete(q.waiting, a.ID)
		waiting <- a
	}
	return nil
}

// forBus asks for what somebody on the bus wants; about is the identity of an instance, or empty.
func (p *process) forBus(ctx context.Context, a front.Action, who, about string) (err error) {
	var body []byte
	if about != "" {
		if body, err = json.Marshal(front.About{Instance: about}); err != nil {
			return fmt.Errorf("asking for %s: %w", a, err)
		}
	}
	text, err := p.request(ctx, a, front.ByDBus, who, body)
	if err != nil || a != front.Reload {
		return err
	}
	var report struct{ Refused string }
	if err := json.Unmarshal(text, &report); err != nil {
		return fmt.Errorf("reading what became of the reload: %w", err)
	}
	if report.Refused != "" {
		return errors.New(report.Refused)
	}
	return nil
}
