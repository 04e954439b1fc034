package mailing_test

import (
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/supervisor/mailing"
)

// TestStopWhileReading: a stop that comes while the disk has not yet given what was kept leaves it where it
// is. The FIFO stands for a disk that is slow to answer.
func TestStopWhileReading(t *testing.T) {
	dir := t.TempDir()
	m := mailing.New(slog.New(slog.DiscardHandler), dir, "a.conf")
	if err := unix.Mkfifo(m.File(), 0o600); err != nil {
		t.Fatal(err)
	}
	m.Apply(closed())
	m.Hurry()
	m.SendKept()
	ended := make(chan struct{})
	go func() { m.End(); close(ended) }()
	// The writer's end can be opened once the reader has opened its own.
	w, err := os.OpenFile(m.File(), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	text := `{"Waiting":[{"At":"` + time.Now().Format(time.RFC3339) + `","Subject":"VI - Entering MASTER state"}]}`
	if _, err := w.WriteString(text); err != nil {
		t.Fatal(err)
	}
	w.Close()
	<-ended
	if list := files(t, dir); len(list) != 1 || !strings.HasPrefix(list[0], "mail-") {
		t.Errorf("what was kept is gone: %q", list)
	}
}
