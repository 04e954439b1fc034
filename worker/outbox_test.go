package worker_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/worker"
)

func instance(name string, s event.VRRPState) worker.Message {
	return worker.Message{Instance: &event.InstanceState{Instance: name, State: s}}
}

// A supervisor that does not read stops nobody, and learns the latest state of
// every object when it reads again.
func TestLatestStateWinsWhileTheReaderIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reading := make(chan struct{})
		var got []string
		out := worker.NewOutbox(func(m worker.Message) error {
			<-reading
			got = append(got, m.Instance.Instance+" "+m.Instance.State.String())
			return nil
		})
		out.Put("A", instance("A", event.Backup))
		synctest.Wait() // the first one is on its way and cannot be replaced
		for range 1000 {
			out.Put("A", instance("A", event.Fault))
			out.Put("B", instance("B", event.Backup))
			out.Put("A", instance("A", event.Master))
		}
		close(reading)
		if err := out.Close(); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]string{"A BACKUP", "A MASTER", "B BACKUP"}, got); d != "" {
			t.Error(d)
		}
	})
}

func TestABrokenConnectionBlocksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		out := worker.NewOutbox(func(worker.Message) error { return broken })
		for i := range 100 {
			out.Put(fmt.Sprint(i), worker.Message{})
		}
		if err := out.Close(); !errors.Is(err, broken) {
			t.Errorf("Close: %v, want %v", err, broken)
		}
		out.Put("late", worker.Message{})
		if err := out.Close(); !errors.Is(err, broken) {
			t.Errorf("second Close: %v, want %v", err, broken)
		}
	})
}
