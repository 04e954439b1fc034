package mailbox

import "container/list"

// Record keeps values in their order of arrival. The latest one of each key always stays;
// of those before it the latest of all keys together, as many as Add is told. The zero value
// is an empty record. It has no lock.
type Record[K comparable, V any] struct {
	order  list.List // of *recorded, the oldest first
	latest map[K]*recorded[K, V]
	last   uint64    // number of what was put at the end last
	passed list.List // of *recorded: those that a later one of their key follows
}

type recorded[K comparable, V any] struct {
	key    K
	value  V
	place  *list.Element // in order
	number uint64        // grows along order
	passed *list.Element // in passed; nil for the latest one of its key
	next   *recorded[K, V]
}

// Len is the number of values.
func (r *Record[K, V]) Len() int { return r.order.Len() }

// Latest is the latest value of a key, which may be changed in its place; nil is none.
func (r *Record[K, V]) Latest(key K) *V {
	if l := r.latest[key]; l != nil {
		return &l.value
	}
	return nil
}

// Add adds a value. When there are more than most of those that are not the latest of their
// key, the oldest one is left out and returned, with the one of its key that comes after it.
func (r *Record[K, V]) Add(key K, value V, most int) (left V, next *V) {
	if r.latest == nil {
		r.latest = make(map[K]*recorded[K, V])
	}
	last, l := r.latest[key], &recorded[K, V]{key: key, value: value}
	l.place = r.order.PushBack(l)
	r.last++
	l.number = r.last
	r.latest[key] = l
	if last == nil {
		return left, nil
	}
	last.next, last.passed = l, r.passed.PushBack(last)
	if r.passed.Len() <= most {
		return left, nil
	}
	oldest := r.passed.Remove(r.passed.Front()).(*recorded[K, V])
	r.order.Remove(oldest.place)
	return oldest.value, &oldest.next.value
}

// Before says whether the latest value of a key stands before that of another; it does not
// when one of them is not there.
func (r *Record[K, V]) Before(key, other K) bool {
	a, b := r.latest[key], r.latest[other]
	return a != nil && b != nil && a.number < b.number
}

// ToEnd moves the latest value of a key, which is there, behind all others.
func (r *Record[K, V]) ToEnd(key K) {
	l := r.latest[key]
	r.order.MoveToBack(l.place)
	r.last++
	l.number = r.last
}

// First returns the n oldest values, or all there are.
func (r *Record[K, V]) First(n int) []V {
	out := make([]V, 0, min(n, r.order.Len()))
	for e := r.order.Front(); e != nil && len(out) < n; e = e.Next() {
		out = append(out, e.Value.(*recorded[K, V]).value)
	}
	return out
}

// Take removes and returns the n oldest values, or all there are.
func (r *Record[K, V]) Take(n int) []V {
	n = min(n, r.order.Len())
	out := make([]V, 0, n)
	for range n {
		l := r.order.Remove(r.order.Front()).(*recorded[K, V])
		if l.passed != nil {
			r.passed.Remove(l.passed)
		} else {
			delete(r.latest, l.key)
		}
		out = append(out, l.value)
	}
	return out
}
