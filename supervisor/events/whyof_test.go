package events_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/events"
)

// A virtual server's address is in the names of its real servers too: they are not what is asked about.
func TestWhyIsAboutTheObjectThatIsNamed(t *testing.T) {
	const server = "virtual server [192.0.2.10]:tcp:80"
	dir := filepath.Join(t.TempDir(), "events")
	l := open(t, dir, 0)
	l.Add(event.Record{Kind: event.RecordQuorum, Object: server, To: "no quorum", Text: "quorum"})
	l.Add(event.Record{Kind: event.RecordVerdict, To: "up", Text: "verdict",
		Object: "real server [10.0.0.11]:tcp:80 of " + server})
	l.Add(event.Record{Kind: event.RecordVerdict, To: "up", Text: "another verdict",
		Object: "real server [10.0.0.12]:tcp:80 of virtual server [192.0.2.20]:tcp:80"})
	flush(t, l)
	for name, want := range map[string]string{
		server: "quorum", "[192.0.2.10]:tcp:80": "quorum", "192.0.2.10": "quorum", "10.0.0.11": "verdict",
		"real server [10.0.0.11]:tcp:80 of " + server: "verdict",
		"192.0.2.20": "another verdict", // for want of one of its own
	} {
		steps, err := events.Why(dir, name)
		if err != nil || len(steps) == 0 || steps[0].Event.Text != want {
			t.Errorf("why %s: %q, %v; want %s", name, told(steps), err, want)
		}
	}
}

// Whoever asks about an instance wants to know why it is BACKUP, whatever its priority is since.
func TestWhySaysTheStateBesideWhatCameAfterIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "events")
	l := open(t, dir, 0)
	backup := l.Add(event.Record{Kind: event.RecordState, Object: "instance VI_1", From: "MASTER", To: "BACKUP"})
	rose := l.Add(event.Record{Kind: event.RecordPriority, Object: "instance VI_1", From: "50", To: "100"})
	flush(t, l)
	steps, err := events.Why(dir, "VI_1")
	if err != nil || len(steps) != 2 || steps[0].Event.Number != rose || steps[1].Event.Number != backup ||
		steps[1].Depth != 0 {
		t.Errorf("why says\n%s, %v", told(steps), err)
	}
	l.Add(event.Record{Kind: event.RecordHandover, Object: "instance VI_1", To: "taking part",
		Causes: []event.Number{backup}})
	flush(t, l)
	if steps, err = events.Why(dir, "VI_1"); err != nil || len(steps) != 2 {
		t.Errorf("a state that is told as a cause is told again:\n%s, %v", told(steps), err)
	}
}

// The lvs worker may tell a verdict after the quorum that it moved: between them a file may end.
func TestWhyFindsACauseInALaterFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "events")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, line := range map[string]string{
		"00000001.jsonl": `{"number":"b-1-t1","kind":"quorum","object":"virtual server [192.0.2.10]:tcp:80","causes":["b-1-c1"]}`,
		"00000002.jsonl": `{"number":"b-1-c1","kind":"verdict","object":"real server x","text":"refused"}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(line+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	steps, err := events.Why(dir, "192.0.2.10")
	if err != nil || len(steps) != 2 || steps[1].Event == nil || steps[1].Event.Text != "refused" {
		t.Errorf("why says\n%s, %v", told(steps), err)
	}
}
