// Package deadline keeps things ordered by the time they are due: a binary
// heap whose members know their place, so that one that is cancelled leaves
// at once instead of lying in the heap until its time.
package deadline

import "time"

// Entry is embedded in what a Heap holds.
type Entry struct {
	at    time.Time
	index int // place in the heap plus one; 0 is not in it
}

// Due is when the entry was last set to be due.
func (e *Entry) Due() time.Time { return e.at }

// Pending says whether the entry is in a heap.
func (e *Entry) Pending() bool { return e.index > 0 }

func (e *Entry) entry() *Entry { return e }

// Item is a pointer to a struct that embeds Entry.
type Item interface{ entry() *Entry }

// Heap holds items ordered by time. The zero value is empty.
type Heap[T Item] struct{ items []T }

// Len is the number of items.
func (h *Heap[T]) Len() int { return len(h.items) }

// Set puts an item in, or moves it, to be due at a time.
func (h *Heap[T]) Set(item T, at time.Time) {
	e := item.entry()
	e.at = at
	if e.index == 0 {
		h.items = append(h.items, item)
		e.index = len(h.items)
	}
	h.fix(e.index - 1)
}

// Remove takes an item out. It does nothing when the item is not in.
func (h *Heap[T]) Remove(item T) {
	e := item.entry()
	if e.index == 0 {
		return
	}
	i, last := e.index-1, len(h.items)-1
	e.index = 0
	if i != last {
		h.items[i] = h.items[last]
		h.items[i].entry().index = i + 1
	}
	var zero T
	h.items[last] = zero
	h.items = h.items[:last]
	if i != last {
		h.fix(i)
	}
}

// Next is when the first item is due; false when there is none.
func (h *Heap[T]) Next() (time.Time, bool) {
	if len(h.items) == 0 {
		return time.Time{}, false
	}
	return h.items[0].entry().at, true
}

// First is the item that is due first; false when there is none. It stays in.
func (h *Heap[T]) First() (T, bool) {
	if len(h.items) == 0 {
		var zero T
		return zero, false
	}
	return h.items[0], true
}

// Pop takes out the first item if it is due by now.
func (h *Heap[T]) Pop(now time.Time) (T, bool) {
	if at, ok := h.Next(); !ok || at.After(now) {
		var zero T
		return zero, false
	}
	item := h.items[0]
	h.Remove(item)
	return item, true
}

func (h *Heap[T]) less(i, j int) bool {
	return h.items[i].entry().at.Before(h.items[j].entry().at)
}

func (h *Heap[T]) swap(i, j int) {
	h.items[i], h.items[j] = h.items[j], h.items[i]
	h.items[i].entry().index, h.items[j].entry().index = i+1, j+1
}

// fix restores the order around an item whose time has changed.
func (h *Heap[T]) fix(i int) {
	for i > 0 && h.less(i, (i-1)/2) {
		h.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
	for {
		child := 2*i + 1
		if child+1 < len(h.items) && h.less(child+1, child) {
			child++
		}
		if child >= len(h.items) || !h.less(child, i) {
			return
		}
		h.swap(i, child)
		i = child
	}
}
