package logging

import (
	"strings"
	"testing"
)

// stuck is a log whose reader has stopped until it is closed.
type stuck struct {
	open    chan struct{}
	written chan string
}

func (s *stuck) Write(p []byte) (int, error) {
	<-s.open
	s.written <- string(p)
	return len(p), nil
}

// Nobody waits for a log that is not read; what was lost is said afterwards.
func TestALogThatIsNotReadStopsNobody(t *testing.T) {
	w := &stuck{open: make(chan struct{}), written: make(chan string, 3*logBacklog)}
	q := newLineQueue(w)
	for range 2 * logBacklog {
		if n, err := q.Write([]byte("line\n")); n != 5 || err != nil {
			t.Fatal(n, err)
		}
	}
	q.Flush() // returns although nothing can be written
	close(w.open)
	for lines := 0; ; lines++ {
		if text := <-w.written; strings.Contains(text, "log lines were lost") {
			return
		}
		if lines > 2*logBacklog {
			t.Fatal("the loss is not said")
		}
	}
}

func TestFlushWritesTheLastLines(t *testing.T) {
	var out strings.Builder
	log, flush := New(&out, "text")
	log.Info("stopped")
	flush()
	if !strings.Contains(out.String(), "msg=stopped") {
		t.Errorf("%q", out.String())
	}
}
