package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/lvs-director/director/worker/front"
)

// The bounds of actions.
const (
	maxBody        = 4 << 10
	maxPending     = 32
	confirmTime    = time.Minute
	actionPatience = 40 * time.Second
	// maxWrong is how many wrong tokens a host may show in a minute, maxAllWrong all together.
	maxWrong    = 5
	maxAllWrong = 50
)

// action is a question that only who has a token may ask.
func (s *Server) action(do func(w http.ResponseWriter, r *http.Request, token string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		from := s.from(r)
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		switch {
		case !sameOrigin(r):
			problem(w, http.StatusForbidden, "this does not come from the page itself")
		case r.Header.Get("Content-Type") != "application/json":
			problem(w, http.StatusUnsupportedMediaType, "the question is not JSON")
		case s.wrong.tooMany(from, time.Now()):
			w.Header().Set("Retry-After", "60")
			problem(w, http.StatusTooManyRequests, "too many wrong tokens: wait a minute")
		case !ok || s.o.Settings.Holder(token) == "":
			s.refused(r, s.wrong.add(from, time.Now()))
			w.Header().Set("WWW-Authenticate", `Bearer realm="director"`)
			problem(w, http.StatusUnauthorized, "the token is not right")
		default:
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			do(w, r, token)
		}
	}
}

func problem(w http.ResponseWriter, code int, text string) {
	answer(w, code, struct {
		Error string `json:"error"`
	}{text})
}

func answer(w http.ResponseWriter, code int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(body) // a reader that went away is no event
}

// check says that the token is right.
func (s *Server) check(w http.ResponseWriter, _ *http.Request, token string) {
	answer(w, http.StatusOK, map[string]string{"name": s.o.Settings.Holder(token)})
}

// wish is what somebody asks for. It is asked twice: prepare shows what it means, confirm does it.
type wish struct {
	Action        string `json:"action"` // drain, undrain, weight, reset, handover, resume
	Name          string `json:"name"`   // of a real server, or of an instance
	VirtualServer string `json:"virtual_server,omitempty"`
	Weight        *int   `json:"weight,omitempty"`
	For           string `json:"for,omitempty"` // as "30m"; empty is until it is undone
	Reason        string `json:"reason,omitempty"`
}

// question is a wish as the supervisor understands it. A trial changes nothing.
func (q wish) question(trial bool) (a front.Action, body []byte, err error) {
	var v any
	switch q.Action {
	case "drain", "undrain", "weight", "reset":
		o := struct {
			Action        string `json:"action"`
			Name          string `json:"name"`
			VirtualServer string `json:"virtual_server,omitempty"`
			Weight        int    `json:"weight,omitempty"`
			For           string `json:"for,omitempty"`
			Reason        string `json:"reason,omitempty"`
			DryRun        bool   `json:"dry_run,omitempty"`
		}{q.Action, q.Name, q.VirtualServer, 0, q.For, q.Reason, trial}
		if q.Weight != nil {
			o.Weight = *q.Weight
		}
		a, v = front.Override, o
	case "handover", "resume":
		a, v = front.HandOver, struct {
			Name string `json:"name"`
			For  string `json:"for,omitempty"`
		}{q.Name, q.For}
		if q.Action == "resume" {
			a = front.Resume
		}
	}
	switch {
	case v == nil:
		return a, nil, fmt.Errorf("there is no action %.20q", q.Action)
	case q.Name == "":
		return a, nil, errors.New("the question names nothing")
	case q.Action == "weight" && q.Weight == nil:
		return a, nil, errors.New("the question has no weight")
	}
	body, err = json.Marshal(v)
	return a, body, err
}

