package events_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/events"
)

// open starts a Log in dir that numbers like one process.
func open(t *testing.T, dir string, size int64) *events.Log {
	t.Helper()
	start := time.Duration(time.Now().UnixNano())
	l := events.New(events.Options{
		Dir: dir, Log: slog.New(slog.DiscardHandler), Size: size,
		Number: event.NewNumbering("boot", start, event.PartSupervisor).Next,
		Notes:  event.NewNumbering("boot", start, event.PartScripts).Next,
	})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		l.Close(ctx)
	})
	return l
}

func flush(t *testing.T, l *events.Log) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	l.Flush(ctx)
	if ctx.Err() != nil {
		t.Fatal("the log did not write")
	}
}

func read(t *testing.T, dir string, q events.Query) events.Found {
	t.Helper()
	if q.Last == 0 {
		q.Last = 100_000
	}
	f, err := events.Read(dir, q)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func texts(f events.Found) string {
	var list []string
	for _, r := range f.Records {
		list = append(list, r.Text)
	}
	return strings.Join(list, " ")
}

func TestEventsAreReadInOrderAndByWhatIsAsked(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "events")
	l := open(t, dir, 0)
	l.Add(event.Record{Kind: event.RecordState, Object: "instance VI_1", Text: "a"})
	l.Add(event.Record{Kind: event.RecordVerdict, Text: "b",
		Object: "real server [10.0.0.11]:tcp:80 of virtual server [192.0.2.10]:tcp:80"})
	l.Add(event.Record{Kind: event.RecordState, Object: "instance VI_10", Text: "c"})
	l.Note(event.Record{Kind: event.RecordScript, Object: "INSTANCE VI_1 notify", Text: "d"})
	flush(t, l)
	for name, tc := range map[string]struct {
		q    events.Query
		want string
	}{
		"all":               {events.Query{}, "a b c d"},
		"the last two":      {events.Query{Last: 2}, "c d"},
		"by name":           {events.Query{Object: "VI_1"}, "a d"},
		"by the whole":      {events.Query{Object: "instance VI_1"}, "a"},
		"by an address":     {events.Query{Object: "10.0.0.11"}, "b"},
		"not by a part":     {events.Query{Object: "10.0.0.1"}, ""},
		"by a real server":  {events.Query{Object: "[10.0.0.11]:tcp:80"}, "b"},
		"by kind":           {events.Query{Kinds: []event.RecordKind{event.RecordState}}, "a c"},
		"not of the future": {events.Query{Since: time.Now().Add(time.Hour)}, ""},
	} {
		if got := texts(read(t, dir, tc.q)); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
	cursor := read(t, dir, events.Query{Last: 1}).Cursor
	l.Add(event.Record{Kind: event.RecordState, Object: "instance VI_1", Text: "e"})
	flush(t, l)
	f := read(t, dir, events.Query{After: cursor})
	if texts(f) != "e" {
		t.Errorf("behind the cursor is %q, want e", texts(f))
	}
	if again := read(t, dir, events.Query{After: f.Cursor}); len(again.Records) != 0 || again.Cursor != f.Cursor {
		t.Errorf("behind the last one is %+v", again)
	}
}

// A crash leaves half a line, a full disk too; what was whole is read, and what follows is whole.
func TestAFileThatWasCutLosesNoWholeLine(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "events")
	l := open(t, dir, 0)
	l.Add(event.Record{Kind: event.RecordState, Object: "instance VI_1", Text: "a"})
	flush(t, l)
	files, _ := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if len(files) != 1 {
		t.Fatalf("files: %v", files)
	}
	f, err := os.OpenFile(files[0], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("{\"number\":\"x\"\x00\x00\n{\"number\":\"boot-1-s9\",\"at\":\"2026-"); err != nil {
		t.Fatal(err)
	}
	f.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	l.Close(ctx)
	next := open(t, dir, 0)
	next.Add(event.Record{Kind: "of the future", Object: "instance VI_1", Text: "b"})
	flush(t, next)
	got := read(t, dir, events.Query{})
	if texts(got) != "a b" || got.Damaged != 1 {
		t.Errorf("read %q with %d damaged lines, want a b with 1", texts(got), got.Damaged)
	}
}

func TestEventsAreBoundedInSize(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "events")
	const size = 200 << 10
	l := open(t, dir, size)
	const all = 2000
	for n := range all {
		l.Add(event.Record{Kind: event.RecordVerdict, Object: fmt.Sprint("real server ", n), Text: strings.Repeat("x", 5000)})
		if n%20 == 0 {
			flush(t, l)
		}
	}
	flush(t, l)
	var total int64
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	if total > size {
		t.Errorf("the files have %d bytes, more than %d", total, size)
	}
	got := read(t, dir, events.Query{})
	if n := len(got.Records); n < 50 || got.Records[n-1].Object != fmt.Sprint("real server ", all-1) {
		t.Errorf("%d records are left, the last: %v", n, got.Records[max(0, n-1):])
	}
}

// What somebody removes comes again, and what cannot be written costs nothing but events.
func TestADirectoryThatCannotBeWrittenIsSaid(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "events")
	l := open(t, dir, 0)
	l.Add(event.Record{Kind: event.RecordState, Object: "instance VI_1", Text: "a"})
	flush(t, l)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l.Add(event.Record{Kind: event.RecordState, Object: "instance VI_1", Text: "b"})
	flush(t, l)
	if p := l.Problem(); !strings.Contains(p, "events are not kept") {
		t.Errorf("the problem is %q", p)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for l.Problem() != "" && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond) // for the back-off
	}
	if got := texts(read(t, dir, events.Query{})); got != "b" {
		t.Errorf("read %q, want b, which waited", got)
	}
}

