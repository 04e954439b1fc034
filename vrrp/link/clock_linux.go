package link

import (
	"fmt"
	"math"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// SystemClock is CLOCK_MONOTONIC. Its timers are absolute timerfds: Go's own
// fire up to a millisecond late, because the scheduler's wait counts in them.
type SystemClock struct{}

var _ Clock = SystemClock{}

// Now implements Clock.
func (SystemClock) Now() time.Time { return time.Now() }

// SinceBoot is how long the host has run, with the time it was suspended. It
// is read at each wake-up, so the call must be raw: one that Go's scheduler is
// told of wakes the runtime's monitor thread too, which costs more than an
// advertisement.
func SinceBoot() time.Duration {
	var t unix.Timespec
	_, _, errno := unix.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_BOOTTIME, uintptr(unsafe.Pointer(&t)), 0)
	if errno != 0 {
		return math.MaxInt64 // long enough for everything that waits
	}
	return time.Duration(t.Nano())
}

// NewTimer implements Clock.
func (SystemClock) NewTimer() (Timer, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("creating a timer: %w", err)
	}
	t := &timer{
		fd:   fd,
		file: os.NewFile(uintptr(fd), "timerfd"),
		c:    make(chan struct{}, 1),
		done: make(chan struct{}),
		base: time.Now(),
	}
	// The kernel's time is read after Go's: a deadline may come out late by
	// the nanoseconds between the two, never early.
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.file.Close()
		return nil, fmt.Errorf("reading the monotonic clock: %w", err)
	}
	t.monotonic = time.Duration(now.Nano())
	raw, err := t.file.SyscallConn()
	if err != nil {
		t.file.Close()
		return nil, fmt.Errorf("watching a timer: %w", err)
	}
	go t.wait(raw)
	return t, nil
}

type timer struct {
	fd   int
	file *os.File
	c    chan struct{}
	done chan struct{}
	// monotonic is CLOCK_MONOTONIC at base.
	base      time.Time
	monotonic time.Duration
}

// Set implements Timer.
func (t *timer) Set(at time.Time) error {
	// Zero would disarm the timer; a moment in the past fires at once.
	deadline := max(t.monotonic+at.Sub(t.base), 1)
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(deadline))}
	if err := unix.TimerfdSettime(t.fd, unix.TFD_TIMER_ABSTIME, &spec, nil); err != nil {
		return fmt.Errorf("setting the timer: %w", err)
	}
	return nil
}

// C implements Timer.
func (t *timer) C() <-chan struct{} { return t.c }

// Close implements Timer.
func (t *timer) Close() error {
	err := t.file.Close()
	<-t.done
	return err
}

// wait hands the expirations on until the timer is closed.
func (t *timer) wait(raw syscall.RawConn) {
	defer close(t.done)
	var expirations [8]byte
	// The read does not block: see conn's Send about such calls.
	expired := func(fd uintptr) bool {
		_, _, errno := unix.RawSyscall(unix.SYS_READ, fd,
			uintptr(unsafe.Pointer(&expirations[0])), unsafe.Sizeof(expirations))
		return errno != unix.EAGAIN && errno != unix.EINTR
	}
	for {
		if err := raw.Read(expired); err != nil {
			return
		}
		select {
		case t.c <- struct{}{}:
		default: // one that nobody has taken yet says the same
		}
	}
}
