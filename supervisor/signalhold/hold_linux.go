package signalhold

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"
)

// Command is the hidden command of the holder.
const Command = "hold-signals"

// startPatience bounds how long a holder may take to begin.
const startPatience = 3 * time.Second

// Hold is a holder of the signals of this process.
type Hold struct {
	Pid    int
	Socket int // descriptor; the next program inherits it for Release
}

// Begin starts a holder, which is this program with Command. From then on none of
// the signals that are held reaches this process until Release.
func Begin(stderr *os.File) (*Hold, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("holding signals: making a socket: %w", err)
	}
	h, its := &Hold{Socket: pair[0]}, os.NewFile(uintptr(pair[1]), "holder")
	defer its.Close()
	cmd := exec.Command("/proc/self/exe", Command)
	cmd.Args[0] = os.Args[0]
	cmd.Stderr = stderr
	cmd.ExtraFiles = []*os.File{its}
	if err := cmd.Start(); err != nil {
		unix.Close(h.Socket)
		return nil, fmt.Errorf("holding signals: starting the holder: %w", err)
	}
	h.Pid = cmd.Process.Pid
	_ = cmd.Process.Release() // this program, or the next one, waits for it by its pid
	// Where only parents may trace (Yama), a child that is named may.
	_ = unix.Prctl(unix.PR_SET_PTRACER, uintptr(h.Pid), 0, 0, 0) // fails without Yama
	if err := h.await(); err != nil {
		h.Release()
		return nil, fmt.Errorf("holding signals: %w", err)
	}
	return h, nil
}

// await waits until the holder holds.
func (h *Hold) await() error {
	limit := unix.NsecToTimeval(int64(startPatience))
	err := unix.SetsockoptTimeval(h.Socket, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit)
	if err == nil {
		_, err = unix.Write(h.Socket, []byte{begin})
	}
	if err != nil {
		return err
	}
	text := make([]byte, 1024)
	for {
		n, err := unix.Read(h.Socket, text)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("the holder does not begin: %w", err)
		case n == 0:
			return errors.New("the holder has ended")
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
