package web

import (
	"context"
	"embed"
	"encoding/json"
	"net/http"
	"net/netip"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lvs-director/director/worker/front"
)

//go:embed assets
var assets embed.FS

// types are the files of the page and what they are.
var types = map[string]string{
	"index.html": "text/html; charset=utf-8", "app.css": "text/css; charset=utf-8",
	"app.js": "text/javascript; charset=utf-8", "actions.js": "text/javascript; charset=utf-8",
	"dom.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml",
}

// Options are what a Server works with.
type Options struct {
	Settings front.Web
	Host     string // name of this host
	// Snapshot is that of now.
	Snapshot func(context.Context) (*Snapshot, error)
	// Ask asks the supervisor for an action.
	Ask func(ctx context.Context, a front.Action, who, token string, body []byte) (json.RawMessage, error)
	// Refused is told of wrong tokens; nil is nobody.
	Refused func(front.Refused)
	// Allow says whether there is room for one more request of a host.
	Allow func(from netip.Addr) bool
	// From is what counts as one host.
	From func(netip.Addr) netip.Addr
}

// Server serves the page.
type Server struct {
	o       Options
	hub     *hub
	pending pending
	looks   chan struct{} // as many as ask for a history
	wrong   failures
	done    chan struct{} // closed with Close
	close   func()
}

// New returns a server; Close ends its streams.
func New(o Options) *Server {
	s := &Server{o: o, hub: newHub(o.Snapshot), done: make(chan struct{}),
		looks: make(chan struct{}, front.MaxHistories)}
	s.close = sync.OnceFunc(func() { close(s.done) })
	return s
}

// Close ends the streams that are open.
func (s *Server) Close() { s.close() }

// Handler is all that is served.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { s.asset(w, "index.html") })
	mux.HandleFunc("GET /{name}", func(w http.ResponseWriter, r *http.Request) { s.asset(w, r.PathValue("name")) })
	mux.HandleFunc("GET /live", s.live)
	mux.HandleFunc("GET /history", s.history)
	if len(s.o.Settings.Tokens) > 0 {
		mux.HandleFunc("POST /actions/check", s.action(s.check))
		mux.HandleFunc("POST /actions/prepare", s.action(s.prepare))
		mux.HandleFunc("POST /actions/confirm", s.action(s.confirm))
	}
	return s.guard(mux)
}

func (s *Server) asset(w http.ResponseWriter, name string) {
	kind := types[name]
	body, err := assets.ReadFile(path.Join("assets", name))
	if kind == "" || err != nil {
		http.Error(w, "there is nothing here", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // a reader that went away is no event
}

// from is the host that asks.
func (s *Server) from(r *http.Request) netip.Addr {
	at, _ := netip.ParseAddrPort(r.RemoteAddr) // one that cannot be read, of a Unix socket, is one host
	return s.o.From(at.Addr())
}

// HTTP is the server with bounds for readers that are slow, or say nothing.
func (s *Server) HTTP() *http.Server {
	return &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 60 * time.Second, IdleTimeout: 65 * time.Second, MaxHeaderBytes: 16 << 10,
	}
}

// loopback says whether a name is that of this host to itself.
func loopback(name string) bool {
	a, err := netip.ParseAddr(name)
	return err == nil && a.Unmap().IsLoopback() || strings.EqualFold(name, "localhost")
}
