package signals

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Blocked calls f on a thread that has the signals blocked; a process that f starts has them
// blocked too, over the exec and from then on. For processes of ours only.
func Blocked(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var set, before unix.Sigset_t
	width := 8 * int(unsafe.Sizeof(set.Val[0]))
	for _, s := range append([]syscall.Signal{syscall.SIGHUP}, Dumps...) {
		set.Val[(int(s)-1)/width] |= 1 << ((int(s) - 1) % width)
	}
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &set, &before); err != nil {
		return f() // it has always worked; without it one of the signals may end what is started
	}
	defer unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil)
	return f()
}
