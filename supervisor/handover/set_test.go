package handover_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/handover"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestOrdersOutliveTheDirector(t *testing.T) {
	file := handover.File(filepath.Join(t.TempDir(), "state"), "/etc/lb.conf")
	var s handover.Set
	if err := s.Load(file); err != nil {
		t.Fatalf("loading what was never written: %v", err)
	}
	s.Begin([]string{"A", "B"}, noon, time.Time{})
	s.Begin([]string{"B"}, noon, noon.Add(10*time.Minute))
	if err := s.Save(file); err != nil {
		t.Fatal(err)
	}
	var again handover.Set
	if err := again.Load(file); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"A", "B"}, again.Instances()); diff != "" {
		t.Errorf("instances (-want +got):\n%s", diff)
	}
	if got := again.Next(); !got.Equal(noon.Add(10 * time.Minute)) {
		t.Errorf("the next one ends at %v", got)
	}
	if diff := cmp.Diff([]string{"B"}, again.Expire(noon.Add(10*time.Minute))); diff != "" {
		t.Errorf("expired (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"A"}, again.End([]string{"A", "B", "C"})); diff != "" {
		t.Errorf("ended (-want +got):\n%s", diff)
	}
	if err := again.Save(file); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the file of no orders is there: %v", err)
	}
}

func TestAnOrderEndsByItself(t *testing.T) {
	var s handover.Set
	first := s.Begin([]string{"A"}, noon, time.Time{})
	second := s.Begin([]string{"A"}, noon, time.Time{})
	for _, told := range []event.InstanceState{
		{Instance: "A", State: event.Master},                       // told before it knew of any
		{Instance: "A", State: event.Master, HandOver: first},      // of the one before
		{Instance: "A", HandOver: second, HandedOver: true},        // in force
		{Instance: "other", State: event.Master, HandOver: second}, // of another
	} {
		if s.Heard(told) {
			t.Errorf("%+v ended the order", told)
		}
	}
	if !s.Heard(event.InstanceState{Instance: "A", State: event.Master, HandOver: second}) {
		t.Error("the order did not end")
	}
	if len(s.Numbers()) != 0 {
		t.Errorf("orders are left: %v", s.Numbers())
	}
}

func instance(name string, vrid uint8) *conf.Instance {
	return &conf.Instance{Name: name, Interface: "eth0", VRID: vrid}
}

// TestOrdersFollowTheIdentity of an instance through changes of the configuration.
func TestOrdersFollowTheIdentity(t *testing.T) {
	before := &conf.Config{Instances: []*conf.Instance{instance("A", 1), instance("B", 2)}}
	for name, tc := range map[string]struct {
		after []*conf.Instance
		want  []string
	}{
		"nothing changes":                {[]*conf.Instance{instance("A", 1), instance("B", 2)}, []string{"A"}},
		"renamed":                        {[]*conf.Instance{instance("X", 1), instance("B", 2)}, []string{"X"}},
		"names swapped":                  {[]*conf.Instance{instance("B", 1), instance("A", 2)}, []string{"B"}},
		"another VRID":                   {[]*conf.Instance{instance("A", 3), instance("B", 2)}, []string{"A"}},
		"removed":                        {[]*conf.Instance{instance("B", 2)}, nil},
		"removed, its name is another's": {[]*conf.Instance{instance("A", 2)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var s handover.Set
			number := s.Begin([]string{"A"}, noon, time.Time{})
			s.Follow(nil, before)
			s.Follow(before, &conf.Config{Instances: tc.after})
			if diff := cmp.Diff(tc.want, s.Instances()); diff != "" {
				t.Errorf("instances (-want +got):\n%s", diff)
			}
			if len(tc.want) == 0 {
				return
			}
			o, _ := s.Of(tc.want[0])
			// A word that was sent before the reload has the old name.
			told := event.InstanceState{Instance: "A", ID: o.ID.String(), HandOver: number}
			if !s.Heard(told) || len(s.Instances()) > 0 {
				t.Errorf("%+v did not end the order", told)
			}
		})
	}
}
