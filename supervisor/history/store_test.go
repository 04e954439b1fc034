package history_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/supervisor/history"
)

func open(t *testing.T, state, path string) *history.Store {
	t.Helper()
	s, err := history.Open(state, path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func add(t *testing.T, s *history.Store, e history.Entry, text string) history.Entry {
	t.Helper()
	e.Time = time.Unix(1700000000, 0).UTC()
	if e.Digest == "" {
		e.Digest = "digest of " + text
	}
	e, err := s.Add(e, history.Text{Path: "a.conf", Files: []history.File{{Name: "a.conf", Text: text}}})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func numbers(t *testing.T, s *history.Store) (list []int) {
	t.Helper()
	entries, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Number)
	}
	return list
}

func TestWhatIsAddedIsThere(t *testing.T) {
	state := t.TempDir()
	s := open(t, state, "/etc/a.conf")
	text := history.Text{
		Path: "/etc/a.conf", ConfigID: "lb1", Local: "/etc/director/local.conf", Env: map[string]string{"A": "b"},
		Files: []history.File{{Name: "/etc/a.conf", Text: "include b/*\n"},
			{Name: "/etc/../etc/b/ä", Text: "\xff\x00 no text\n"}, {Name: "rel", Text: ""}},
	}
	want := history.Entry{Time: time.Unix(1700000000, 5).UTC(), Digest: "d", Reason: "start", Instances: 3}
	added, err := s.Add(want, text)
	if err != nil {
		t.Fatal(err)
	}
	want.Number, want.Of, want.Path, want.ConfigID = 1, 1, "/etc/a.conf", "lb1"
	got, gotText, err := open(t, state, "/etc/a.conf").Load(1)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" || added.Number != 1 {
		t.Errorf("entry (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(text, gotText); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	if _, _, err := s.Load(2); err == nil || !strings.Contains(err.Error(), "director history") {
		t.Errorf("a number that is not there: %v", err)
	}
}

// TestOnlyTheOwnerReadsIt: configurations have passwords in them.
func TestOnlyTheOwnerReadsIt(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	add(t, open(t, state, "/a"), history.Entry{}, "x")
	for name, want := range map[string]os.FileMode{"history": 0o700 | os.ModeDir, "history/000001.tar": 0o600} {
		info, err := os.Stat(filepath.Join(state, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), want)
		}
	}
}

func TestTheSameIsKeptOnce(t *testing.T) {
	s := open(t, t.TempDir(), "/a")
	add(t, s, history.Entry{}, "x")
	if e := add(t, s, history.Entry{}, "x"); e.Number != 1 {
		t.Errorf("number %d", e.Number)
	}
	add(t, s, history.Entry{}, "y")
	add(t, s, history.Entry{Of: 1}, "x")
	if got := numbers(t, s); !cmp.Equal(got, []int{1, 2, 3}) {
		t.Errorf("%v", got)
	}
}

// TestPathsAreApart: directors of one host, each with its own file.
func TestPathsAreApart(t *testing.T) {
	state := t.TempDir()
	a, b := open(t, state, "/a"), open(t, state, "/b")
	add(t, a, history.Entry{}, "1")
	add(t, b, history.Entry{}, "1")
	add(t, a, history.Entry{}, "2")
	if got := numbers(t, a); !cmp.Equal(got, []int{1, 3}) {
		t.Errorf("a: %v", got)
	}
	if got := numbers(t, b); !cmp.Equal(got, []int{2}) {
		t.Errorf("b: %v", got)
	}
	if _, _, err := b.Load(1); err == nil {
		t.Error("b can load a's")
	}
}

func TestTheOldestGo(t *testing.T) {
	s := open(t, t.TempDir(), "/a")
	for i := range history.Keep + 3 {
		add(t, s, history.Entry{}, fmt.Sprint(i))
	}
	got := numbers(t, s)
	if len(got) != history.Keep || got[0] != 4 || got[len(got)-1] != history.Keep+3 {
		t.Errorf("%v", got)
	}
}

func TestConfirm(t *testing.T) {
	s := open(t, t.TempDir(), "/a")
	e := add(t, s, history.Entry{Unconfirmed: true}, "x")
	list, err := s.List()
	if err != nil || !list[0].Unconfirmed {
		t.Fatalf("%+v, %v", list, err)
	}
	if err := s.Confirm(e.Number); err != nil {
		t.Fatal(err)
	}
	if list, err = s.List(); err != nil || len(list) != 1 || list[0].Unconfirmed {
		t.Errorf("%+v, %v", list, err)
	}
	if err := s.Confirm(e.Number); err == nil {
		t.Error("confirmed twice")
	}
}

