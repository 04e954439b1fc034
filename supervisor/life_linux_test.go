package supervisor

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/worker"
)

// TestStart: the table goes first, then instances may become MASTER, then the
// service manager is told.
func TestStart(t *testing.T) {
	t.Parallel()
	r := prepared(t, instance("VI_1", "")+service)
	r.does(worker.LVS, noTable, "")
	r.start()
	lvs := r.awaitTold(worker.LVS, "configure", 1)
	vrrp := r.awaitTold(worker.VRRP, "configure", 1)
	if lvs.Generation != 1 || lvs.Services != 1 {
		t.Errorf("the lvs worker was told %+v", lvs)
	}
	if vrrp.Generation != 1 || len(vrrp.Instances) != 1 || vrrp.Instances[0] != "VI_1" {
		t.Errorf("the vrrp worker was told %+v", vrrp)
	}
	if vrrp.Proceed || len(r.toldOf(worker.VRRP, "proceed")) > 0 || r.toldReady("READY=1") {
		t.Error("an instance may become MASTER before the table is loaded")
	}
	r.says(worker.LVS, worker.Message{Table: &event.TableLoaded{Generation: 1, VirtualServers: 1}})
	r.awaitTold(worker.VRRP, "proceed", 1)
	r.until("it is in service", func() bool { return r.toldReady("READY=1") })
	wants(t, r.log.String(), "in service", "instances=1", "virtual_servers=1")
}

// TestStop: the vrrp worker ends first, so that priority 0 leaves at once and no
// address stays without its service; then the lvs worker.
func TestStop(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", "")+service)
	r.stop <- syscall.SIGTERM
	if err := <-r.ended; err != nil {
		t.Error(err)
	}
	r.ended <- nil
	r.awaitTold(worker.VRRP, "finish", 1)
	r.awaitTold(worker.LVS, "finish", 1)
	if !r.toldReady("STOPPING=1") {
		t.Error("the service manager was not told of the stop")
	}
	wants(t, r.log.String(), "stopping", "stopped")
	if strings.Contains(r.log.String(), "worker died") {
		t.Error("a worker that ends at a stop is no death")
	}
}

// TestSecondSignal: whoever is impatient does not cut the stop short.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	r.stop <- syscall.SIGTERM
	r.stop <- syscall.SIGINT
	if err := <-r.ended; err != nil {
		t.Error(err)
	}
	r.ended <- nil
	if n := strings.Count(r.log.String(), "msg=stopping"); n != 1 {
		t.Errorf("the stop is told %d times", n)
	}
}

// TestStopWithoutAnAnswer: a worker that does not end is killed, and what it made
// is removed all the same.
func TestStopWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	r.does(worker.VRRP, stays, "")
	r.stop <- syscall.SIGTERM
	select {
	case err := <-r.ended:
		r.ended <- err
	case <-time.After(2 * patience):
		t.Fatal("it waits for ever")
	}
	r.awaitTold(worker.VRRP, "release", 1)
}

// TestWorkerIsStartedAgain with all that is known, and the table is left alone.
func TestWorkerIsStartedAgain(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", "")+service)
	r.isMaster("VI_1")
	r.says(worker.LVS, worker.Message{RealServer: &event.RealServerState{
		VirtualServer: "[192.0.2.10]:tcp:80", RealServer: "[10.0.0.3]:tcp:80", Since: time.Now(), Reason: "refused",
	}})
	r.until("the real server is down in status", func() bool {
		v := r.status().VirtualServers
		return len(v) == 1 && len(v[0].RealServers) == 1 && !v[0].RealServers[0].Up && v[0].RealServers[0].Reason == "refused"
	})
	for _, name := range []string{worker.VRRP, worker.LVS} {
		kill(t, r.awaitTold(name, "started", 1).Pid)
		again := r.awaitTold(name, "configure", 2)
		if again.Generation != 1 || again.Silenced {
			t.Errorf("%s was told %+v", name, again)
		}
		if name == worker.VRRP && (len(again.Known) != 1 || again.Known[0].State != event.Master || !again.Proceed) {
			t.Errorf("the new vrrp worker does not know that VI_1 is MASTER: %+v", again)
		}
		if name == worker.LVS && (len(again.Servers) != 1 || again.Servers[0].Up) {
			t.Errorf("the new lvs worker does not know that the real server is down: %+v", again)
		}
	}
	if n := len(r.toldOf(worker.VRRP, "release")); n > 0 {
		t.Error("the addresses of a worker that comes back were removed")
	}
	r.until("status has both workers", func() bool {
		up := 0
		for _, w := range r.status().Workers {
			if w.Pid != 0 && w.Restarts == 1 && w.Error != "" {
				up++
			}
		}
		return up == 2
	})
}

// TestWorkerThatKeepsDying: its addresses are removed, its instances are in
// FAULT, and it is tried again.
func TestWorkerThatKeepsDying(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	r.isMaster("VI_1")
	r.does(worker.VRRP, dies, "")
	kill(t, r.awaitTold(worker.VRRP, "started", 1).Pid)
	r.awaitTold(worker.VRRP, "release", 1)
	r.until("VI_1 is in FAULT", func() bool {
		i, _ := r.instance("VI_1")
		return i.State == event.Fault
	})
	deaths := len(r.toldOf(worker.VRRP, "started"))
	r.doesNot(worker.VRRP, dies)
	again := r.awaitTold(worker.VRRP, "configure", 2)
	if len(again.Known) == 1 && again.Known[0].State == event.Master {
		t.Error("a worker whose addresses were removed is told to go on as MASTER")
	}
	if deaths < 5 {
		t.Errorf("given up after %d starts", deaths)
	}
}

// TestHungWorker: one that has stopped answering is killed, its addresses are
// removed before the next one starts, and that one does not resume MASTER.
func TestHungWorker(t *testing.T) {
	t.Parallel()
	r := prepared(t, instance("VI_1", ""))
	r.does(worker.VRRP, beats, "")
	r.start()
	r.isMaster("VI_1")
	r.until("the worker was heard", func() bool { return !r.status().Workers[0].Heard.IsZero() })
	time.Sleep(2 * event.HeartbeatInterval) // for its first heartbeat
	pid := r.awaitTold(worker.VRRP, "started", 1).Pid
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	again := r.awaitTold(worker.VRRP, "configure", 2)
	if !again.Silenced {
		t.Error("the next worker does not know that its predecessor was killed for its silence")
	}
	var order []string
	for _, it := range r.told(worker.VRRP) {
		if it.What == "started" || it.What == "release" {
			order = append(order, it.What)
		}
	}
	if got := strings.Join(order, " "); got != "started release started" {
		t.Errorf("the order was %s", got)
	}
	wants(t, r.log.String(), "it has stopped answering")
}

// TestOneDirectorForARunDirectory: the second one says who has it.
func TestOneDirectorForARunDirectory(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	_, err := lockRunDir(r.opts.RunDir)
	if err == nil {
		t.Fatal("a second director has the run directory")
	}
	wants(t, err.Error(), "runs already", "--run-dir")
}

func kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatalf("killing %d: %v", pid, os.NewSyscallError("kill", err))
	}
}
