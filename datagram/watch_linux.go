package datagram

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Watch says that packets wait in a socket. It does not read them: what it had
// in hand when a timer expires would be missed.
type Watch[K any] struct {
	fd     int
	key    K
	ready  chan<- K
	epoll  *os.File // watches fd: once, until it is armed again
	closed chan struct{}
	once   sync.Once
	done   chan struct{} // the goroutine has ended
}

// NewWatch watches the socket fd, which stays the caller's. The key is delivered
// to ready once when packets wait, and once more after each Again.
func NewWatch[K any](fd int, key K, ready chan<- K) (*Watch[K], error) {
	epoll, err := watchOnce(fd)
	if err != nil {
		return nil, err
	}
	raw, err := epoll.SyscallConn()
	if err != nil {
		epoll.Close()
		return nil, fmt.Errorf("watching a socket: %w", err)
	}
	w := &Watch[K]{fd: fd, key: key, ready: ready, epoll: epoll, closed: make(chan struct{}), done: make(chan struct{})}
	go w.watch(raw)
	return w, nil
}

// Again has it say so once more. What waits already is an event of its own.
func (w *Watch[K]) Again() {
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT}
	conn, err := w.epoll.SyscallConn()
	if err == nil {
		_ = conn.Control(func(epoll uintptr) {
			_ = unix.EpollCtl(int(epoll), unix.EPOLL_CTL_MOD, w.fd, &event)
		})
	}
}

// Close ends it. It has to come before the socket is closed.
func (w *Watch[K]) Close() (err error) {
	w.once.Do(func() {
		close(w.closed)
		err = w.epoll.Close()
		<-w.done
	})
	return err
}

func (w *Watch[K]) watch(raw syscall.RawConn) {
	defer close(w.done)
	var events [1]unix.EpollEvent
	waits := func(epoll uintptr) bool {
		n, err := unix.EpollWait(int(epoll), events[:], 0)
		return n > 0 || (err != nil && !errors.Is(err, unix.EINTR))
	}
	for {
		if err := raw.Read(waits); err != nil {
			return
		}
		select {
		case w.ready <- w.key:
		case <-w.closed:
			return
		}
	}
}

// watchOnce makes an epoll instance of the socket's own that reports one
// packet and then nothing until it is armed. Go's poller, in which the socket
// itself could be, would be woken by each packet whether or not somebody waits.
func watchOnce(fd int) (*os.File, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("watching a socket: %w", err)
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT}
	err = unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &event)
	if err == nil {
		err = unix.SetNonblock(epoll, true) // Go's poller takes no other
	}
	if err != nil {
		unix.Close(epoll)
		return nil, fmt.Errorf("watching a socket: %w", err)
	}
	return os.NewFile(uintptr(epoll), "watch"), nil
}
