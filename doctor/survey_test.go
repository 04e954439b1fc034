package doctor_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/doctor"
)

// What is heard on a link is told with the VRIDs that are free there; two who go on advertising our
// VRID are two MASTERs, and one that has given up in between is not.
func TestSurvey(t *testing.T) {
	cfg := &conf.Config{Instances: []*conf.Instance{{Name: "VI_1", Interface: "eth0", VRID: 51}}}
	heard := func(vrid uint8, sender string, times int) doctor.Heard {
		return doctor.Heard{Device: "eth0", VRID: vrid, Sender: netip.MustParseAddr(sender), Priority: 100, Times: times}
	}
	for name, tc := range map[string]struct {
		heard []doctor.Heard
		want  map[string]string // by code, words of cause, evidence and cure
	}{
		"nobody":     {nil, nil},
		"our master": {[]doctor.Heard{heard(51, "10.0.0.2", 3)}, nil},
		"a failover": {[]doctor.Heard{heard(51, "10.0.0.2", 1), heard(51, "10.0.0.3", 3)}, nil},
		"two masters": {[]doctor.Heard{heard(51, "10.0.0.2", 3), heard(51, "10.0.0.3", 3)},
			map[string]string{"two-masters": "VI_1"}},
		"others": {[]doctor.Heard{heard(1, "10.0.0.9", 3)}, map[string]string{"foreign-vrid": "2-50, 52-255"}},
		"others, both": {[]doctor.Heard{heard(1, "10.0.0.9", 3), heard(1, "10.0.0.8", 3)},
			map[string]string{"foreign-vrid": "10.0.0.8"}},
		"ours elsewhere": {[]doctor.Heard{{Device: "eth1", VRID: 51, Sender: netip.MustParseAddr("10.0.0.9"), Times: 3}},
			map[string]string{"foreign-vrid": "eth1"}},
		"IPv6 is its own": {[]doctor.Heard{{Device: "eth0", IPv6: true, VRID: 51, Sender: netip.MustParseAddr("fe80::1"),
			Times: 3}},
			map[string]string{"foreign-vrid": "eth0 (IPv6)"}},
		"the whole of all": {[]doctor.Heard{heard(255, "10.0.0.9", 3)}, map[string]string{"foreign-vrid": "1-50, 52-254"}},
	} {
		found := make(map[string]string)
		facts := doctor.Facts{Config: cfg, Survey: doctor.Survey{Lasted: 3 * time.Second, Heard: tc.heard}}
		for _, f := range doctor.Examine(facts) {
			if f.Code == "two-masters" || f.Code == "foreign-vrid" {
				found[f.Code] = f.Cause + " " + f.Evidence + " " + f.Cure
			}
		}
		if len(found) != len(tc.want) {
			t.Errorf("%s: found %v, want %v", name, found, tc.want)
		}
		for code, words := range tc.want {
			if !strings.Contains(found[code], words) {
				t.Errorf("%s: %s says %q, want %q in it", name, code, found[code], words)
			}
		}
	}
}
