package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
)

// The control socket speaks HTTP over a Unix socket that only its owner may
// open. Questions and answers are JSON; serveControl lists them.

// maxAnswer bounds an answer that a client reads: the status of 40,000 real
// servers takes 30 MB.
const maxAnswer = 256 << 20

// maxQuestion bounds a question.
const maxQuestion = 64 << 10

// controller is what the control socket can ask for. Its methods are called
// from any goroutine.
type controller interface {
	status(context.Context, struct{}) (statusReport, error)
	about(context.Context, struct{}) (configState, error)
	plan(context.Context, planRequest) (planReport, error)
	reloadFile(context.Context, reloadRequest) (reloadReport, error)
	rollback(context.Context, reloadRequest) (reloadReport, error)
	confirm(context.Context, struct{}) (confirmReport, error)
	handOver(context.Context, handoverRequest) (handoverReport, error)
	takePart(context.Context, handoverRequest) (handoverReport, error)
	upgrade(context.Context, upgradeRequest) (upgradeReport, error)
	upgraded(context.Context, struct{}) (upgradeReport, error)
}

// listenControl makes the socket. The run directory is locked, so a socket
// that is there belongs to nobody.
func listenControl(path string) (*net.UnixListener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("removing an old control socket: %w", err)
	}
	old := syscall.Umask(0o177)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	syscall.Umask(old)
	if err != nil {
		return nil, fmt.Errorf("making the control socket: %w", err)
	}
	return l, nil
}

// serveControl answers until ctx ends.
func serveControl(ctx context.Context, g *gate, c controller) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", answer(c.status))
	mux.HandleFunc("GET /v1/about", answer(c.about))
	mux.HandleFunc("POST /v1/plan", answer(c.plan))
	mux.HandleFunc("POST /v1/reload", answer(c.reloadFile))
	mux.HandleFunc("POST /v1/rollback", answer(c.rollback))
	mux.HandleFunc("POST /v1/confirm", answer(c.confirm))
	mux.HandleFunc("POST /v1/handover", answer(c.handOver))
	mux.HandleFunc("POST /v1/resume", answer(c.takePart))
	mux.HandleFunc("POST /v1/upgrade", answer(c.upgrade))
	mux.HandleFunc("GET /v1/upgrade", answer(c.upgraded))
	server := &http.Server{
		Handler: mux, ConnState: g.note, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second,
		MaxHeaderBytes: 16 << 10, BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(g); err != nil && ctx.Err() == nil {
		return fmt.Errorf("serving the control socket: %w", err)
	}
	return nil
}

// answer takes a question, which may be left out, and gives its answer.
func answer[Q, A any](do func(context.Context, Q) (A, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var question Q
		if err := json.NewDecoder(io.LimitReader(r.Body, maxQuestion)).Decode(&question); err != nil && !errors.Is(err, io.EOF) {
			http.Error(w, "reading the question: "+err.Error(), http.StatusBadRequest)
			return
		}
		result, err := do(r.Context(), question)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(result) // a client that went away is no event
	}
}

// errNoDirector says that nobody answers at the control socket.
var errNoDirector = errors.New("no director runs")

// ask sends one request, with a question unless that is nil, to a running
// director and reads its answer into result.
func ask(d daemonDirs, method, path string, patience time.Duration, question, result any) error {
	var asked io.Reader
	if question != nil {
		text, err := json.Marshal(question)
		if err != nil {
			return err
		}
		asked = bytes.NewReader(text)
	}
	dialer := net.Dialer{Timeout: 5 * time.Second}
	client := &http.Client{
		Timeout: patience,
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", d.control())
		}},
	}
	defer client.CloseIdleConnections()
	req, err := http.NewRequest(method, "http://director"+path, asked)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	switch {
	case errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w with run directory %s: start it, or name its directory with --run-dir", errNoDirector, d.RunDir)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("asking the director of %s: permission denied: do it as root", d.RunDir)
	case err != nil:
		return fmt.Errorf("asking the director of %s: %w", d.RunDir, err)
	}
	defer resp.Body.Close()
	body := io.LimitReader(resp.Body, maxAnswer)
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(body, 4096))
		return fmt.Errorf("the director of %s answers: %s", d.RunDir, bytes.TrimSpace(text))
	}
	if err := json.NewDecoder(body).Decode(result); err != nil {
		return fmt.Errorf("reading the answer of the director of %s: %w", d.RunDir, err)
	}
	return nil
}