// TestRubbishIsLeftAlone: files that are not ours, and what a crash left.
func TestRubbishIsLeftAlone(t *testing.T) {
	state := t.TempDir()
	s := open(t, state, "/a")
	add(t, s, history.Entry{}, "x")
	dir := filepath.Join(state, "history")
	whole, err := os.ReadFile(filepath.Join(dir, "000001.tar"))
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "000002.tar"), string(whole[:len(whole)/3]))
	put(t, filepath.Join(dir, "000003.tar"), "")
	put(t, filepath.Join(dir, "notes.txt"), "mine")
	put(t, filepath.Join(dir, ".new-123"), "half")
	s = open(t, state, "/a")
	if got := numbers(t, s); !cmp.Equal(got, []int{1, 2}) && !cmp.Equal(got, []int{1}) {
		t.Errorf("%v", got)
	}
	if e := add(t, s, history.Entry{}, "y"); e.Number != 4 {
		t.Errorf("the next is %d", e.Number)
	}
	if _, err := os.Stat(filepath.Join(dir, ".new-123")); err == nil {
		t.Error("what a crash left is still there")
	}
	if _, err := os.Stat(filepath.Join(dir, "notes.txt")); err != nil {
		t.Error(err)
	}
}

func TestNoStateDirectory(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "file"), "")
	if _, err := history.Open(filepath.Join(dir, "file"), "/a"); err == nil {
		t.Error("a file is no directory")
	}
	s, err := history.Look(filepath.Join(dir, "absent"), "/a")
	if err != nil {
		t.Fatal(err)
	}
	if got := numbers(t, s); len(got) != 0 {
		t.Errorf("%v", got)
	}
	if _, err := os.Stat(filepath.Join(dir, "absent")); err == nil {
		t.Error("looking made it")
	}
}

// FuzzArchive: whatever stands in an archive, nothing panics or blows up, and
// what can be read can be written and read again.
func FuzzArchive(f *testing.F) {
	var seed bytes.Buffer
	e := history.Entry{Number: 1, Digest: "d"}
	text := history.Text{Path: "/a", Files: []history.File{{Name: "/a", Text: "x"}}, Env: map[string]string{"A": "b"}}
	if err := history.WriteArchive(&seed, e, text); err != nil {
		f.Fatal(err)
	}
	f.Add(seed.Bytes())
	f.Add(bytes.Repeat([]byte{0}, 1024))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, text, err := history.ReadArchive(bytes.NewReader(data))
		if err != nil {
			return
		}
		if e.Number < 1 || e.Digest == "" {
			t.Fatalf("%+v", e)
		}
		var b bytes.Buffer
		if err := history.WriteArchive(&b, e, text); err != nil {
			return // a name or a time that tar cannot hold
		}
		again, textAgain, err := history.ReadArchive(&b)
		if err != nil || again.Digest != e.Digest || len(textAgain.Files) != len(text.Files) {
			t.Fatalf("%+v %+v %v", again, textAgain, err)
		}
	})
}

// TestADamagedArchiveIsNamed, and the others are listed.
func TestADamagedArchiveIsNamed(t *testing.T) {
	state := t.TempDir()
	s := open(t, state, "/etc/a.conf")
	for _, text := range []string{"a", "b", "c"} {
		add(t, s, history.Entry{}, text)
	}
	if bad, err := s.Unreadable(); err != nil || len(bad) != 0 {
		t.Errorf("%v %v", bad, err)
	}
	if err := os.WriteFile(filepath.Join(state, "history", "000002.tar"), []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	bad, err := s.Unreadable()
	if err != nil || len(bad) != 1 || bad[0].Number != 2 || bad[0].Error == "" {
		t.Errorf("%v %v", bad, err)
	}
	if got := numbers(t, s); !slices.Equal(got, []int{1, 3}) {
		t.Errorf("listed: %v", got)
	}
	if e := add(t, s, history.Entry{}, "d"); e.Number != 4 {
		t.Errorf("the next one is %d", e.Number)
	}
}
