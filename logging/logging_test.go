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
	q := newLineQueue(w, "")
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
	log, flush, err := New(&out, Options{})
	if err != nil {
		t.Fatal(err)
	}
	log.Info("stopped")
	flush()
	if !strings.Contains(out.String(), "msg=stopped") {
		t.Errorf("%q", out.String())
	}
}

// TestLevels: what is less important than asked for is not written.
func TestLevels(t *testing.T) {
	for level, want := range map[string]string{"": "IWE", "debug": "DIWE", "info": "IWE", "warn": "WE", "error": "E"} {
		var out strings.Builder
		log, flush, err := New(&out, Options{Level: level})
		if err != nil {
			t.Fatal(err)
		}
		log.Debug("D")
		log.Info("I")
		log.Warn("W")
		log.Error("E")
		flush()
		got := ""
		for line := range strings.Lines(out.String()) {
			got += strings.TrimSpace(line[strings.Index(line, "msg=")+4:])
		}
		if got != want {
			t.Errorf("level %q: %q, want %q", level, got, want)
		}
	}
	if _, _, err := New(&strings.Builder{}, Options{Level: "loud"}); err == nil {
		t.Error("a level that does not exist is taken")
	}
}

// TestJournalLinesCarryTheirPriority: in both formats, with attributes and groups.
func TestJournalLinesCarryTheirPriority(t *testing.T) {
	for _, format := range Formats {
		var out strings.Builder
		log, flush, err := New(&out, Options{Format: format, Level: "debug", Journal: true})
		if err != nil {
			t.Fatal(err)
		}
		log.Debug("a debug line")
		log.Info("an info line")
		log.With("worker", "vrrp").Warn("a warning")
		log.WithGroup("g").Error("an error", "error", "x")
		flush()
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		for n, want := range []string{"<7>|a debug line", "<6>|an info line", "<4>|vrrp", "<3>|an error"} {
			prefix, word, _ := strings.Cut(want, "|")
			if len(lines) != 4 || !strings.HasPrefix(lines[n], prefix) || !strings.Contains(lines[n], word) {
				t.Errorf("%s: line %d of %q, want %s", format, n, lines, want)
			}
		}
	}
}
