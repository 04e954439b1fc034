package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"time"
)

// The control socket speaks HTTP over a Unix socket that only its owner may
// open. Questions and answers are JSON; Serve lists them.

// maxQuestion bounds a question.
const maxQuestion = 64 << 10

// Controller is what the control socket can ask for. Its methods are called
// from any goroutine.
type Controller interface {
	Status(context.Context, struct{}) (Status, error)
	About(context.Context, struct{}) (ConfigState, error)
	Checks(context.Context, ChecksRequest) (ChecksReport, error)
	Told(context.Context, ToldRequest) (ToldReport, error)
	Plan(context.Context, PlanRequest) (PlanReport, error)
	Reload(context.Context, ReloadRequest) (ReloadReport, error)
	Rollback(context.Context, ReloadRequest) (ReloadReport, error)
	Confirm(context.Context, struct{}) (ConfirmReport, error)
	HandOver(context.Context, HandoverRequest) (HandoverReport, error)
	PeerDiff(context.Context, PeerDiffRequest) (PeerDiffReport, error)
	Resume(context.Context, HandoverRequest) (HandoverReport, error)
	Override(context.Context, OverrideRequest) (OverrideReport, error)
	Upgrade(context.Context, UpgradeRequest) (UpgradeReport, error)
	Upgraded(context.Context, struct{}) (UpgradeReport, error)
	Events(context.Context, EventsRequest) (EventsReport, error)
	Why(context.Context, WhyRequest) (WhyReport, error)
	TestNotify(context.Context, NotifyTestRequest) (NotifyTest, error)
}

// sharer is a Controller whose Status costs so much that those who ask at about the same time share its text.
type sharer interface {
	// StatusText is the JSON of Status.
	StatusText(context.Context) ([]byte, error)
	// Changed says that an operator has changed something: whoever asks for the status from now on sees it.
	Changed()
}

// Listen makes the socket. The run directory is locked, so a socket
// that is there belongs to nobody. The socket is its owner's alone from its first
// moment: bind(2) gives the file the mode that the socket has. The umask stays as
// it is, since it is the whole process's, and others make files meanwhile.
func Listen(path string) (*net.UnixListener, error) { return listen(path) }

// ListenReaders makes the socket for those who may only read: the members of a group.
func ListenReaders(path string, gid int) (*net.UnixListener, error) {
	l, err := listen(path)
	if err != nil {
		return nil, err
	}
	if err = os.Chown(path, -1, gid); err == nil {
		err = os.Chmod(path, 0o660)
	}
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("letting group %d read at the status socket: %w", gid, err)
	}
	return l, nil
}

func listen(path string) (*net.UnixListener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("removing an old control socket: %w", err)
	}
	private := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) { failed = syscall.Fchmod(int(fd), 0o600) })
		return errors.Join(err, failed)
	}}
	l, err := private.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, fmt.Errorf("making the socket %s: %w", path, err)
	}
	return l.(*net.UnixListener), nil
}

// Serve answers until ctx ends.
func Serve(ctx context.Context, g *Gate, c Controller) error {
	mux := http.NewServeMux()
	reading(mux, c)
	mux.HandleFunc("POST /v1/plan", answer(c.Plan))
	mux.HandleFunc("POST /v1/reload", answer(changing(c, c.Reload)))
	mux.HandleFunc("POST /v1/rollback", answer(changing(c, c.Rollback)))
	mux.HandleFunc("POST /v1/confirm", answer(changing(c, c.Confirm)))
	mux.HandleFunc("POST /v1/handover", answer(changing(c, c.HandOver)))
	mux.HandleFunc("POST /v1/peer/diff", answer(c.PeerDiff))
	mux.HandleFunc("POST /v1/resume", answer(changing(c, c.Resume)))
	mux.HandleFunc("POST /v1/override", answer(changing(c, c.Override)))
	mux.HandleFunc("POST /v1/upgrade", answer(c.Upgrade))
	mux.HandleFunc("GET /v1/upgrade", answer(c.Upgraded))
	mux.HandleFunc("POST /v1/notify/test", answer(c.TestNotify))
	mux.HandleFunc("GET /v1/goroutines", answer(goroutines))
	return serve(ctx, g, mux)
}

// ServeReaders answers those who may only read, until ctx ends.
func ServeReaders(ctx context.Context, g *Gate, c Controller) error {
	mux := http.NewServeMux()
	reading(mux, c)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "this socket is for reading (status_socket): run this as root", http.StatusForbidden)
	})
	return serve(ctx, g, mux)
}

// reading has what changes nothing and reads no file that the question names: status, and what has happened, which
// says why the status is so.
func reading(mux *http.ServeMux, c Controller) {
	mux.HandleFunc("GET /v1/status", statusOf(c))
	mux.HandleFunc("GET /v1/about", answer(c.About))
	mux.HandleFunc("POST /v1/checks", answer(c.Checks))
	mux.HandleFunc("POST /v1/told", answer(c.Told))
	mux.HandleFunc("POST /v1/events", answer(c.Events))
	mux.HandleFunc("POST /v1/why", answer(c.Why))
}

func serve(ctx context.Context, g *Gate, mux *http.ServeMux) error {
	server := &http.Server{
		Handler: mux, ConnState: g.note, ConnContext: withPeer,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second,
		MaxHeaderBytes: 16 << 10, BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(g); err != nil && ctx.Err() == nil {
		return fmt.Errorf("serving the control socket: %w", err)
	}
	return nil
}

// changing is do, after which a status is another one.
func changing[Q, A any](c Controller, do func(context.Context, Q) (A, error)) func(context.Context, Q) (A, error) {
	return func(ctx context.Context, question Q) (A, error) {
		result, err := do(ctx, question)
		if s, ok := c.(sharer); ok {
			s.Changed()
		}
		return result, err
	}
}

// statusOf answers with the status.
func statusOf(c Controller) http.HandlerFunc {
	s, ok := c.(sharer)
	if !ok {
		return answer(c.Status)
	}
	return func(w http.ResponseWriter, r *http.Request) {
		text, err := s.StatusText(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		_, _ = w.Write(text)
	}
}

// answer takes a question, which may be left out, and gives its answer.
func answer[Q, A any, D document[A]](do func(context.Context, Q) (A, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var question Q
		if err := json.NewDecoder(io.LimitReader(r.Body, maxQuestion)).Decode(&question); err != nil &&
			!errors.Is(err, io.EOF) {
			http.Error(w, "reading the question: "+err.Error(), http.StatusBadRequest)
			return
		}
		result, err := do(r.Context(), question)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = Write[A, D](w, result, false) // a client that went away is no event
	}
}
