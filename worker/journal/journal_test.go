package journal_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/worker/journal"
)

func open(t *testing.T, path, epoch string) *journal.Journal {
	t.Helper()
	j, err := journal.Open(path, epoch)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A worker that dies at any moment finds again what it had claimed.
func TestOutlivesTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path, "boot1 net1")
	must(t, j.Claim("address eth0 10.0.0.1/32", "address eth0 10.0.0.2/32"))
	must(t, j.Release("address eth0 10.0.0.1/32"))
	must(t, j.Claim("service tcp 10.0.0.9:80"))
	must(t, j.Close()) // writes nothing: as if the process were gone
	got := open(t, path, "boot1 net1").Held()
	want := []string{"address eth0 10.0.0.2/32", "service tcp 10.0.0.9:80"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// After a boot, or in another network namespace, the keys mean other things.
func TestAnotherEpochBeginsAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path, "boot1 net1")
	must(t, j.Claim("address eth0 10.0.0.1/32"))
	must(t, j.Close())
	if got := open(t, path, "boot2 net1").Held(); len(got) != 0 {
		t.Errorf("held %q from another boot", got)
	}
}

func TestALineCutOffByACrashIsNotBelieved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path, "e")
	must(t, j.Claim("a", "b"))
	must(t, j.Close())
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteString("+address eth0 10.0.")
	must(t, err)
	must(t, f.Close())
	if d := cmp.Diff([]string{"a", "b"}, open(t, path, "e").Held()); d != "" {
		t.Error(d)
	}
}

func TestJunkIsNoJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	must(t, os.WriteFile(path, []byte("\x00\xff+a\n+b\n"), 0o600))
	if got := open(t, path, "e").Held(); len(got) != 0 {
		t.Errorf("held %q from junk", got)
	}
}

// A flapping address must not fill the disk.
func TestDoesNotGrow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path, "e")
	must(t, j.Claim("kept"))
	for range 50_000 {
		must(t, j.Claim("flapping"))
		must(t, j.Release("flapping"))
	}
	info, err := os.Stat(path)
	must(t, err)
	if info.Size() > 100_000 {
		t.Errorf("%d bytes for one key", info.Size())
	}
	must(t, j.Close())
	if d := cmp.Diff([]string{"kept"}, open(t, path, "e").Held()); d != "" {
		t.Error(d)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	must(t, err)
	if len(entries) != 2 { // the journal and its lock
		t.Errorf("files left behind: %v", entries)
	}
}

// The successor of a worker that is still ending waits for it.
func TestOneProcessAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	first := open(t, path, "e")
	opened := make(chan *journal.Journal)
	go func() {
		second, err := journal.Open(path, "e")
		if err != nil {
			t.Error(err)
		}
		opened <- second
	}()
	must(t, first.Claim("a"))
	must(t, first.Release("a"))
	must(t, first.Claim("b"))
	must(t, first.Close())
	second := <-opened
	if d := cmp.Diff([]string{"b"}, second.Held()); d != "" {
		t.Error(d)
	}
	must(t, second.Close())
}

// A cleaner of temporary files, or rm -rf, takes the run directory away: what is
// ours stays known, and is in the file again as soon as there can be one.
func TestAJournalWhoseFileIsRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	must(t, os.Mkdir(dir, 0o755))
	path := filepath.Join(dir, "journal")
	j := open(t, path, "e")
	must(t, j.Claim("a", "b"))
	if changed, err := j.Restore(); changed || err != nil {
		t.Errorf("restored although nothing was removed: %v %v", changed, err)
	}
	must(t, os.RemoveAll(dir))
	if _, err := j.Restore(); err == nil {
		t.Error("no error although there is no directory")
	}
	must(t, j.Claim("c"))
	must(t, j.Release("a"))
	must(t, os.Mkdir(dir, 0o755))
	if changed, err := j.Restore(); !changed || err != nil {
		t.Errorf("not restored: %v %v", changed, err)
	}
	if _, err := journal.OpenAnyway(path, "e"); err == nil {
		t.Error("another process got a journal that is in use")
	}
	must(t, j.Close())
	if d := cmp.Diff([]string{"b", "c"}, open(t, path, "e").Held()); d != "" {
		t.Error(d)
	}
}

