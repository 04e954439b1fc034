package mailbox

import "sync"

// Mailbox holds content of type T until its owner takes it. The zero value is
// not usable; see New.
type Mailbox[T any] struct {
	mu      sync.Mutex
	content T
	closed  bool
	wake    func()
	signal  chan struct{} // one slot: holds a token while there may be content
}

// New makes an empty mailbox, whose content is the zero value of T.
func New[T any]() *Mailbox[T] {
	m := &Mailbox[T]{signal: make(chan struct{}, 1)}
	m.wake = func() {
		select {
		case m.signal <- struct{}{}:
		default:
		}
	}
	return m
}

// NewWaking is New for an owner that does not wait on a channel but, say, on a
// descriptor: wake is called after content was put, instead of Signal. It runs
// under the mailbox's lock and never after Close has returned.
func NewWaking[T any](wake func()) *Mailbox[T] { return &Mailbox[T]{wake: wake} }

// Put lets change add to the content and wakes the owner. change runs at once
// under the mailbox's lock: it must be quick and must not call the mailbox. A
// closed mailbox returns false and does not call change. Any goroutine may call
// Put; it never waits for the owner.
func (m *Mailbox[T]) Put(change func(content *T)) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	change(&m.content)
	m.wake()
	return true
}

// Signal receives a value after content was put. It may also receive one after
// the content was taken already: Take then returns what it left behind.
func (m *Mailbox[T]) Signal() <-chan struct{} { return m.signal }

// Take returns the content and leaves next in its place: the zero value of T,
// or an emptied slice or map to be used again.
func (m *Mailbox[T]) Take(next T) T {
	m.mu.Lock()
	defer m.mu.Unlock()
	content := m.content
	m.content = next
	return content
}

// Close makes the mailbox refuse further content. What is in it can still be
// taken. A second call does nothing.
func (m *Mailbox[T]) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
}
