package control

import (
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// Gate is the control socket, which can be shut for a while: who comes then
// waits in the kernel's queue, whatever program opens it again.
type Gate struct {
	mu       sync.Mutex
	listener *net.UnixListener
	open     chan struct{}     // closed while the gate is open
	busy     map[net.Conn]bool // those that ask, or wait for an answer
}

// NewGate is an open one.
func NewGate(l *net.UnixListener) *Gate {
	g := &Gate{listener: l, open: make(chan struct{}), busy: make(map[net.Conn]bool)}
	close(g.open)
	return g
}

// now is the socket that is listened at.
func (g *Gate) now() *net.UnixListener {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.listener
}

// Replace listens at another socket from now on, since the file of this one was
// removed.
func (g *Gate) Replace(l *net.UnixListener) {
	g.mu.Lock()
	old := g.listener
	g.listener = l
	g.mu.Unlock()
	old.SetUnlinkOnClose(false) // there is another file of that name
	old.Close()
}

// Close implements net.Listener.
func (g *Gate) Close() error { return g.now().Close() }

// Addr implements net.Listener.
func (g *Gate) Addr() net.Addr { return g.now().Addr() }

// File is a copy of the socket, for another program.
func (g *Gate) File() (*os.File, error) { return g.now().File() }

// Shut lets nobody in until Unshut.
func (g *Gate) Shut() {
	g.mu.Lock()
	g.open = make(chan struct{})
	g.mu.Unlock()
	_ = g.now().SetDeadline(time.Unix(1, 0)) // a closed one lets nobody in either
}

// Unshut lets them in again.
func (g *Gate) Unshut() {
	_ = g.now().SetDeadline(time.Time{})
	g.mu.Lock()
	close(g.open)
	g.mu.Unlock()
}

// Accept implements net.Listener.
func (g *Gate) Accept() (net.Conn, error) {
	for {
		l := g.now()
		c, err := l.Accept()
		switch {
		case err != nil && l != g.now():
			continue // there is another one in its place
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return c, err
		}
		g.mu.Lock()
		open := g.open
		g.mu.Unlock()
		<-open
	}
}

// note is told what becomes of the connections.
func (g *Gate) note(c net.Conn, state http.ConnState) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if state == http.StateNew || state == http.StateActive {
		g.busy[c] = true
	} else {
		delete(g.busy, c)
	}
}

// Idle says that nobody waits for an answer.
func (g *Gate) Idle() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.busy) == 0
}
