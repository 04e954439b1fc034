package tracking

import (
	"context"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

func TestLeadingNumber(t *testing.T) {
	for _, tt := range []struct {
		text string
		want int
		ok   bool
	}{
		{"5\n", 5, true}, {" \t-7 and more", -7, true}, {"+3", 3, true}, {"0", 0, true},
		{"0x1F", 31, true}, {"-0X10", -16, true}, {"010", 8, true}, {"0xg", 0, true}, {"09", 0, true},
		{"", 0, false}, {"up", 0, false}, {"-", 0, false}, {"--1", 0, false},
		{"99999999999999999999999", math.MaxInt32, true}, {"-4294967296", -math.MaxInt32, true},
	} {
		if got, ok := leadingNumber(tt.text); got != tt.want || ok != tt.ok {
			t.Errorf("%q is %d (%v), want %d (%v)", tt.text, got, ok, tt.want, tt.ok)
		}
	}
}

func FuzzLeadingNumber(f *testing.F) {
	f.Add("-0x7fffffffff")
	f.Fuzz(func(t *testing.T, text string) {
		if n, ok := leadingNumber(text); n > math.MaxInt32 || n < -math.MaxInt32 || !ok && n != 0 {
			t.Errorf("%q is %d (%v)", text, n, ok)
		}
	})
}

// tracking is a configuration with one file that an instance tracks.
func trackingFile(c *conf.TrackFile) *conf.Config {
	return &conf.Config{
		Files:     []*conf.TrackFile{c},
		Instances: []*conf.Instance{{TrackFiles: []conf.Track{{Name: c.Name, Weight: 1}}}},
	}
}

func TestFileIsFollowed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weight")
	tr := New(Options{Log: slog.New(slog.DiscardHandler)})
	defer tr.Stop(context.Background())
	next := func(want int) {
		t.Helper()
		for deadline := time.After(10 * time.Second); ; {
			select {
			case r := <-tr.Results():
				if s, changed := tr.Take(r); changed && s.Value == want && s.Kind == event.TrackFile {
					return
				}
			case <-deadline:
				t.Fatalf("the value %d was not told", want)
			}
		}
	}
	write := func(text string) {
		t.Helper()
		// As careful writers do: a new file in the place of the old one.
		if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	tr.Apply(trackingFile(&conf.TrackFile{Name: "f", Path: path}))
	next(0) // it is not there
	write("-20\n")
	next(-20)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	next(0)
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * filePause) // a look at a pipe must not hang
	write("7")
	next(7)
	tr.Apply(trackingFile(&conf.TrackFile{Name: "f", Path: path, Weight: 3}))
	if s := tr.States(); len(s) != 1 || s[0].Value != 7 {
		t.Errorf("after a reload the states are %v", s)
	}
}

func TestInitFile(t *testing.T) {
	for _, tt := range []struct {
		name, before string
		overwrite    bool
		want         string
	}{
		{"new", "", false, "5\n"}, {"kept", "9", false, "9"}, {"overwritten", "9", true, "5\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "f")
			if tt.before != "" {
				if err := os.WriteFile(path, []byte(tt.before), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := initFile(&conf.TrackFile{Name: "f", Path: path, Init: true, InitValue: 5,
				Overwrite: tt.overwrite}); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(path); err != nil || string(got) != tt.want {
				t.Errorf("the file holds %q (%v), want %q", got, err, tt.want)
			}
		})
	}
}
