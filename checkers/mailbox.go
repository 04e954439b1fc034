package checkers

import "sync"

// mailbox brings results to the owner without making their senders wait. It
// is bounded by the number of runs under way: each sends once.
type mailbox struct {
	mu     sync.Mutex
	items  []outcome
	signal chan struct{} // holds a token while there may be items
}

func newMailbox() *mailbox { return &mailbox{signal: make(chan struct{}, 1)} }

func (m *mailbox) put(o outcome) {
	m.mu.Lock()
	m.items = append(m.items, o)
	m.mu.Unlock()
	select {
	case m.signal <- struct{}{}:
	default:
	}
}

// take empties the mailbox; spare is reused for what comes next.
func (m *mailbox) take(spare []outcome) []outcome {
	m.mu.Lock()
	defer m.mu.Unlock()
	items := m.items
	m.items = spare[:0]
	return items
}
