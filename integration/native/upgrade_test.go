//go:build linux

package native_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// TestUpgrade replaces the program of a MASTER and of a BACKUP. With the same program file, the
// wire shows nothing of the upgrade. With another file the workers start anew, and the addresses do
// not move.
func TestUpgrade(t *testing.T) {
	const interval = 100 * time.Millisecond
	director := stage.PlainDirector() // a worker has two intervals to be back
	r := vrrpOnly(t).Run(t, [2]pair.Kind{director, director}, func(_ int, c *pair.Config) {
		c.Version, c.Service, c.Interval = 3, false, interval
	})
	upgrade := func(i int, words ...string) {
		t.Helper()
		words = append([]string{"upgrade"}, words...)
		if out, err := r.Dirs[i].Output(r.Daemons[i].AskCommand(words...)...); err != nil {
			t.Fatalf("director %v: %v\n%s", words, err, out)
		}
	}
	worker := func(i int) [2]int { return [2]int{r.Daemons[i].Worker(pair.VRRP), r.Daemons[i].Worker(pair.LVS)} }
	// quiet checks the wire since from: dir2 has sent nothing, and dir1 was always in time.
	quiet := func(what string, from time.Time, longest time.Duration) {
		t.Helper()
		time.Sleep(5 * interval)
		if sent := r.Advertised(1, from); len(sent) > 0 {
			t.Errorf("%s: dir2 sent advertisements: %+v", what, sent)
		}
		sent := r.Advertised(0, from)
		if len(sent) < 5 {
			t.Fatalf("%s: dir1 sent %d advertisements", what, len(sent))
		}
		most := time.Duration(0)
		for n, a := range sent[1:] {
			gap := a.Time.Sub(sent[n].Time)
			most = max(most, gap)
			if gap > longest+r.Lab.Starved(sent[n].Time, a.Time) {
				t.Errorf("%s: %v without an advertisement, want %v at most", what, gap, longest)
			}
			if a.Priority != sent[n].Priority {
				t.Errorf("%s: dir1 sent priority %d", what, a.Priority)
			}
		}
		t.Logf("%s: %d advertisements, at most %v apart", what, len(sent), most)
	}
	before := [2][2]int{worker(0), worker(1)}
	from := time.Now()
	for range 3 {
		upgrade(0)
		upgrade(1)
	}
	quiet("the same program", from, interval*3/2)
	if now := [2][2]int{worker(0), worker(1)}; now != before {
		t.Errorf("the workers are %v, before they were %v", now, before)
	}

	other := filepath.Join(t.TempDir(), "director")
	copyProgram(t, other, director.Path)
	from = time.Now()
	upgrade(0, "--binary", other)
	upgrade(1, "--binary", other)
	r.Lab.Steady(time.Second, "dir1 alone holds the virtual addresses", func() bool {
		return r.Holds(0) && !r.HoldsAny(1)
	})
	quiet("another program", from, 3*interval)
	for i := range before {
		if now := worker(i); now[0] == before[i][0] || now[1] == before[i][1] {
			t.Errorf("the workers of dir%d are %v, before they were %v", i+1, now, before[i])
		}
	}

	// A handover outlives the upgrade.
	if out, err := r.Dirs[0].Output(r.Daemons[0].AskCommand("handover", "VI_1")...); err != nil {
		t.Fatalf("handing over: %v\n%s", err, out)
	}
	upgrade(0)
	upgrade(0, "--binary", director.Path) // with new workers
	r.Lab.Steady(time.Second, "dir2 stays MASTER", func() bool { return r.Holds(1) && !r.HoldsAny(0) })
	if out, err := r.Dirs[0].Output(r.Daemons[0].AskCommand("resume", "all")...); err != nil {
		t.Fatalf("taking part again: %v\n%s", err, out)
	}
	r.UntilMaster(0, 5*time.Second)

	r.Daemons[0].Terminate()
	r.UntilMaster(1, r.Configs[1].SkewTime()+slack)
}

func copyProgram(t *testing.T, to, from string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE, 0o755)
	if err == nil {
		_, err = io.Copy(out, in)
	}
	if err == nil {
		err = out.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}
