package events_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/events"
)

// Somebody who follows the events has all that waits written twice a second.
func TestOneWhoFollowsEventsDoesNotUndoTheFolding(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "events")
	l := open(t, dir, 0)
	const all = 1000
	for n := range all {
		l.Add(event.Record{Kind: event.RecordState, Object: "instance VI_1", To: fmt.Sprint(n), Text: "flap"})
		if n%50 == 49 {
			l.Await(t.Context())
		}
	}
	flush(t, l)
	got := read(t, dir, events.Query{})
	if n := len(got.Records); n > 100 {
		t.Errorf("%d of %d records of an object that flaps are kept one by one", n, all)
	}
}

// What waits for a disk is counted when it comes, not again each time that it is tried.
func TestWhatWaitsForADiskIsNotTakenForFlapping(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "events")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l := open(t, dir, 0)
	const all = 20
	for n := range all {
		l.Add(event.Record{Kind: event.RecordState, Object: "instance VI_1", Text: fmt.Sprint(n)})
	}
	deadline := time.Now().Add(20 * time.Second)
	for tries := 0; tries < 3 && time.Now().Before(deadline); tries++ {
		flush(t, l)
		time.Sleep(1100 * time.Millisecond) // for the back-off
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	for l.Problem() != "" && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	flush(t, l)
	if got := read(t, dir, events.Query{}); len(got.Records) != all || got.Records[all-1].Text != fmt.Sprint(all-1) {
		t.Errorf("of %d records %q are kept", all, texts(got))
	}
}

// A name that somebody else has taken is left alone, and hinders nothing.
func TestWhatIsNoFileOfEventsIsLeftAlone(t *testing.T) {
	for name, make := range map[string]func(path, other string) error{
		"a directory": func(path, _ string) error { return os.Mkdir(path, 0o700) },
		"a FIFO":      func(path, _ string) error { return syscall.Mkfifo(path, 0o600) },
		"a symlink":   func(path, other string) error { return os.Symlink(other, path) },
		"a symlink to nothing": func(path, other string) error {
			return os.Symlink(other+".not.there", path)
		},
	} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			dir, other := filepath.Join(parent, "events"), filepath.Join(parent, "other")
			if err := os.WriteFile(other, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := make(filepath.Join(dir, "00000001.jsonl"), other); err != nil {
				t.Fatal(err)
			}
			l := open(t, dir, 0)
			l.Add(event.Record{Kind: event.RecordState, Object: "instance VI_1", Text: "a"})
			flush(t, l)
			if got := texts(read(t, dir, events.Query{})); got != "a" || l.Problem() != "" {
				t.Errorf("kept is %q, the problem is %q", got, l.Problem())
			}
			if text, err := os.ReadFile(other); err != nil || len(text) > 0 {
				t.Errorf("the file that a symlink names has %q, %v", text, err)
			}
			if _, err := os.Stat(other + ".not.there"); err == nil {
				t.Error("a symlink to nothing made a file")
			}
		})
	}
}

// A host whose clock is wrong when it starts does not lose what it knows.
func TestAWrongClockRemovesNoEvents(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "events")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-10 * 365 * 24 * time.Hour) // as a clock that is ten years ahead sees it
	for n, text := range []string{"a", "b"} {
		path := filepath.Join(dir, fmt.Sprintf("%08d.jsonl", n+1))
		line := fmt.Sprintf(`{"number":"boot-1-s%d","at":"2026-11-29T03:12:04Z","kind":"state","object":"instance VI_1","text":"%s"}`,
			n+1, text)
		if err := os.WriteFile(path, []byte(line+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, long, long); err != nil {
			t.Fatal(err)
		}
	}
	l := open(t, dir, 0)
	l.Add(event.Record{Kind: event.RecordState, Object: "instance VI_1", Text: "c"})
	flush(t, l)
	if got := texts(read(t, dir, events.Query{})); got != "a b c" {
		t.Errorf("kept is %q, want a b c", got)
	}
}

// Who follows goes on when somebody removes the files.
func TestWhoFollowsGoesOnWhenTheFilesAreRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "events")
	l := open(t, dir, 0)
	for range 3 {
		l.Add(event.Record{Kind: event.RecordState, Object: "instance VI_1", Text: strings.Repeat("a", 500)})
	}
	flush(t, l)
	cursor := read(t, dir, events.Query{}).Cursor
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	l.Add(event.Record{Kind: event.RecordState, Object: "instance VI_1", Text: "b"})
	flush(t, l)
	if got := texts(read(t, dir, events.Query{After: cursor})); got != "b" {
		t.Errorf("behind the cursor is %q, want b", got)
	}
}
