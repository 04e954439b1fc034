package worker

import "time"

// Outbox sends messages without ever making their author wait for the reader.
//
// Messages have a key, the object they are about. While the reader is slow,
// a later message of a key replaces the earlier one in its place, unless it tells a new
// transition; one that would overtake a configuration goes behind it. So what is waiting is
// bounded by the number of objects and MostRecorded; what is left out of the transitions is
// counted (Message.LeftOut).
type Outbox struct {
	in   chan keyed
	stop chan struct{}
	done chan struct{}
	err  error
	left []keyed // what waited when write first failed
}

// gathering is how long a message that may travel with others waits for them: when a thousand checks
// change, each of their messages would be a frame of its own.
const gathering = 5 * time.Millisecond

// AtOnce is how many messages are sent together at most. What waits longer is replaced
// by what is newer.
const AtOnce = 512

// NewOutbox is NewOutboxOf for a write that takes one message at a time.
func NewOutbox(write func(Message) error) *Outbox {
	return NewOutboxOf(func(list []Message) error {
		for _, m := range list {
			if err := write(m); err != nil {
				return err
			}
		}
		return nil
	}, 1)
}

// NewOutboxOf starts a goroutine that passes messages to write, those that wait
// together, at most so many. It ends at the first error of write or when Close is called.
func NewOutboxOf(write func([]Message) error, most int) *Outbox {
	o := &Outbox{in: make(chan keyed), stop: make(chan struct{}), done: make(chan struct{})}
	go o.run(write, most)
	return o
}

// Put queues a message about the object key. It does nothing once the outbox has ended.
func (o *Outbox) Put(key string, m Message) {
	select {
	case o.in <- keyed{key, m}:
	case <-o.done:
	}
}

// Close sends what is waiting and returns the first error of write. The caller
// limits how long this takes by closing the stream below.
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
func (o *Outbox) run(write func([]Message) error, most int) {
	defer close(o.done)
	work := make(chan []Message)
	result := make(chan error)
	go func() {
		for list := range work {
			result <- write(list)
		}
	}()
	defer close(work)

	var waiting record
	writing, stopping := false, false
	var gathered <-chan time.Time // nil: what waits is not waiting for more
	for {
		if waiting.Len() > 0 && !writing && gathered == nil {
			batch := waiting.Take(most)
			list := make([]Message, len(batch))
			for i, k := range batch {
				list[i] = k.m
			}
			work <- list // whoever writes is waiting for it
			writing = true
		}
		if stopping && !writing {
			return
		}
		select {
		case k := <-o.in:
			switch {
			case !k.m.batchable() || stopping:
				gathered = nil
			case waiting.Len() == 0 && most > 1:
				gathered = time.After(gathering)
			}
			waiting.put(k)
		case <-gathered:
			gathered = nil
		case err := <-result:
			writing = false
			if err != nil {
				o.err = err
				o.left = waiting.Take(waiting.Len())
				return
			}
		case <-o.stop:
			stopping, gathered = true, nil
		}
	}
}
