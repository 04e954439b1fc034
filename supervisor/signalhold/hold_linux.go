package signalhold

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/signals"
)

// Command is the hidden command of the holder.
const Command = "hold-signals"

// startPatience bounds how long a holder may take to begin.
const startPatience = 3 * time.Second

var errEnded = errors.New("the holder has ended")

// Hold is a holder of the signals of this process.
type Hold struct {
	Pid    int
	Socket int // descriptor; the next program inherits it for Release
}

// Begin starts a holder, which is this program with Command. From then on none of
// the signals that are held reaches this process until Release. A holder that a
// signal ends before it has begun is followed by another one.
func Begin(stderr *os.File) (h *Hold, err error) {
	for end := time.Now().Add(startPatience); ; {
		if h, err = start(stderr); err != nil {
			return nil, fmt.Errorf("holding signals: %w", err)
		}
		if err = h.await(end); err == nil {
			return h, nil
		}
		_ = unix.Kill(h.Pid, unix.SIGKILL) // it may hang; that one is not waited for without end
		h.Release()
		if !errors.Is(err, errEnded) || time.Now().After(end) {
			return nil, fmt.Errorf("holding signals: %w", err)
		}
	}
}

// start starts a holder, with those signals blocked that a program can have blocked
// from its first instruction.
func start(stderr *os.File) (*Hold, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("making a socket: %w", err)
	}
	h, its := &Hold{Socket: pair[0]}, os.NewFile(uintptr(pair[1]), "holder")
	defer its.Close() // a holder that ends is noticed by the end of its socket
	cmd := exec.Command("/proc/self/exe", Command)
	cmd.Args[0] = os.Args[0]
	cmd.Stderr = stderr
	cmd.ExtraFiles = []*os.File{its}
	if err := signals.Blocked(cmd.Start); err != nil {
		unix.Close(h.Socket)
		return nil, fmt.Errorf("starting the holder: %w", err)
	}
	h.Pid = cmd.Process.Pid
	_ = cmd.Process.Release() // this program, or the next one, waits for it by its pid
	// Where only parents may trace (Yama), a child that is named may.
	_ = unix.Prctl(unix.PR_SET_PTRACER, uintptr(h.Pid), 0, 0, 0) // fails without Yama
	return h, nil
}

// await waits until the holder holds, at most until end, however many signals come meanwhile.
func (h *Hold) await(end time.Time) error {
	if _, err := unix.Write(h.Socket, []byte{begin}); err != nil {
		return errors.Join(errEnded, err)
	}
	text := make([]byte, 1024)
	for {
		left := time.Until(end)
		if left <= 0 {
			return fmt.Errorf("the holder has not begun within %v", startPatience)
		}
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(h.Socket), Events: unix.POLLIN}}, int(left.Milliseconds())+1)
		if errors.Is(err, unix.EINTR) || err == nil && ready == 0 {
			continue
		}
		n := 0
		if err == nil {
			n, err = unix.Read(h.Socket, text)
		}
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ECONNRESET), err == nil && n == 0:
			return errEnded
		case err != nil:
			return fmt.Errorf("the holder does not begin: %w", err)
		case text[0] != holding:
			return errors.New(string(text[:n]))
		}
		return nil
	}
}

// Release has the holder send what it has held, to whatever program this process
// runs now, and waits for its end.
func (h *Hold) Release() {
	_, _ = unix.Write(h.Socket, []byte{release}) // one that has ended holds nothing
	unix.Close(h.Socket)
	for {
		if _, err := unix.Wait4(h.Pid, nil, 0, nil); !errors.Is(err, unix.EINTR) {
			return // an error: somebody else was faster
		}
	}
}
