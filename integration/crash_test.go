//go:build linux

package integration_test

import (
	"testing"
	"time"

	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// slack is what the guest's emulated processors may add to a failover that
// the RFC times.
const slack = time.Second

// TestKeepalivedPairNAT is the reference: the lab, its client and its figures
// shown on a pair of Debian's keepalived.
func TestKeepalivedPairNAT(t *testing.T) {
	testHostCrash(t, pair.NAT, stage.Keepalived())
}

// testHostCrash: the master host is lost. The backup holds all virtual
// addresses when the RFC's time is over, the client is answered by the same
// real servers, and the host takes over again when it is back.
func testHostCrash(t *testing.T, method pair.Method, kind pair.Kind) {
	stage.Require(t)
	site := pair.New(t, method, 2)
	r := site.Run(t, [2]pair.Kind{kind, kind}, nil)

	broken := time.Now()
	r.Dirs[0].Crash()
	r.UntilMaster(1, r.Configs[1].MasterDownInterval()+slack)
	r.UntilAnswered(5 * time.Second)
	crash := r.Web.Between(broken, time.Now())
	r.Lab.Logf("host crash: %v; the RFC allows %v", crash, r.Configs[1].MasterDownInterval())
	if limit := r.Configs[1].MasterDownInterval() + slack; crash.LongestGap > limit {
		t.Errorf("host crash: the client had no answer for %v, more than %v", crash.LongestGap, limit)
	}
	for _, server := range r.Servers {
		if r.Web.AnsweredBy(server.Name, broken) == 0 {
			t.Errorf("no answer of %s after the crash", server.Name)
		}
	}

	back := time.Now()
	r.Dirs[0].Boot()
	r.StartDaemon(0, kind)
	r.UntilMaster(0, 20*time.Second)
	r.UntilAnswered(5 * time.Second)
	r.Lab.Logf("return: %v", r.Web.Between(back, time.Now()))
}
