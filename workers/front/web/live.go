package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/worker/front"
)

// The bounds of streams: of all, of one host, how long one lasts (the browser opens another), and how
// long a browser may take no byte before it is let go.
const (
	maxStreams       = 32
	maxStreamsOfHost = 12
	streamLife       = time.Hour
	writePatience    = 10 * time.Second
	heartbeat        = 15 * time.Second
)

// hub asks for snapshots while streams are open, and wakes them.
type hub struct {
	get func(context.Context) (*Snapshot, error)

	mu      sync.Mutex
	streams int
	of      map[netip.Addr]int
	stop    context.CancelFunc // of the goroutine that asks; nil while there is none
	latest  moment
	changed chan struct{} // closed with the next moment
	next    time.Time     // when the next snapshot is asked for, at the earliest
	left    time.Time     // when the last stream ended
}

// moment is the latest that is known.
type moment struct {
	snapshot *Snapshot // nil: none came yet
	problem  string    // why there is no newer one
}

func newHub(get func(context.Context) (*Snapshot, error)) *hub {
	return &hub{get: get, of: make(map[netip.Addr]int), changed: make(chan struct{})}
}

// enter makes room for a stream; false is that there is none.
func (h *hub) enter(from netip.Addr) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.streams == maxStreams || h.of[from] == maxStreamsOfHost {
		return false
	}
	h.streams++
	h.of[from]++
	if h.streams == 1 {
		if time.Since(h.left) > keepMoment {
			h.latest, h.next = moment{}, time.Time{} // nobody looked: it is old
		}
		ctx, stop := context.WithCancel(context.Background())
		h.stop = stop
		go h.ask(ctx)
	}
	return true
}

func (h *hub) leave(from netip.Addr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.streams--
	if h.of[from]--; h.of[from] == 0 {
		delete(h.of, from)
	}
	if h.streams == 0 {
		h.stop()
		h.left = time.Now()
		time.AfterFunc(keepMoment, h.forget)
	}
}

// keepMoment is how long a snapshot is kept that no page looks at: a page that looks at something else
// opens another stream.
const keepMoment = 5 * time.Second

func (h *hub) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.streams == 0 {
		h.latest, h.next = moment{}, time.Time{}
	}
}

// ask asks for snapshots until ctx ends. A large one, which costs all who make it, is asked for less often.
func (h *hub) ask(ctx context.Context) {
	for {
		h.mu.Lock()
		pause := time.NewTimer(time.Until(h.next))
		h.mu.Unlock()
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return
		}
		began := time.Now()
		s, err := h.snapshot(ctx)
		h.mu.Lock()
		if ctx.Err() != nil {
			h.mu.Unlock()
			return
		}
		if h.latest.problem = ""; err != nil {
			h.latest.problem = text(err.Error())
		} else {
			h.latest.snapshot = s
		}
		close(h.changed)
		h.changed = make(chan struct{})
		h.next = time.Now().Add(max(front.PageInterval, min(5*time.Since(began), 30*time.Second)))
		h.mu.Unlock()
	}
}

// askPatience bounds the wait for a snapshot.
const askPatience = 9 * time.Second

func (h *hub) snapshot(ctx context.Context) (*Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	return h.get(ctx)
}

func (h *hub) now() (moment, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.latest, h.changed
}

// stream is one page that is open.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	view    View
	sent    map[string][sha256.Size]byte // of each part, what the page has
	event   event.Number                 // the last one that the page has
}

// live is GET /live: the parts that a page looks at, each when it has changed.
func (s *Server) live(w http.ResponseWriter, r *http.Request) {
	view, err := parseView(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	from := s.from(r)
	if !s.hub.enter(from) {
		w.Header().Set("Retry-After", "10")
		http.Error(w, "too many pages are open", http.StatusServiceUnavailable)
		return
	}
	defer s.hub.leave(from)
	st := &stream{w: w, control: http.NewResponseController(w), view: view, sent: make(map[string][sha256.Size]byte)}
	_ = st.control.SetReadDeadline(time.Time{}) // nothing more is read; the end of the connection is noticed
	w.Header().Set("Content-Type", "text/event-stream")
	if st.write([]byte("retry: 3000\n\n")) != nil {
		return
	}
	end := time.NewTimer(streamLife)
	defer end.Stop()
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		now, changed := s.hub.now()
		if err := st.show(now, s.o.Host, len(s.o.Settings.Tokens) > 0); err != nil {
			return // the browser is gone, or reads nothing
		}
		select {
		case <-changed:
		case <-beat.C:
			if st.write([]byte(": still here\n\n")) != nil {
				return
			}
		case <-end.C:
			return
		case <-r.Context().Done():
			return
		case <-s.done:
			return
		}
	}
}

// show sends what has changed.
func (st *stream) show(m moment, host string, actions bool) error {
	var out bytes.Buffer
	part := func(name, key string, v any) error {
		body, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("encoding %s: %w", name, err)
		}
		hash := sha256.Sum256(body)
		if st.sent[key] == hash {
			return nil
		}
		st.sent[key] = hash
		fmt.Fprintf(&out, "event: %s\ndata: %s\n\n", name, body)
		return nil
	}
	if m.snapshot == nil && m.problem == "" {
		return nil
	}
	s := m.snapshot
	if s != nil {
		err := part("head", "head", s.head(host, actions))
		if err == nil {
			err = part("instances", "instances", s.instances(st.view))
		}
		if err == nil {
			err = part("services", "services", s.services(st.view))
		}
		for _, o := range st.view.Open {
			if list, ok := s.servers(o, st.view); ok && err == nil {
				err = part("servers", "servers "+o.Service, list)
			}
		}
		if rows := s.eventsAfter(st.event); len(rows) > 0 && err == nil {
			err = part("events", "events", rows)
			st.event = event.Number(rows[len(rows)-1].Number)
		}
		if err != nil {
			return err
		}
	}
	// Last, so that a page that hears it has all of that moment.
	type at struct {
		At      time.Time `json:"at,omitzero"`
		Problem string    `json:"problem"`
	}
	now := at{Problem: m.problem}
	if s != nil {
		now.At = s.Taken
	}
	if err := part("now", "now", now); err != nil {
		return err
	}
	if out.Len() == 0 {
		return nil
	}
	return st.write(out.Bytes())
}

func (st *stream) write(text []byte) error {
	if err := st.control.SetWriteDeadline(time.Now().Add(writePatience)); err != nil {
		return err
	}
	if _, err := st.w.Write(text); err != nil {
		return err
	}
	return st.control.Flush()
}
