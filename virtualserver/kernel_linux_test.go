package virtualserver_test

import (
	"errors"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/ipvs/ipvstest"
	"github.com/lvs-director/director/virtualserver/table"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// TestKernel is the loop over the real table: loaded, cleared by somebody
// else, repaired within a second, removed at the end.
func TestKernel(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: cannot make a network namespace")
	}
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("cannot make a network namespace: %v", err)
	}
	open := func() ipvs.Driver {
		d, err := ipvs.Open()
		if errors.Is(err, ipvs.ErrNoIPVS) {
			t.Skipf("not here: %v", err)
		}
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	kernel, somebody := open(), open()
	defer somebody.Close()
	if lo, err := netlink.LinkByName("lo"); err != nil || netlink.LinkSetUp(lo) != nil {
		t.Fatalf("cannot set lo up: %v", err)
	}

	loaded := make(chan event.TableLoaded, 10)
	states := make(chan event.VirtualServerState, 100)
	loop := virtualserver.New(virtualserver.Options{
		Open:    func() (ipvs.Driver, error) { return kernel, nil },
		Journal: newJournal(),
		Loaded:  func(l event.TableLoaded) { loaded <- l },
		State:   func(s event.VirtualServerState) { states <- s },
	})
	go loop.Run(t.Context())
	mh, rr := virtual(vip, a, b, c), virtual(vip2, a)
	mh.Scheduler, mh.Persistence = "mh", time.Minute
	servers := []*conf.VirtualServer{mh, rr}
	down := []event.RealServerState{verdict(mh, 1, false)}
	loop.Apply(&conf.Config{VirtualServers: servers}, virtualserver.Known{RealServers: down}, 1)
	if l := <-loaded; l.Error != "" {
		t.Fatal(l.Error)
	}
	want := table.Wanted(servers, map[conf.ServiceID]table.Verdicts{
		mh.ID(): {mh.RealServers[1].Key: table.VerdictOf(down[0])}})
	expect := func() {
		t.Helper()
		got, err := ipvs.Dump(somebody)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, ipvstest.Tables); diff != "" {
			t.Fatalf("table (-want +got):\n%s", diff)
		}
	}
	expect()

	cleared := time.Now()
	for _, err := range somebody.Apply(table.Diff(nil, want, func(conf.ServiceKey) bool { return true })) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for s := range states {
		if s.VirtualServer == rr.String() && s.Repaired == 1 {
			break
		}
	}
	t.Logf("repaired after %v", time.Since(cleared))
	expect()

	loop.Stop(false)
	want = table.Table{}
	expect()
}
