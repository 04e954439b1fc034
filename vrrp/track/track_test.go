package track_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/vrrp/track"
)

func TestInterfaces(t *testing.T) {
	type tracked = []conf.TrackInterface
	up := func(name string) bool { return name == "up" || name == "up2" }
	for _, tt := range []struct {
		name     string
		priority uint8
		tracked  tracked
		want     track.Effect
	}{
		{"nothing tracked", 100, nil, track.Effect{Priority: 100}},
		{"weight 0 and up", 100, tracked{{Name: "up"}}, track.Effect{Priority: 100}},
		{"weight 0 and down", 100, tracked{{Name: "up"}, {Name: "down"}},
			track.Effect{Fault: "tracked interface down is down", Priority: 100}},
		{"weight 0 reverse and up", 100, tracked{{Name: "up", Reverse: true}},
			track.Effect{Fault: "tracked interface up is up", Priority: 100}},
		{"weight 0 reverse and down", 100, tracked{{Name: "down", Reverse: true}}, track.Effect{Priority: 100}},
		{"positive weight counts while up", 100, tracked{{Name: "up", Weight: 20}, {Name: "down", Weight: 3}},
			track.Effect{Priority: 120}},
		{"negative weight counts while down", 100, tracked{{Name: "up", Weight: -20}, {Name: "down", Weight: -3}},
			track.Effect{Priority: 97}},
		{"reverse negates: a positive weight is taken off while down", 100,
			tracked{{Name: "up", Weight: 20, Reverse: true}, {Name: "down", Weight: 3, Reverse: true}},
			track.Effect{Priority: 97}},
		{"weights add up", 100, tracked{{Name: "up", Weight: 10}, {Name: "up2", Weight: 5}}, track.Effect{Priority: 115}},
		{"not below 1", 100, tracked{{Name: "down", Weight: -253}}, track.Effect{Priority: 1}},
		{"not above 254", 100, tracked{{Name: "up", Weight: 253}}, track.Effect{Priority: 254}},
		{"the owner's stays", 255, tracked{{Name: "down", Weight: -253}}, track.Effect{Priority: 255}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, track.Interfaces(tt.priority, tt.tracked, up)); diff != "" {
				t.Errorf("unexpected effect (-want +got):\n%s", diff)
			}
		})
	}
}
