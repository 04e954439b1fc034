package journal

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Holder is the process that has the journal at path, as the kernel lists locks
// (proc_locks(5)); 0 when none has, or none that this process can see.
func Holder(path string) (pid int, err error) {
	var st syscall.Stat_t
	if err := syscall.Stat(path+".lock", &st); err != nil {
		return 0, fmt.Errorf("looking at the lock of journal %s: %w", path, err)
	}
	file := fmt.Sprintf("%02x:%02x:%d", unix.Major(st.Dev), unix.Minor(st.Dev), st.Ino)
	text, err := os.ReadFile("/proc/locks")
	if err != nil {
		return 0, fmt.Errorf("looking for who locks journal %s: %w", path, err)
	}
	for line := range strings.Lines(string(text)) {
		// 1: FLOCK  ADVISORY  WRITE 1234 fe:00:5678 0 EOF
		f := strings.Fields(line)
		if len(f) < 6 || f[1] != "FLOCK" || f[5] != file {
			continue
		}
		if pid, err := strconv.Atoi(f[4]); err == nil && pid > 0 {
			return pid, nil
		}
	}
	return 0, nil
}
