package probe

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"os"
	"time"

	"github.com/lvs-director/director/deadline"
	"github.com/lvs-director/director/mailbox"
	"golang.org/x/sys/unix"
)

// loop owns all sockets of checks in progress: one goroutine, one epoll instance,
// one heap of deadlines. Other goroutines put operations into its inbox.
type loop struct {
	epoll, wake int // descriptors; wake is an eventfd

	inbox *mailbox.Mailbox[inbox]
	ended chan struct{}

	// Owned by the goroutine.
	ready     map[int]handler // by descriptor
	deadlines deadline.Heap[operation]
	pings     map[pingKey]*pingSocket
	tokens    *rand.Rand
	events    [256]unix.EpollEvent
	buffer    [2048]byte // for one received packet
}

// operation is a connect or an echo request in progress.
type operation interface {
	deadline.Item
	begin(l *loop, now time.Time)
	// end removes the operation from the loop and calls its done function, unless
	// err is errClosed.
	end(l *loop, err error)
}

// handler is called when its descriptor is ready.
type handler interface {
	readyFor(l *loop, events uint32)
}

// inbox is what the loop was asked for and has not taken yet.
type inbox struct {
	messages []message
	close    bool
}

type message struct {
	op     operation
	cancel bool
}

func newNetwork() (network, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(epoll)
		return nil, os.NewSyscallError("eventfd", err)
	}
	l := &loop{
		epoll: epoll, wake: wake, ended: make(chan struct{}),
		ready: make(map[int]handler), pings: make(map[pingKey]*pingSocket),
		tokens: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())),
	}
	l.inbox = mailbox.NewWaking[inbox](l.rouse)
	if err := l.watch(wake, unix.EPOLLIN, nil); err != nil {
		unix.Close(epoll)
		unix.Close(wake)
		return nil, err
	}
	go l.run()
	return l, nil
}

func (l *loop) connect(e endpoint, keep bool, done func(net.Conn, error)) (cancel func()) {
	op := &connectOp{endpoint: e, keep: keep, done: done, fd: -1}
	l.send(message{op: op})
	return func() { l.send(message{op: op, cancel: true}) }
}

func (l *loop) ping(e endpoint, done func(error)) (cancel func()) {
	op := &pingOp{endpoint: e, done: done}
	l.send(message{op: op})
	return func() { l.send(message{op: op, cancel: true}) }
}

// send puts a message into the inbox. A closed loop drops it.
func (l *loop) send(m message) {
	l.inbox.Put(func(in *inbox) { in.messages = append(in.messages, m) })
}

func (l *loop) rouse() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	unix.Write(l.wake, one[:]) // fails only when the counter is full: then the loop is awake
}

func (l *loop) close() {
	l.inbox.Put(func(in *inbox) { in.close = true })
	<-l.ended
}

// watch has h called for events on a descriptor.
func (l *loop) watch(fd int, events uint32, h handler) error {
	ev := unix.EpollEvent{Events: events, Fd: int32(fd)}
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	if h != nil {
		l.ready[fd] = h
	}
	return nil
}

// forget undoes watch. The descriptor stays open.
func (l *loop) forget(fd int) {
	if _, ok := l.ready[fd]; ok {
		delete(l.ready, fd)
		unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, fd, nil)
	}
}

func (l *loop) run() {
	defer close(l.ended)
	var todo inbox
	for {
		l.handle(l.patience(time.Now()))
		// New operations begin after all events were handled: an event for a
		// descriptor that was just closed must not go to its successor.
		todo = l.inbox.Take(inbox{messages: todo.messages[:0]})
		if todo.close {
			l.shutdown()
			return
		}
		now := time.Now()
		for i, m := range todo.messages {
			if m.cancel {
				m.op.end(l, errClosed)
			} else {
				m.op.begin(l, now)
			}
			todo.messages[i] = message{}
			if i%beginAtOnce == beginAtOnce-1 {
				l.handle(0) // answers must not fill a socket's buffer meanwhile
			}
		}
		if at, ok := l.deadlines.Next(); ok && !at.After(now) {
			l.handleAll()
		}
		for op, ok := l.deadlines.Pop(now); ok; op, ok = l.deadlines.Pop(now) {
			op.end(l, os.ErrDeadlineExceeded)
		}
	}
}

// beginAtOnce is how many operations begin before answers are read again.
const beginAtOnce = 64

// handle waits for events, for as many milliseconds, and handles some of them.
func (l *loop) handle(wait int) (handled int) {
	n, err := unix.EpollWait(l.epoll, l.events[:], wait)
	if err != nil && err != unix.EINTR {
		// Only a programming error closes the epoll instance under us.
		panic("epoll_wait: " + err.Error())
	}
	for _, ev := range l.events[:max(n, 0)] {
		if int(ev.Fd) == l.wake {
			var count [8]byte
			unix.Read(l.wake, count[:])
		} else if h := l.ready[int(ev.Fd)]; h != nil {
			h.readyFor(l, ev.Events)
		}
	}
	return n
}

// handleAll handles all events that are there. What has arrived counts, however
// late this process is to read it: a process that was stopped for some seconds
// must not take a thousand servers for dead that have answered.
func (l *loop) handleAll() {
	for range maxRounds {
		if l.handle(0) <= 0 {
			return
		}
	}
}

// maxRounds keeps a socket that never runs dry from holding up the deadlines.
const maxRounds = 4096

// patience is how long epoll may wait, in its milliseconds, rounded up.
func (l *loop) patience(now time.Time) int {
	at, ok := l.deadlines.Next()
	if !ok {
		return -1
	}
	wait := at.Sub(now)
	if wait <= 0 {
		return 0
	}
	return int(min((wait+time.Millisecond-1)/time.Millisecond, time.Hour/time.Millisecond))
}

func (l *loop) shutdown() {
	for {
		op, ok := l.deadlines.Pop(time.Now().Add(1000 * time.Hour))
		if !ok {
			break
		}
		op.end(l, errClosed)
	}
	unix.Close(l.epoll)
	// After this no send wakes the loop: the descriptor's number may be used again.
	l.inbox.Close()
	unix.Close(l.wake)
}
