package resource

// tasks are what is to be made, each stage in the order in which it was asked
// for: whoever became MASTER first is served first.
type tasks struct {
	stages [stages][]*task
	// latest is the task of each owner's last job, until it is done.
	latest map[Owner]*task
}

// putJob adds the task of a job. It takes the place of the task of the owner's
// earlier job when that waits for its addresses, so that nobody loses its turn
// by asking again.
func (q *tasks) putJob(t *task) {
	old := q.latest[t.owner]
	if old != nil {
		t.supersede(old)
		if old.stage == 0 {
			*old = *t
			return
		}
		old.superseded = true
	}
	q.latest[t.owner] = t
	q.put(t)
}

// put adds a task beside those of jobs.
func (q *tasks) put(t *task) { q.stages[t.stage] = append(q.stages[t.stage], t) }

// first is the task that is to be worked on, nil without one: those of the
// first stage come before all of the next.
func (q *tasks) first() *task {
	for n := range q.stages {
		for len(q.stages[n]) > 0 {
			if t := q.stages[n][0]; !t.superseded {
				return t
			}
			q.drop(n)
		}
	}
	return nil
}

// advance moves the first task to its next stage and says whether it was its last.
func (q *tasks) advance(t *task) (last bool) {
	q.drop(t.stage)
	t.stage++
	t.at, t.looked = 0, false
	if t.stage < stages {
		q.put(t)
		return false
	}
	if q.latest[t.owner] == t {
		delete(q.latest, t.owner)
	}
	return true
}

// drop takes the first task off a stage.
func (q *tasks) drop(stage int) {
	list := q.stages[stage]
	list[0] = nil
	if q.stages[stage] = list[1:]; len(list) == 1 {
		q.stages[stage] = nil // lets go of the array that the queue has walked through
	}
}
