package pidfile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/lvs-director/director/supervisor/pidfile"
)

func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// TestSet: written, following replacements, made again, and gone at the end.
func TestSet(t *testing.T) {
	dir := t.TempDir()
	main, vrrp := filepath.Join(dir, "sub/k.pid"), filepath.Join(dir, "vrrp.pid")
	var s pidfile.Set
	s.Add("", main)
	s.Add("vrrp", vrrp)
	s.Add("lvs", "")
	s.Keep() // nothing is known yet
	s.Follow("", 10)
	s.Follow("vrrp", 11)
	s.Follow("vrrp", 12)
	s.Follow("lvs", 13)
	if a, b := content(t, main), content(t, vrrp); a != "10\n" || b != "12\n" {
		t.Errorf("%q, %q", a, b)
	}
	if info, err := os.Stat(main); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v", info, err)
	}
	os.Remove(main)
	s.Keep()
	if a := content(t, main); a != "10\n" {
		t.Errorf("removed by somebody: %q", a)
	}
	// Another daemon took the file over: it keeps it.
	if err := pidfile.Write(vrrp, 99); err != nil {
		t.Fatal(err)
	}
	s.Keep()
	s.Freshen()
	s.Remove()
	if a := content(t, vrrp); a != "99\n" {
		t.Errorf("another's: %q", a)
	}
	if _, err := os.Stat(main); !os.IsNotExist(err) {
		t.Errorf("after the end: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*", ".director*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestPlacesThatCannotBeWritten are a problem until they can.
func TestPlacesThatCannotBeWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "k.pid")
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	var s pidfile.Set
	s.Add("", path)
	s.Follow("", 10)
	if p := s.Problem(); !strings.Contains(p, path) {
		t.Errorf("%q", p)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s.Keep()
	if p := s.Problem(); p != "" || content(t, path) != "10\n" {
		t.Errorf("%q", p)
	}
	if err := pidfile.Write(os.DevNull, 1); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode().IsRegular() {
		t.Fatalf("/dev/null was replaced: %v, %v", info, err)
	}
}

// TestALinkIsReplaced: in a directory that others may write to it would lead anywhere.
func TestALinkIsReplaced(t *testing.T) {
	dir := t.TempDir()
	victim, path := filepath.Join(dir, "victim"), filepath.Join(dir, "k.pid")
	if err := os.WriteFile(victim, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, path); err != nil {
		t.Fatal(err)
	}
	if err := pidfile.Write(path, 7); err != nil || content(t, victim) != "x" || content(t, path) != "7\n" {
		t.Errorf("%v, %q, %q", err, content(t, victim), content(t, path))
	}
}

// TestAReaderSeesAllOrNothing, however often it is written.
func TestAReaderSeesAllOrNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "k.pid")
	if err := pidfile.Write(path, 1234567); err != nil {
		t.Fatal(err)
	}
	var w sync.WaitGroup
	w.Go(func() {
		for i := range 2000 {
			if err := pidfile.Write(path, 1000000+i); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 5000 {
		if pid, err := pidfile.Read(path); err != nil || pid < 1000000 {
			t.Errorf("%d, %v", pid, err)
		}
	}
	w.Wait()
}

// TestFilesWithoutAPid are told apart from those with one.
func TestFilesWithoutAPid(t *testing.T) {
	path := filepath.Join(t.TempDir(), "k.pid")
	for text, want := range map[string]int{"12\n": 12, "12": 12, " 12 \n": 12, "": 0, "-1\n": 0, "0\n": 0, "x": 0,
		"12 13\n": 0, strings.Repeat("1", 1000): 0} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if pid, err := pidfile.Read(path); pid != want || (err == nil) != (want != 0) {
			t.Errorf("%s: %d, %v", fmt.Sprintf("%.20q", text), pid, err)
		}
	}
}
