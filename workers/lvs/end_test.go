package lvs

import (
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/table"
	"github.com/lvs-director/director/worker"
)

// TestTheSupervisorIsGone: the table stays as it is, connections go on.
func TestTheSupervisorIsGone(t *testing.T) {
	bubble(t, func(r *rig) {
		r.configure(1, configuration(first, second), nil)
		r.kernel.Forget()
		close(r.in)
		err := <-r.ended
		r.ended <- err
		if err != nil {
			t.Errorf("it ends with %v", err)
		}
		r.has(first, second)
		if done := r.kernel.Done(); len(done) > 0 {
			t.Errorf("it did %v", done)
		}
		if !strings.Contains(r.log.String(), "the supervisor has ended: leaving the IPVS table in place") {
			t.Error("it does not say why it ends")
		}
	})
}

// TestFinish removes what is ours, unless it is to be kept.
func TestFinish(t *testing.T) {
	for _, keep := range []bool{false, true} {
		bubble(t, func(r *rig) {
			r.configure(1, configuration(first), func(c *worker.Configure) { c.KeepServices = keep })
			r.in <- worker.Message{Finish: &worker.Finish{}}
			err := <-r.ended
			r.ended <- err
			if err != nil {
				t.Errorf("it ends with %v", err)
			}
			if got := len(r.kernel.Table()); (got == 1) != keep {
				t.Errorf("keep %v: the table has %d services", keep, got)
			}
		})
	}
}

// TestFinishLeavesWhatIsNotOurs: a service that somebody else made stays.
func TestFinishLeavesWhatIsNotOurs(t *testing.T) {
	bubble(t, func(r *rig) {
		foreign := table.Service{
			Key:       conf.ServiceKey{Protocol: conf.TCP, Address: netip.MustParseAddr("192.0.2.99"), Port: 80},
			Scheduler: "rr", MaskBits: 32,
		}
		want := table.Table{foreign.Key: ipvs.Entry(foreign, nil)}
		if err := r.kernel.Do(table.Diff(want, table.Table{}, nil)...); err != nil {
			t.Fatal(err)
		}
		r.configure(1, configuration(first), nil)
		if got := len(r.kernel.Table()); got != 2 {
			t.Errorf("the table has %d services", got)
		}
		r.in <- worker.Message{Finish: &worker.Finish{}}
		r.ended <- <-r.ended
		got := r.kernel.Table()
		if _, ok := got[foreign.Key]; !ok || len(got) != 1 {
			t.Errorf("the table is %v", got)
		}
	})
}

// TestASIGTERMChangesNothing: the supervisor got it too, and says when. Addresses go
// before services.
func TestASIGTERMChangesNothing(t *testing.T) {
	bubble(t, func(r *rig) {
		r.configure(1, configuration(first), nil)
		r.term <- syscall.SIGTERM
		time.Sleep(10 * time.Second)
		synctest.Wait()
		r.has(first)
		select {
		case err := <-r.ended:
			r.ended <- err
			t.Errorf("it ends with %v", err)
		default:
		}
	})
}
