package probe

import (
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"github.com/lvs-director/director/deadline"
	"github.com/lvs-director/director/mailbox"
	"golang.org/x/sys/unix"
)

// loop owns all sockets of checks in progress: one goroutine, one epoll instance,
// one heap of deadlines. Other goroutines put operations into its inbox.
type loop struct {
	epoll int
	// waiting is the epoll instance in the poller of the Go runtime: a goroutine that waits for
	// it takes no thread, and is woken without the kernel's help.
	waiting *os.File
	raw     syscall.RawConn
	bell    bell

	inbox *mailbox.Mailbox[inbox]
	ended chan struct{}

	// Owned by the goroutine.
	ready     []watched // by descriptor
	deadlines deadline.Heap[operation]
	pings     map[pingKey]*pingSocket
	tokens    *rand.Rand
	events    [256]unix.EpollEvent
	now       time.Time      // when these events were read
	buffer    [maxBrief]byte // for what is received
	unread    bool           // a handler has left something to be read
}

// watched is what the events of a descriptor are for. An event that was under way when
// the descriptor was closed has another turn than its successor.
type watched struct {
	handler handler // nil is none
	turn    int32
}

// bell wakes the loop from its sleep.
type bell struct {
	mu     sync.Mutex
	rung   bool
	asleep bool
}

// operation is a connect or an echo request in progress.
type operation interface {
	deadline.Item
	Due() time.Time
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
	if err := unix.SetNonblock(epoll, true); err != nil { // what the runtime asks of what it polls
		unix.Close(epoll)
		return nil, os.NewSyscallError("fcntl", err)
	}
	l := &loop{
		epoll: epoll, waiting: os.NewFile(uintptr(epoll), "epoll"), ended: make(chan struct{}),
		pings:  make(map[pingKey]*pingSocket),
		tokens: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())),
	}
	if err := l.waiting.SetReadDeadline(time.Time{}); err != nil {
		l.waiting.Close()
		return nil, err
	}
	if l.raw, err = l.waiting.SyscallConn(); err != nil {
		l.waiting.Close()
		return nil, err
	}
	l.inbox = mailbox.NewWaking[inbox](l.rouse)
	go l.run()
	return l, nil
}

func (l *loop) connect(e endpoint, keep bool, done func(net.Conn, error)) (cancel func()) {
	op := &connectOp{endpoint: e, keep: keep, done: done, socket: socket{fd: -1}}
	l.send(message{op: op})
	return func() { l.send(message{op: op, cancel: true}) }
}

func (l *loop) ping(e endpoint, done func(error)) (cancel func()) {
	op := &pingOp{endpoint: e, done: done}
	l.send(message{op: op})
	return func() { l.send(message{op: op, cancel: true}) }
}

func (l *loop) datagram(e endpoint, payload []byte, take func([]byte, int) bool, done func(error)) (cancel func()) {
	op := &datagramOp{endpoint: e, payload: payload, take: take, done: done, fd: -1}
	l.send(message{op: op})
	return func() { l.send(message{op: op, cancel: true}) }
}

// send puts a message into the inbox. A closed loop drops it.
func (l *loop) send(m message) {
	l.inbox.Put(func(in *inbox) { in.messages = append(in.messages, m) })
}

// past is a deadline that ends a sleep at once.
var past = time.Unix(1, 0)

func (l *loop) rouse() {
	l.bell.mu.Lock()
	defer l.bell.mu.Unlock()
	if l.bell.asleep && !l.bell.rung {
		l.waiting.SetReadDeadline(past)
	}
	l.bell.rung = true
}