// A process that ends takes some time after it has closed its journal, and looks
// after its files until it is gone: it does not take the lock again.
func TestAClosedJournalIsNotRestored(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path, "boot")
	must(t, j.Close())
	if changed, err := j.Restore(); changed || err != nil {
		t.Errorf("restored: %v, %v", changed, err)
	}
	// The next process can have it.
	must(t, open(t, path, "boot").Close())
}

// A worker is needed although nothing can be written where its journal should be.
func TestAJournalThatCannotBeWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none", "journal")
	if _, err := journal.Open(path, "e"); err == nil {
		t.Fatal("opened without a directory")
	}
	j, err := journal.OpenAnyway(path, "e")
	if err == nil || j == nil {
		t.Fatalf("%v %v, want a journal and why it is not written", j, err)
	}
	must(t, j.Claim("a"))
	must(t, os.Mkdir(filepath.Dir(path), 0o755))
	if changed, err := j.Restore(); !changed || err != nil {
		t.Errorf("not restored: %v %v", changed, err)
	}
	must(t, j.Close())
	if d := cmp.Diff([]string{"a"}, open(t, path, "e").Held()); d != "" {
		t.Error(d)
	}
}

// A journal that could not be read to its end is not overwritten by the part that could:
// what is in the rest would be forgotten.
func TestAJournalThatCannotBeRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path, "e")
	must(t, j.Claim("a", "b", "c"))
	must(t, j.Close())
	for name, spoil := range map[string]func(){
		"a directory": func() { must(t, os.Mkdir(path, 0o755)) }, // opens, and cannot be read
		"too large":   func() { must(t, os.WriteFile(path, nil, 0o600)); must(t, os.Truncate(path, 1<<30)) },
	} {
		t.Run(name, func(t *testing.T) {
			kept := path + ".kept"
			must(t, os.Rename(path, kept))
			spoil()
			j, err := journal.OpenAnyway(path, "e")
			if err == nil || j == nil {
				t.Fatalf("%v %v, want a journal and why it is not written", j, err)
			}
			must(t, j.Release("a"))
			must(t, j.Claim("d"))
			must(t, j.Release("b"))
			must(t, j.Claim("b"))
			if changed, err := j.Restore(); err == nil || j.Written() {
				t.Errorf("what could not be read was overwritten: %v", changed)
			}
			must(t, os.Remove(path))
			must(t, os.Rename(kept, path))
			if changed, err := j.Restore(); !changed || err != nil || !j.Written() {
				t.Errorf("not written although the file can be read: %v %v", changed, err)
			}
			must(t, j.Close())
			again := open(t, path, "e")
			if d := cmp.Diff([]string{"b", "c", "d"}, again.Held()); d != "" {
				t.Error(d)
			}
			must(t, again.Release("d"))
			must(t, again.Claim("a"))
			must(t, again.Close())
		})
	}
}

// TestRemoveEmpty: one that has a key stays, and one that another process has.
func TestRemoveEmpty(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, err := journal.Open(path, "boot a")
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Claim("address a"); err != nil {
		t.Fatal(err)
	}
	if err := journal.RemoveEmpty(path); err == nil {
		t.Error("one that is held is removed")
	}
	j.Close()
	if err := journal.RemoveEmpty(path); err == nil {
		t.Error("one with a key is removed")
	}
	if j, err = journal.Open(path, "boot a"); err != nil {
		t.Fatal(err)
	}
	if err := j.Release("address a"); err != nil {
		t.Fatal(err)
	}
	// A process that was killed ends a moment later, and was writing the journal anew.
	must(t, os.WriteFile(path+".123", nil, 0o600))
	time.AfterFunc(100*time.Millisecond, func() { j.Close() })
	if err := journal.RemoveEmpty(path); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