// 10,000 flaps in a minute are some lines, and the last of them says how many there were.
func TestAFlappingObjectIsFolded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "events")
	l := open(t, dir, 0)
	var last event.Number
	for n := range 10_000 {
		last = l.Add(event.Record{Kind: event.RecordState, Object: "instance VI_1", To: fmt.Sprint(n), Text: "flap"})
	}
	l.Add(event.Record{Kind: event.RecordState, Object: "instance VI_2", Text: "calm"})
	flush(t, l)
	got := read(t, dir, events.Query{Object: "VI_1"})
	n := len(got.Records)
	if n < 2 || n > 100 {
		t.Fatalf("%d records are kept", n)
	}
	end := got.Records[n-1]
	if end.Number != last || end.LeftOut != 10_000-n || !strings.Contains(end.Text, "9970 more of this kind") {
		t.Errorf("the last record of %d is %+v", n, end)
	}
	if got := texts(read(t, dir, events.Query{Object: "VI_2"})); got != "calm" {
		t.Errorf("the other object has %q", got)
	}
}

// The chain that an operator asks for at night.
func TestWhyFollowsWhatWasCarried(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "events")
	l := open(t, dir, 0)
	at := time.Date(2026, 11, 29, 3, 12, 4, 0, time.Local)
	server := func(ip string, after time.Duration) event.Record {
		return event.Record{
			Number: event.Number("boot-1-c" + ip), At: at.Add(after), Kind: event.RecordVerdict, From: "up", To: "down",
			Object: "real server [" + ip + "]:tcp:80 of virtual server [192.0.2.10]:tcp:80", Text: "connection refused",
		}
	}
	// The lvs worker tells the quorum before the verdicts, when both change together.
	l.Add(event.Record{
		Number: "boot-1-t1", At: at.Add(2 * time.Second), Kind: event.RecordQuorum,
		Object: "virtual server [192.0.2.10]:tcp:80",
		From:   "quorum", To: "no quorum",
		Causes: []event.Number{"boot-1-c10.0.0.11", "boot-1-c10.0.0.12", "boot-1-c10.0.0.9"},
	})
	l.Add(server("10.0.0.11", 0))
	l.Add(server("10.0.0.12", 1200*time.Millisecond))
	l.Add(server("10.0.0.99", 1200*time.Millisecond)) // at the same time, and no cause
	l.Add(event.Record{
		Number: "boot-1-v1", At: at.Add(2 * time.Second), Kind: event.RecordPriority, Object: "instance VI_1", From: "100",
		To: "50", Causes: []event.Number{"boot-1-t1"},
	})
	l.Add(event.Record{
		Number: "boot-1-v2", At: at.Add(3 * time.Second), Kind: event.RecordState, Object: "instance VI_1", From: "MASTER",
		To: "BACKUP", Text: "advertisement with higher priority", Causes: []event.Number{"boot-1-v1"},
	})
	l.Note(event.Record{Kind: event.RecordScript, Object: "INSTANCE VI_1 notify", Text: "ok"})
	flush(t, l)
	steps, err := events.Why(dir, "VI_1")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"instance VI_1 became BACKUP (was MASTER) at 2026-11-29 03:12:07.000: advertisement with higher priority",
		" because the priority of instance VI_1 fell from 100 to 50 at 2026-11-29 03:12:06.000",
		"  because virtual server [192.0.2.10]:tcp:80 lost its quorum at 2026-11-29 03:12:06.000",
		"   because of an event that is not kept any more",
		"   because 2 real servers went down within 1.2s of each other",
		"    because real server [10.0.0.11]:tcp:80 of virtual server [192.0.2.10]:tcp:80 went down at " +
			"2026-11-29 03:12:04.000: connection refused",
		"    because real server [10.0.0.12]:tcp:80 of virtual server [192.0.2.10]:tcp:80 went down at " +
			"2026-11-29 03:12:05.200: connection refused",
	}
	if got := told(steps); got != strings.Join(want, "\n") {
		t.Errorf("why says\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	if steps, err := events.Why(dir, "VI_7"); err != nil || steps != nil {
		t.Errorf("of an unknown instance why says %v, %v", steps, err)
	}
}

// Numbers in a circle, which no director makes, end.
func TestWhyEnds(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "events")
	l := open(t, dir, 0)
	for _, n := range []event.Number{"boot-1-s1", "boot-1-s2", "boot-1-s3"} {
		l.Add(event.Record{
			Number: n, Kind: event.RecordState, Object: "instance VI_1",
			Causes: []event.Number{"boot-1-s1", "boot-1-s2", "boot-1-s3"},
		})
	}
	flush(t, l)
	steps, err := events.Why(dir, "VI_1")
	if err != nil || len(steps) < 3 || len(steps) > 20 {
		t.Errorf("why makes %d steps, %v", len(steps), err)
	}
}

func told(steps []control.WhyStep) string {
	var list []string
	for _, s := range steps {
		list = append(list, strings.Repeat(" ", s.Depth)+s.Text)
	}
	return strings.Join(list, "\n")
}
