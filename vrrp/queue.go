package vrrp

// queue keeps one job per instance: a new one takes the place of the one that
// still waits, because only the latest wish counts.
type queue[T any] struct {
	order []key
	jobs  map[key]T
}

func (q *queue[T]) put(k key, job T) {
	if q.jobs == nil {
		q.jobs = make(map[key]T)
	}
	if _, waits := q.jobs[k]; !waits {
		q.order = append(q.order, k)
	}
	q.jobs[k] = job
}

func (q *queue[T]) get(k key) (T, bool) {
	job, ok := q.jobs[k]
	return job, ok
}

func (q *queue[T]) empty() bool { return len(q.order) == 0 }

// take removes the n jobs that wait longest.
func (q *queue[T]) take(n int) []T {
	n = min(n, len(q.order))
	jobs := make([]T, n)
	for i, k := range q.order[:n] {
		jobs[i] = q.jobs[k]
		delete(q.jobs, k)
	}
	q.order = q.order[n:]
	if len(q.order) == 0 {
		q.order = nil
	}
	return jobs
}
