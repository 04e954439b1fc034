package notify

import "sync"

// mailbox brings work to the owner without making anybody wait. Work is never
// slow, so that it holds little.
type mailbox struct {
	mu     sync.Mutex
	items  []func()
	closed bool
	signal chan struct{} // holds a token while there may be items
}

// put adds work; a closed mailbox refuses it.
func (m *mailbox) put(work func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	m.items = append(m.items, work)
	select {
	case m.signal <- struct{}{}:
	default:
	}
	return true
}

func (m *mailbox) take() []func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	items := m.items
	m.items = nil
	return items
}

func (m *mailbox) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
}
