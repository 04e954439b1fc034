package program

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
)

// tail keeps the last OutputKept bytes that were written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	if over := len(t.buf) - OutputKept; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(b), nil
}

// bytes returns what was kept as it is.
func (t *tail) bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.buf)
}

// String returns what was kept, as valid UTF-8 without the end of the last line.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimRight(strings.ToValidUTF8(string(t.buf), "\uFFFD"), "\r\n")
}

// drain reads to the end, a small piece at a time, or until a deadline for
// reading is over: then it returns false.
func (t *tail) drain(r io.Reader) (end bool) {
	buf := make([]byte, 1024)
	for {
		n, err := r.Read(buf)
		t.Write(buf[:n])
		if err != nil {
			return !errors.Is(err, os.ErrDeadlineExceeded)
		}
	}
}
