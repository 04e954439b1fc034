package vrrp

import (
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/worker"
)

// The state of a dead worker's instance is resumed by the instance, even if a reload gave its name
// to another one; a worker of an older director told names only.
func TestWhatIsResumedFollowsTheIdentity(t *testing.T) {
	one, two := &conf.Instance{Name: "B", VRID: 1}, &conf.Instance{Name: "A", VRID: 2}
	cfg := &conf.Config{Instances: []*conf.Instance{one, two}}
	s := worker.Snapshot{Died: worker.Monotonic(), Instances: []event.InstanceState{
		{Instance: "A", ID: one.ID().String(), State: event.Master}, {Instance: "A", State: event.Backup},
		{Instance: "gone", ID: "nonsense", State: event.Master},
	}}
	r := resume(s, cfg)
	if len(r) != 2 || r[one.ID()].State != event.Master || r[two.ID()].State != event.Backup {
		t.Errorf("resume: %+v", r)
	}
}

// What it took to start the worker counts, and for how long it was silent before
// it died; a cold start resumes nothing.
func TestWhatIsResumed(t *testing.T) {
	s := worker.Snapshot{Died: worker.Monotonic() - 70*time.Millisecond, Instances: []event.InstanceState{
		{Instance: "VI_1", State: event.Master}, {Instance: "VI_2", State: event.Backup},
	}}
	one, two := &conf.Instance{Name: "VI_1", VRID: 1}, &conf.Instance{Name: "VI_2", VRID: 2}
	cfg := &conf.Config{Instances: []*conf.Instance{one, two}}
	r := resume(s, cfg)
	if dead := r[one.ID()].SilentFor; r[one.ID()].State != event.Master || dead < 70*time.Millisecond ||
		dead > 10*time.Second || r[two.ID()].State != event.Backup {
		t.Errorf("resume: %+v", r)
	}
	s.Advertised = link.SinceBoot() - time.Minute
	if silent := resume(s, cfg)[one.ID()].SilentFor; silent < time.Minute {
		t.Errorf("silent for %v after a last advertisement a minute ago", silent)
	}
	s.Silenced = true
	if !resume(s, cfg)[one.ID()].Silenced {
		t.Error("a worker that was killed for its silence may resume MASTER")
	}
	s.Died = 0
	if resume(s, cfg) != nil {
		t.Error("a cold start resumes something")
	}
}
