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
	listener *net.UnixListener // nil as long as there is no socket: see Replace
	replaced chan struct{}     // closed when there is another listener
	closed   bool
	open     chan struct{}     // closed while the gate is open
	busy     map[net.Conn]bool // those that ask, or wait for an answer
}

// NewGate is an open one. Without a socket, nil, nobody comes until Replace.
func NewGate(l *net.UnixListener) *Gate {
	g := &Gate{listener: l, replaced: make(chan struct{}), open: make(chan struct{}), busy: make(map[net.Conn]bool)}
	close(g.open)
	return g
}

// now is the socket that is listened at.
func (g *Gate) now() *net.UnixListener {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.listener
}

// Replace listens at another socket from now on, since there was none, or its
// file was removed.
func (g *Gate) Replace(l *net.UnixListener) {
	g.mu.Lock()
	old := g.listener
	g.listener = l
	close(g.replaced)
	g.replaced = make(chan struct{})
	closed := g.closed
	g.mu.Unlock()
	if old != nil {
		old.SetUnlinkOnClose(false) // there is another file of that name
		old.Close()
	}
	if closed {
		l.Close()
	}
}

// Remove ends the socket: nobody comes until Replace.
func (g *Gate) Remove() {
	g.mu.Lock()
	old := g.listener
	g.listener = nil
	g.mu.Unlock()
	if old != nil {
		old.Close()
	}
}

// Close implements net.Listener.
func (g *Gate) Close() error {
	g.mu.Lock()
	l := g.listener
	if l == nil && !g.closed {
		close(g.replaced) // whoever waits for a socket
		g.replaced = make(chan struct{})
	}
	g.closed = true
	g.mu.Unlock()
	if l == nil {
		return nil
	}
	return l.Close()
}

// Addr implements net.Listener.
func (g *Gate) Addr() net.Addr {
	if l := g.now(); l != nil {
		return l.Addr()
	}
	return &net.UnixAddr{Net: "unix"}
}

// File is a copy of the socket, for another program; nil when there is none.
func (g *Gate) File() (*os.File, error) {
	if l := g.now(); l != nil {
		return l.File()
	}
	return nil, nil
}

// Shut lets nobody in until Unshut.
func (g *Gate) Shut() {
	g.mu.Lock()
	g.open = make(chan struct{})
	g.mu.Unlock()
	g.setDeadline(time.Unix(1, 0))
}

// Unshut lets them in again.
func (g *Gate) Unshut() {
	g.setDeadline(time.Time{})
	g.mu.Lock()
	close(g.open)
	g.mu.Unlock()
}

func (g *Gate) setDeadline(t time.Time) {
	if l := g.now(); l != nil {
		_ = l.SetDeadline(t) // a closed one lets nobody in either
	}
}

// await waits for the first socket, and gives the one that is listened at.
func (g *Gate) await() (*net.UnixListener, error) {
	for {
		g.mu.Lock()
		l, closed, replaced := g.listener, g.closed, g.replaced
		g.mu.Unlock()
		switch {
		case l != nil:
			return l, nil
		case closed:
			return nil, net.ErrClosed
		}
		<-replaced
	}
}

// Accept implements net.Listener.
func (g *Gate) Accept() (net.Conn, error) {
	for {
		l, err := g.await()
		if err != nil {
			return nil, err
		}
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