// sleep returns when there are events, the inbox has content or a time has come; the zero
// time never comes.
func (l *loop) sleep(until time.Time) {
	l.bell.mu.Lock()
	if l.bell.rung {
		l.bell.rung = false
		l.bell.mu.Unlock()
		l.handle() // however busy others keep us
		return
	}
	l.waiting.SetReadDeadline(until)
	l.bell.asleep = true
	l.bell.mu.Unlock()

	l.raw.Read(func(uintptr) bool { return l.handle() > 0 })

	l.bell.mu.Lock()
	l.bell.asleep, l.bell.rung = false, false
	l.bell.mu.Unlock()
}

func (l *loop) close() {
	l.inbox.Put(func(in *inbox) { in.close = true })
	<-l.ended
}

// watch has h called for events on a descriptor.
func (l *loop) watch(fd int, events uint32, h handler) error {
	for fd >= len(l.ready) {
		l.ready = append(l.ready, watched{})
	}
	w := &l.ready[fd]
	w.turn++
	ev := unix.EpollEvent{Events: events, Fd: int32(fd), Pad: w.turn}
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(l.epoll), unix.EPOLL_CTL_ADD, uintptr(fd),
		uintptr(unsafe.Pointer(&ev)), 0, 0)
	if errno != 0 {
		return os.NewSyscallError("epoll_ctl", errno)
	}
	w.handler = h
	return nil
}

// forget undoes watch. The descriptor stays open.
func (l *loop) forget(fd int) {
	if fd < len(l.ready) && l.ready[fd].handler != nil {
		l.ready[fd].handler = nil
		unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, fd, nil)
	}
}

// closeWatched closes a descriptor, which undoes watch too.
func (l *loop) closeWatched(fd int) {
	if fd < len(l.ready) {
		l.ready[fd].handler = nil
	}
	closeSocket(fd)
}

func (l *loop) run() {
	defer close(l.ended)
	var todo inbox
	for {
		at, _ := l.deadlines.Next()
		l.sleep(at)
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
				l.handle() // answers must not fill a socket's buffer meanwhile
				now = time.Now()
			}
		}
		if at, ok := l.deadlines.Next(); ok && !at.After(now) {
			l.handleAll()
			now = time.Now()
		}
		for op, ok := l.deadlines.Pop(now); ok; op, ok = l.deadlines.Pop(now) {
			op.end(l, overdue(now.Sub(op.Due())))
		}
	}
}

// overdue is the error of an operation whose time was over that long ago. What this process
// notices much too late says nothing about a server.
func overdue(ago time.Duration) error {
	if ago > lateness {
		return &localError{"wait for an answer", errLate}
	}
	return os.ErrDeadlineExceeded
}

// beginAtOnce is how many operations begin before answers are read again.
const beginAtOnce = 64

// handle handles some of the events that are there.
func (l *loop) handle() (handled int) {
	l.unread = false
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.epoll), uintptr(unsafe.Pointer(&l.events[0])),
		uintptr(len(l.events)), 0, 0, 0)
	if errno != 0 {
		if errno != unix.EINTR {
			// Only a programming error closes the epoll instance under us.
			panic("epoll_pwait: " + errno.Error())
		}
		return 0
	}
	if n > 0 {
		l.now = time.Now()
	}
	for _, ev := range l.events[:n] {
		if w := l.ready[ev.Fd]; w.handler != nil && w.turn == ev.Pad {
			w.handler.readyFor(l, ev.Events)
		}
	}
	return int(n)
}

// handleAll handles all events that are there. What has arrived counts, however
// late this process is to read it: a process that was stopped for some seconds
// must not take a thousand servers for dead that have answered.
func (l *loop) handleAll() {
	for range maxRounds {
		if n := l.handle(); n < len(l.events) && !l.unread {
			return
		}
	}
}

// maxRounds keeps sockets that never run dry from holding up the deadlines.
const maxRounds = 4096

func (l *loop) shutdown() {
	for {
		op, ok := l.deadlines.Pop(time.Now().Add(1000 * time.Hour))
		if !ok {
			break
		}
		op.end(l, errClosed)
	}
	l.inbox.Close() // after this no send wakes the loop
	l.waiting.Close()
}
