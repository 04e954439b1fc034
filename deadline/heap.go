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
type Heap[T Item] struct{ slots []slot[T] }

// slot has the time beside the item, so that finding an item's place does not
// visit the others, which lie all over the memory.
type slot[T Item] struct {
	at    time.Time
	entry *Entry
	item  T
}

// Len is the number of items.
func (h *Heap[T]) Len() int { return len(h.slots) }

// Set puts an item in, or moves it, to be due at a time.
func (h *Heap[T]) Set(item T, at time.Time) {
	e := item.entry()
	e.at = at
	if e.index == 0 {
		h.slots = append(h.slots, slot[T]{})
		e.index = len(h.slots)
	}
	h.put(e.index-1, slot[T]{at: at, entry: e, item: item})
}

// Remove takes an item out. It does nothing when the item is not in.
func (h *Heap[T]) Remove(item T) {
	e := item.entry()
	if e.index == 0 {
		return
	}
	i, last := e.index-1, len(h.slots)-1
	e.index = 0
	moved := h.slots[last]
	h.slots[last] = slot[T]{}
	h.slots = h.slots[:last]
	if i != last {
		h.put(i, moved)
	}
}

// Next is when the first item is due; false when there is none.
func (h *Heap[T]) Next() (time.Time, bool) {
	if len(h.slots) == 0 {
		return time.Time{}, false
	}
	return h.slots[0].at, true
}

// First is the item that is due first; false when there is none. It stays in.
func (h *Heap[T]) First() (T, bool) {
	if len(h.slots) == 0 {
		var zero T
		return zero, false
	}
	return h.slots[0].item, true
}

// Pop takes out the first item if it is due by now.
func (h *Heap[T]) Pop(now time.Time) (T, bool) {
	if at, ok := h.Next(); !ok || at.After(now) {
		var zero T
		return zero, false
	}
	item := h.slots[0].item
	h.Remove(item)
	return item, true
}

// put finds the place of s, for which place i is free.
func (h *Heap[T]) put(i int, s slot[T]) {
	for i > 0 && s.at.Before(h.slots[(i-1)/2].at) {
		h.place(i, h.slots[(i-1)/2])
		i = (i - 1) / 2
	}
	for {
		child := 2*i + 1
		if child+1 < len(h.slots) && h.slots[child+1].at.Before(h.slots[child].at) {
			child++
		}
		if child >= len(h.slots) || !h.slots[child].at.Before(s.at) {
			break
		}
		h.place(i, h.slots[child])
		i = child
	}
	h.place(i, s)
}

func (h *Heap[T]) place(i int, s slot[T]) {
	h.slots[i] = s
	s.entry.index = i + 1
}
