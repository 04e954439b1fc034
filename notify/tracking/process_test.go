package tracking

import (
	"context"
	"log/slog"
	"os/exec"
	"testing"
	"testing/fstest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

func TestMatching(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	proc := fstest.MapFS{
		"1/stat": file("1 (init) S 0 1"), "1/cmdline": file("/sbin/init\x00"),
		"20/stat": file("20 (nginx) S 1 20"), "20/cmdline": file("nginx: master process\x00"),
		"21/stat": file("21 (nginx) S 20 20"), "21/cmdline": file("nginx: worker process\x00"),
		"22/stat": file("22 (nginx) Z 20 20"),
		"30/stat": file("30 (a) b) (c) R 1 30"), "30/cmdline": file("/bin/odd\x00"),
		"40/stat":    file("40 (a-program-with-) S 1 40"),
		"40/cmdline": file("/bin/a-program-with-a-long-name\x00--port\x008080\x00-v\x00"),
		"50/stat":    file("50 (kthreadd) S 0 0"), "50/cmdline": file(""),
		"60/stat": file("60 ("), "self/stat": file("1 (nginx) S"),
	}
	long := "/bin/a-program-with-a-long-name"
	for _, tt := range []struct {
		name string
		c    conf.TrackProcess
		want int
	}{
		{"by name, without zombies", conf.TrackProcess{Argv: []string{"nginx"}}, 2},
		{"by a path's name", conf.TrackProcess{Argv: []string{"/usr/sbin/nginx"}}, 2},
		{"a name of parentheses", conf.TrackProcess{Argv: []string{"a) b) (c"}}, 1},
		{"a name the kernel has cut", conf.TrackProcess{Argv: []string{"a-program-with-a-long-name"}}, 1},
		{"nobody", conf.TrackProcess{Argv: []string{"apache2"}}, 0},
		{"nothing", conf.TrackProcess{}, 0},
		{"full command", conf.TrackProcess{Argv: []string{"/sbin/init"}, FullCommand: true}, 1},
		{"full command with more words", conf.TrackProcess{Argv: []string{long}, FullCommand: true}, 0},
		{"all words", conf.TrackProcess{Argv: []string{long, "--port", "8080", "-v"}}, 1},
		{"first words only", conf.TrackProcess{Argv: []string{long, "--port", "8080"}}, 0},
		{"partial", conf.TrackProcess{Argv: []string{long, "--port", "8080"}, Match: "partial"}, 1},
		{"partial, another word", conf.TrackProcess{Argv: []string{long, "--port", "80"}, Match: "partial"}, 0},
		{"initial", conf.TrackProcess{Argv: []string{long, "--port", "80"}, Match: "initial"}, 1},
		{"no parameters", conf.TrackProcess{Argv: []string{long}, Match: "exact"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := matching(proc, &tt.c); got != tt.want {
				t.Errorf("%d processes match, want %d", got, tt.want)
			}
		})
	}
}

// TestProcessIsFollowed: a real one that ends.
func TestProcessIsFollowed(t *testing.T) {
	cmd := exec.Command("sleep", "4711.25")
	if err := cmd.Start(); err != nil {
		t.Skip("no program to run:", err)
	}
	tr := New(Options{Log: slog.New(slog.DiscardHandler)})
	defer tr.Stop(context.Background())
	c := &conf.TrackProcess{Name: "p", Argv: []string{"sleep", "4711.25"}, Quorum: 1}
	tr.Apply(&conf.Config{
		Processes: []*conf.TrackProcess{c},
		Instances: []*conf.Instance{{TrackProcesses: []conf.Track{{Name: "p"}}}},
	})
	for _, up := range []bool{true, false} {
		select {
		case r := <-tr.Results():
			if s, changed := tr.Take(r); !changed || s.Up != up || s.Kind != event.TrackProcess {
				t.Fatalf("it was told %+v (%v), want up %v", s, changed, up)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("that it is up: %v was not told", up)
		}
		if up {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // it was killed
		}
	}
}
