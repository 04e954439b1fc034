package conf_test

import (
	"testing"

	"github.com/lvs-director/director/conf"
)

// TestMaxAdvertised: the numbers are those of keepalived 2.2.7 -t with 300
// addresses on interfaces with these MTUs.
func TestMaxAdvertised(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   conf.Instance
		mtu  int
		want int
	}{
		{"version 2", conf.Instance{Version: 2}, 1500, 255},
		{"version 2", conf.Instance{Version: 2}, 576, 131},
		{"PASS", conf.Instance{Version: 2, Auth: conf.Authentication{Type: conf.PassAuth}}, 576, 131},
		{"AH", conf.Instance{Version: 2, Auth: conf.Authentication{Type: conf.AHAuth}}, 576, 125},
		{"version 3", conf.Instance{Version: 3}, 576, 133},
		{"IPv6", conf.Instance{Version: 3, IPv6: true}, 1280, 76},
		{"IPv6", conf.Instance{Version: 3, IPv6: true}, 1500, 89},
		{"IPv6", conf.Instance{Version: 3, IPv6: true}, 9000, 255},
		{"no room", conf.Instance{Version: 3, IPv6: true}, 0, 1},
	} {
		if got := tc.in.MaxAdvertised(tc.mtu); got != tc.want {
			t.Errorf("%s, MTU %d: %d, want %d", tc.name, tc.mtu, got, tc.want)
		}
	}
}
