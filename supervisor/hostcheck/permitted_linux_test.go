package hostcheck

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/ipvs/ipvstest"
)

// TestPermitted: where only IPVS is refused, in a container, or missing, VRRP goes on.
func TestPermitted(t *testing.T) {
	both := &conf.Config{Path: "a.conf", Instances: []*conf.Instance{{}}, VirtualServers: []*conf.VirtualServer{{}}}
	servers := &conf.Config{Path: "a.conf", VirtualServers: both.VirtualServers}
	refused := fmt.Errorf("list virtual servers: %w", syscall.EPERM)
	for name, tc := range map[string]struct {
		cfg     *conf.Config
		err     error
		good    bool
		goOn    bool
		another error
	}{
		"all is there":        {both, nil, true, false, nil},
		"no virtual server":   {&conf.Config{}, refused, true, false, nil},
		"refused beside VRRP": {both, refused, false, true, syscall.EPERM},
		"refused alone":       {servers, refused, false, false, syscall.EPERM},
		"no IPVS beside VRRP": {both, ipvs.ErrNoIPVS, false, true, ipvs.ErrNoIPVS},
		"no IPVS alone":       {servers, ipvs.ErrNoIPVS, false, false, ipvs.ErrNoIPVS},
	} {
		err := permitted(tc.cfg, func() (ipvs.Driver, error) { return ipvstest.NewFake(), tc.err })
		if (err == nil) != tc.good || errors.Is(err, ErrOnlyVRRP) != tc.goOn || tc.another != nil &&
			!errors.Is(err, tc.another) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
