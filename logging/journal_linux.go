package logging

import (
	"fmt"
	"os"
	"syscall"
)

// IsJournal says whether f is the stream to systemd's journal that $JOURNAL_STREAM
// names by device and inode (systemd.exec(5)). A program may have inherited the
// variable and write elsewhere.
func IsJournal(f *os.File) bool {
	info, err := f.Stat()
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && os.Getenv("JOURNAL_STREAM") == fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}
