package signalhold

import (
	"strings"

	"golang.org/x/sys/unix"
)

// ptraceSeize is ptrace(2) with PTRACE_SEIZE: it traces a thread without stopping it.
func ptraceSeize(tid int, options uintptr) error {
	return ptrace(unix.PTRACE_SEIZE, tid, options)
}

// ptraceListen is ptrace(2) with PTRACE_LISTEN: a thread stays stopped until a SIGCONT.
func ptraceListen(tid int) error { return ptrace(unix.PTRACE_LISTEN, tid, 0) }

func ptrace(request uintptr, tid int, data uintptr) error {
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, request, uintptr(tid), 0, data, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

func statusLines(text []byte) []string { return strings.Split(string(text), "\n") }
