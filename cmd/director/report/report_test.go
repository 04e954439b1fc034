package report

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

var someday = Options{Host: "lb1", Now: time.Date(2026, 11, 30, 1, 2, 3, 0, time.UTC), Version: "1.2.3"}

// unpack gives the files of an archive.
func unpack(t *testing.T, packed []byte) map[string]string {
	t.Helper()
	plain, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for r := tar.NewReader(plain); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		name, ok := strings.CutPrefix(h.Name, "director-report-lb1-20261130T010203Z/")
		if !ok || h.Mode != 0o600 || h.Typeflag != tar.TypeReg {
			t.Errorf("%s has mode %o and type %c", h.Name, h.Mode, h.Typeflag)
		}
		files[name] = string(text)
	}
}

func saying(name, text string) part {
	return part{name, func(_ gathered, out *output) error {
		_, err := io.WriteString(out.file(name+".txt"), text)
		return err
	}}
}

// TestAPartThatFails leaves the others as they are, and a file that says why.
func TestAPartThatFails(t *testing.T) {
	var b bytes.Buffer
	entries, err := write(context.Background(), &b, someday, DefaultBounds, []part{
		{"refused", func(gathered, *output) error { return errors.New("permission denied") }},
		{"broken", func(gathered, *output) error { panic("index out of range") }},
		{"half", func(_ gathered, out *output) error {
			fmt.Fprint(out.file("half.txt"), "some")
			return errors.New("no more")
		}},
		saying("whole", "all"),
	})
	if err != nil {
		t.Fatal(err)
	}
	files := unpack(t, b.Bytes())
	for name, want := range map[string]string{
		"refused.failed.txt": "permission denied\n",
		"broken.failed.txt":  "this is a defect of director: index out of range\n",
		"half.txt":           "some", "half.failed.txt": "no more\n", "whole.txt": "all",
	} {
		if files[name] != want {
			t.Errorf("%s says %q, want %q", name, files[name], want)
		}
	}
	for _, want := range []string{"lb1", "1.2.3", "whole.txt", "! permission denied", Advice} {
		if !strings.Contains(files["contents.txt"], want) {
			t.Errorf("contents.txt does not say %q:\n%s", want, files["contents.txt"])
		}
	}
	if len(entries) != len(files) {
		t.Errorf("%d entries are told, %d files are there", len(entries), len(files))
	}
}

// TestPartsThatHang: a report takes no longer than its bounds, and has the parts that do not hang.
func TestPartsThatHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := make(chan struct{})
		hangs := func(_ gathered, out *output) error {
			fmt.Fprint(out.file("begun.txt"), "a")
			<-end
			if _, err := fmt.Fprint(out, "too late"); err == nil {
				t.Error("a part that is late still writes")
			}
			return nil
		}
		list := []part{saying("first", "1"), {"one", hangs}, saying("second", "2")}
		for range 8 {
			list = append(list, part{"more", hangs})
		}
		list = append(list, saying("last", "3"))
		var b bytes.Buffer
		began := time.Now()
		if _, err := write(context.Background(), &b, someday, DefaultBounds, list); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != time.Minute {
			t.Errorf("it takes %v, want a minute", took)
		}
		close(end)
		synctest.Wait()
		files := unpack(t, b.Bytes())
		for name, want := range map[string]string{
			"first.txt": "1", "second.txt": "2", "begun.txt": "a", "one.failed.txt": "it took longer than 10s\n",
			"last.failed.txt": "not gathered: the time for all parts, 1m0s, was over\n",
		} {
			if files[name] != want {
				t.Errorf("%s says %q, want %q", name, files[name], want)
			}
		}
	})
}

// TestAFileIsCutOff: a file is as long as it may be, and says that there was more.
func TestAFileIsCutOff(t *testing.T) {
	var b bytes.Buffer
	bounds := DefaultBounds
	bounds.Size = 10
	entries, err := write(context.Background(), &b, someday, bounds, []part{
		saying("long", "0123456789abcdef"), saying("fits", "0123456789"),
	})
	if err != nil {
		t.Fatal(err)
	}
	files := unpack(t, b.Bytes())
	want := "0123456789\n[cut off here: a file of a report has at most 10 bytes]\n"
	if files["long.txt"] != want || files["fits.txt"] != "0123456789" || files["long.failed.txt"] != "" {
		t.Errorf("the files are %q", files)
	}
	if entries[0].Trouble != "cut off after 10 bytes" || entries[1].Trouble != "" {
		t.Errorf("told are %+v", entries)
	}
}

// TestLaterPartsKnowWhatEarlierOnesLearned, but for those that were late.
func TestLaterPartsKnowWhatEarlierOnesLearned(t *testing.T) {
	_, err := write(context.Background(), io.Discard, someday, DefaultBounds, []part{
		{"finds", func(_ gathered, out *output) error {
			out.learn(func(g *gathered) { g.path = "/etc/lb.conf" })
			return nil
		}},
		{"uses", func(g gathered, _ *output) error {
			if g.path != "/etc/lb.conf" {
				t.Errorf("the path is %q", g.path)
			}
			return nil
		}},
	})
	if err != nil {
		t.Error(err)
	}
}

// TestTheFileIsPrivateAndNew: nothing that is there is written to, and only its owner reads it.
func TestTheFileIsPrivateAndNew(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	there := filepath.Join(dir, "there")
	if err := os.WriteFile(there, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{link, there} {
		if err := Run(Options{}, path, io.Discard, io.Discard, false); !errors.Is(err, os.ErrExist) {
			t.Errorf("%s: %v, want that it exists", path, err)
		}
	}
	if _, err := os.Lstat(target); err == nil {
		t.Error("a symbolic link was followed")
	}
	if text, _ := os.ReadFile(there); string(text) != "mine" {
		t.Errorf("a file that was there has now %q", text)
	}
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	f, err := create(filepath.Join(dir, "new"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Mode() != 0o600 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
}

func TestADiskThatIsFull(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("SKIP: there is no /dev/full:", err)
	}
	defer full.Close()
	_, err = write(context.Background(), full, someday, DefaultBounds, []part{saying("a", "b")})
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("the error is %v", err)
	}
}

func TestNamesOfReports(t *testing.T) {
	for host, want := range map[string]string{
		"lb1.example.org":        "director-report-lb1.example.org-20261130T010203Z",
		"../../x y":              "director-report-_.._x_y-20261130T010203Z",
		"":                       "director-report--20261130T010203Z",
		strings.Repeat("a", 300): "director-report-" + strings.Repeat("a", 64) + "-20261130T010203Z",
	} {
		o := someday
		if o.Host = host; o.Name() != want {
			t.Errorf("of host %q it is %q, want %q", host, o.Name(), want)
		}
	}
}

// TestInterrupted: who gives up is left no part of a report.
func TestInterrupted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.tar.gz")
	over := make(chan struct{})
	defer close(over)
	ctx, interrupt := context.WithCancel(context.Background())
	_, err := save(ctx, someday, path, []part{{"slow", func(gathered, *output) error {
		interrupt()
		<-over // for longer than anybody waits
		return nil
	}}})
	if err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("it ends with %v", err)
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", path, err)
	}
}
