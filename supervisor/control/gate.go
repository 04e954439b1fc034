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
	*net.UnixListener
	mu   sync.Mutex
	open chan struct{}     // closed while the gate is open
	busy map[net.Conn]bool // those that ask, or wait for an answer
}

// NewGate is an open one.
func NewGate(l *net.UnixListener) *Gate {
	g := &Gate{UnixListener: l, open: make(chan struct{}), busy: make(map[net.Conn]bool)}
	close(g.open)
	return g
}

// Shut lets nobody in until Unshut.
func (g *Gate) Shut() {
	g.mu.Lock()
	g.open = make(chan struct{})
	g.mu.Unlock()
	_ = g.SetDeadline(time.Unix(1, 0)) // a closed one lets nobody in either
}

// Unshut lets them in again.
func (g *Gate) Unshut() {
	_ = g.SetDeadline(time.Time{})
	g.mu.Lock()
	close(g.open)
	g.mu.Unlock()
}

// Accept implements net.Listener.
func (g *Gate) Accept() (net.Conn, error) {
	for {
		c, err := g.UnixListener.Accept()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
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