// prepare notes a wish and says what it means.
func (s *Server) prepare(w http.ResponseWriter, r *http.Request, token string) {
	var q wish
	if err := read(r, &q); err != nil {
		problem(w, http.StatusBadRequest, err.Error())
		return
	}
	a, body, err := q.question(true)
	if err != nil {
		problem(w, http.StatusBadRequest, err.Error())
		return
	}
	var trial json.RawMessage
	if a == front.Override && (q.Action == "drain" || q.Action == "weight") {
		if trial, err = s.ask(r, a, token, body); err != nil {
			problem(w, http.StatusConflict, err.Error())
			return
		}
	}
	id, ok := s.pending.add(q, token, time.Now())
	if !ok {
		problem(w, http.StatusTooManyRequests, "too much waits to be confirmed: try again in a minute")
		return
	}
	answer(w, http.StatusOK, struct {
		ID    string          `json:"id"`
		Trial json.RawMessage `json:"trial,omitempty"`
	}{id, trial})
}

// confirm does what was prepared.
func (s *Server) confirm(w http.ResponseWriter, r *http.Request, token string) {
	var c struct {
		ID string `json:"id"`
	}
	if err := read(r, &c); err != nil {
		problem(w, http.StatusBadRequest, err.Error())
		return
	}
	q, ok := s.pending.take(c.ID, token, time.Now())
	if !ok {
		problem(w, http.StatusConflict, "there is nothing to confirm: it was more than a minute ago, or is done")
		return
	}
	a, body, err := q.question(false)
	if err == nil {
		body, err = s.ask(r, a, token, body)
	}
	if err != nil {
		problem(w, http.StatusConflict, err.Error())
		return
	}
	answer(w, http.StatusOK, struct {
		Done json.RawMessage `json:"done"`
	}{body})
}

func (s *Server) ask(r *http.Request, a front.Action, token string, body []byte) (json.RawMessage, error) {
	// Who has closed the page by then has asked all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), actionPatience)
	defer cancel()
	return s.o.Ask(ctx, a, who(r), token, body)
}

// who is who asks, for people.
func who(r *http.Request) string {
	if at, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return at.Addr().Unmap().String()
	}
	return "the socket"
}

// refused tells the supervisor of a wrong token, and of whom is not listened to because of it.
func (s *Server) refused(r *http.Request, l locked) {
	if s.o.Refused == nil {
		return
	}
	one := front.Refused{From: who(r), Times: 1}
	if l.host {
		one.Until = l.until
	}
	s.o.Refused(one)
	if l.all {
		s.o.Refused(front.Refused{Until: l.until})
	}
}

// read reads a question, which has no unknown fields.
func read(r *http.Request, v any) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return fmt.Errorf("reading the question: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("reading the question: %w", err)
	}
	return nil
}

// pending are the wishes that wait to be confirmed.
type pending struct {
	mu   sync.Mutex
	list map[string]waiting
}

type waiting struct {
	wish  wish
	token string // only who has asked confirms
	until time.Time
}

func (p *pending) add(q wish, token string, now time.Time) (id string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, w := range p.list {
		if now.After(w.until) {
			delete(p.list, id)
		}
	}
	if len(p.list) >= maxPending {
		return "", false
	}
	if p.list == nil {
		p.list = make(map[string]waiting)
	}
	id = rand.Text()
	p.list[id] = waiting{q, token, now.Add(confirmTime)}
	return id, true
}

// take gives a wish, once.
func (p *pending) take(id, token string, now time.Time) (wish, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w, ok := p.list[id]
	if !ok || w.token != token || now.After(w.until) {
		return wish{}, false
	}
	delete(p.list, id)
	return w.wish, true
}

// failures counts the wrong tokens of a minute.
type failures struct {
	mu     sync.Mutex
	minute int64
	all    int
	of     map[netip.Addr]int
}

func (f *failures) tooMany(from netip.Addr, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turn(now)
	return f.of[from] >= maxWrong || f.all >= maxAllWrong
}

// locked says who is not listened to after a wrong token: the host it came from, or all.
type locked struct {
	host, all bool
	until     time.Time
}

func (f *failures) add(from netip.Addr, now time.Time) locked {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turn(now)
	f.all++
	f.of[from]++
	return locked{f.of[from] >= maxWrong, f.all >= maxAllWrong, time.Unix(60*(f.minute+1), 0)}
}

func (f *failures) turn(now time.Time) {
	if m := now.Unix() / 60; m != f.minute || f.of == nil {
		f.minute, f.all, f.of = m, 0, make(map[netip.Addr]int)
	}
}
