package worker

// Outbox sends messages without ever making their author wait for the reader.
//
// Messages have a key, the object they are about. While the reader is slow,
// a later message of a key replaces the earlier one in its place; so what is
// waiting is bounded by the number of objects.
type Outbox struct {
	in   chan keyed
	stop chan struct{}
	done chan struct{}
	err  error
	left []keyed // what waited at the first error of write
}

type keyed struct {
	key string
	m   Message
}

// NewOutbox starts sending to write, one message at a time and in one
// goroutine. It ends at the first error of write, or by Close.
func NewOutbox(write func(Message) error) *Outbox {
	o := &Outbox{in: make(chan keyed), stop: make(chan struct{}), done: make(chan struct{})}
	go o.run(write)
	return o
}

// Put takes a message about the object key. After the end it does nothing.
func (o *Outbox) Put(key string, m Message) {
	select {
	case o.in <- keyed{key, m}:
	case <-o.done:
	}
}

// Close sends what is waiting and returns the first error of write. The caller
// bounds the time by closing the stream beneath.
func (o *Outbox) Close() error {
	select {
	case o.stop <- struct{}{}:
	case <-o.done:
	}
	<-o.done
	return o.err
}

// run owns the waiting messages; a second goroutine does the writing, so that
// the owner is always ready to take the next message.
func (o *Outbox) run(write func(Message) error) {
	defer close(o.done)
	work := make(chan Message)
	result := make(chan error)
	go func() {
		for m := range work {
			result <- write(m)
		}
	}()
	defer close(work)

	waiting := make(map[string]Message)
	var order []string
	writing, stopping := false, false
	for {
		var next chan Message
		var m Message
		if !writing && len(order) > 0 {
			next, m = work, waiting[order[0]]
		}
		if stopping && !writing && len(order) == 0 {
			return
		}
		select {
		case k := <-o.in:
			if _, ok := waiting[k.key]; !ok {
				order = append(order, k.key)
			}
			waiting[k.key] = k.m
		case next <- m:
			writing = true
			delete(waiting, order[0])
			order = order[1:]
		case err := <-result:
			writing = false
			if err != nil {
				o.err = err
				for _, key := range order {
					o.left = append(o.left, keyed{key, waiting[key]})
				}
				return
			}
		case <-o.stop:
			stopping = true
		}
	}
}
