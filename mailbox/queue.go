package mailbox

// Queue keeps one value per key: a later value replaces the one of its key that
// still waits, in its place in the order. The zero value is an empty queue. It
// has no lock.
type Queue[K comparable, V any] struct {
	order  []K
	values map[K]V
}

// Put adds the value of a key, or replaces the one that waits.
func (q *Queue[K, V]) Put(key K, value V) {
	if q.values == nil {
		q.values = make(map[K]V)
	}
	if _, waits := q.values[key]; !waits {
		q.order = append(q.order, key)
	}
	q.values[key] = value
}

// Get returns the value of a key that waits.
func (q *Queue[K, V]) Get(key K) (value V, ok bool) {
	value, ok = q.values[key]
	return value, ok
}

// Len is the number of values that wait.
func (q *Queue[K, V]) Len() int { return len(q.order) }

// First returns the value that has waited longest and its key, without removing it.
func (q *Queue[K, V]) First() (key K, value V, ok bool) {
	if len(q.order) == 0 {
		return key, value, false
	}
	return q.order[0], q.values[q.order[0]], true
}

// Take removes and returns the n values that have waited longest, or all there are.
func (q *Queue[K, V]) Take(n int) []V {
	n = min(n, len(q.order))
	values := make([]V, n)
	for i, key := range q.order[:n] {
		values[i] = q.values[key]
		delete(q.values, key)
	}
	q.order = q.order[n:]
	if len(q.order) == 0 {
		q.order = nil // lets go of the array that the order has walked through
	}
	return values
}
