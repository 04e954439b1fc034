package supervisor

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/worker"
)

// TestTrackersReachTheWorker: a script's end, a file's number and a quorum are
// told to the vrrp worker, and again to one that starts.
func TestTrackersReachTheWorker(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	number := filepath.Join(dir, "number")
	if err := os.WriteFile(number, []byte("5\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := running(t, "global_defs {\n script_user root\n}\n"+
		"vrrp_script ok {\n script /bin/false\n interval 1\n weight 10\n}\n"+
		"track_file number {\n file "+number+"\n weight 1\n}\n"+
		instance("VI_1", " track_script {\n ok\n }\n track_file {\n number\n }\n"))
	find := func(list []told, kind event.TrackerKind) (found event.TrackerState, ok bool) {
		for _, t := range list {
			for _, s := range t.Trackers {
				if s.Kind == kind {
					found, ok = s, true
				}
			}
		}
		return found, ok
	}
	r.until("both are told", func() bool {
		list := r.told(worker.VRRP)
		script, ok := find(list, event.TrackScript)
		file, also := find(list, event.TrackFile)
		return ok && also && !script.Up && file.Value == 5
	})
	if err := os.WriteFile(number, []byte("-7\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r.until("the new number is told", func() bool {
		file, _ := find(r.told(worker.VRRP), event.TrackFile)
		return file.Value == -7
	})
	kill(t, r.awaitTold(worker.VRRP, "started", 1).Pid)
	again := r.awaitTold(worker.VRRP, "configure", 2)
	if file, _ := find([]told{again}, event.TrackFile); file.Value != -7 {
		t.Errorf("the new worker was told %+v", again.Trackers)
	}
}

// TestPresenceReachesTheTable: the lvs worker is told whether this host holds the addresses of an
// instance, also one that starts, and the vrrp worker is told what it answers and awaits.
func TestPresenceReachesTheTable(t *testing.T) {
	t.Parallel()
	r := running(t, service+instance("VI_1", ""))
	id := conf.InstanceID{Interface: "vip0", VRID: 51}.String()
	awaited := worker.Await{Instances: []string{id}}
	r.says(worker.LVS, worker.Message{Await: &awaited},
		worker.Message{Suspended: &worker.Suspended{VirtualServers: []string{"[192.0.2.10]:tcp:80"}}})
	if got := r.awaitTold(worker.VRRP, "await", 1).Await; got == nil || !slices.Equal(got.Instances, awaited.Instances) {
		t.Errorf("the vrrp worker awaits %+v", got)
	}
	r.until("status has the suspension", func() bool {
		v := r.status().VirtualServers
		return len(v) == 1 && v[0].ChecksSuspended
	})
	state := event.InstanceState{
		Instance: "VI_1", ID: id, State: event.Master, Since: time.Now(), Presence: event.Present, Acquired: 3,
	}
	r.says(worker.VRRP, worker.Message{Instance: &state})
	if got := r.awaitTold(worker.LVS, "presence", 1).Presence; len(got) != 1 || !got[0].Holds() || got[0].Acquired != 3 {
		t.Errorf("the lvs worker was told %+v", got)
	}
	r.says(worker.LVS, worker.Message{HeldInTable: &event.HeldInTable{ID: id, Acquired: 3}},
		worker.Message{VirtualServer: &event.VirtualServerState{
			VirtualServer: "[192.0.2.10]:tcp:80", Quorum: true, Elsewhere: "VI_1 is BACKUP on this host",
		}})
	if got := r.awaitTold(worker.VRRP, "held", 1).Held; got == nil || got.ID != id || got.Acquired != 3 {
		t.Errorf("the vrrp worker was told %+v", got)
	}
	r.until("status has where it is", func() bool {
		v := r.status().VirtualServers
		return len(v) == 1 && v[0].Elsewhere == "VI_1 is BACKUP on this host" && v[0].Error == ""
	})
	kill(t, r.awaitTold(worker.LVS, "started", 1).Pid)
	again := r.awaitTold(worker.LVS, "configure", 2)
	if len(again.Presence) != 1 || !again.Presence[0].Holds() || again.Presence[0].ID != id {
		t.Errorf("a new lvs worker was told %+v", again.Presence)
	}
	kill(t, r.awaitTold(worker.VRRP, "started", 1).Pid)
	got := r.awaitTold(worker.VRRP, "configure", 2).Await
	if got == nil || !slices.Equal(got.Instances, awaited.Instances) {
		t.Errorf("a new vrrp worker awaits %+v", got)
	}
}

// TestWhatIsKnownOutlivesTwoReloads: an instance and a virtual server are taken out and put back
// before the table of the first reload is there. To those who have them nothing has happened, and
// they tell nothing.
func TestWhatIsKnownOutlivesTwoReloads(t *testing.T) {
	t.Parallel()
	with := service + instance("VI_1", "") + "vrrp_sync_group G {\n group {\n VI_1\n }\n}\n"
	r := running(t, with)
	id := conf.InstanceID{Interface: "vip0", VRID: 51}.String()
	state := event.InstanceState{
		Instance: "VI_1", ID: id, State: event.Master, Since: time.Now(), Presence: event.Present, Acquired: 3,
	}
	r.says(worker.VRRP, worker.Message{Group: &event.GroupState{Group: "G", State: event.Master}},
		worker.Message{Instance: &state})
	r.says(worker.LVS, worker.Message{VirtualServer: &event.VirtualServerState{
		VirtualServer: "[192.0.2.10]:tcp:80", Repaired: 7,
	}})
	repaired := func() int { return r.status().VirtualServers[0].Repaired }
	r.until("status has the virtual server", func() bool { return repaired() == 7 })
	r.awaitTold(worker.LVS, "presence", 1)
	r.does(worker.LVS, noTable, "")
	for n, config := range []string{strings.ReplaceAll(service, "192.0.2.10", "192.0.2.99"), with} {
		r.write(config)
		r.hup <- syscall.SIGHUP
		r.awaitTold(worker.LVS, "configure", n+2)
	}
	if p := r.toldOf(worker.LVS, "configure")[2].Presence; len(p) != 1 || !p[0].Holds() || p[0].ID != id {
		t.Errorf("the lvs worker was told %+v", p)
	}
	if i, ok := r.instance("VI_1"); !ok || i.State != event.Master {
		t.Errorf("status has %+v", i)
	}
	if g := r.status().SyncGroups; len(g) != 1 || g[0].State != event.Master {
		t.Errorf("status has the groups %+v", g)
	}
	if n := repaired(); n != 7 {
		t.Errorf("status has a virtual server that was repaired %d times", n)
	}
	if n := len(r.toldOf(worker.VRRP, "configure")); n != 1 {
		t.Errorf("the vrrp worker was given %d configurations: this test shows nothing", n)
	}
	// It stops, by a reload that reaches it.
	state.State = event.Stop
	r.says(worker.VRRP, worker.Message{Instance: &state})
	if p := r.awaitTold(worker.LVS, "presence", 2).Presence; len(p) != 1 || p[0].State != event.Stop {
		t.Errorf("after its stop the lvs worker was told %+v", p)
	}
}

// TestQuorumReachesTheWorker of an instance that tracks the virtual server.
func TestQuorumReachesTheWorker(t *testing.T) {
	t.Parallel()
	r := running(t, service+instance("VI_1", ""))
	said := event.VirtualServerState{VirtualServer: "[192.0.2.10]:tcp:80", Total: 1, Since: time.Now()}
	r.says(worker.LVS, worker.Message{VirtualServer: &said})
	r.until("status has it", func() bool {
		v := r.status().VirtualServers
		return len(v) == 1 && !v[0].Quorum
	})
	if n := len(r.toldOf(worker.VRRP, "tracker")); n > 0 {
		t.Error("an instance that tracks nothing is told of a quorum")
	}
}

// TestScriptsHearOfChanges, in order, and of nothing that is quiet.
func TestScriptsHearOfChanges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	heard := filepath.Join(dir, "heard")
	script := filepath.Join(dir, "tell")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho \"$2 $3\" >>"+heard+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := running(t, "global_defs {\n script_user root\n}\n"+instance("VI_1", " notify "+script+"\n"))
	say := func(from, to event.VRRPState, quiet bool) worker.Message {
		return worker.Message{Instance: &event.InstanceState{
			Instance: "VI_1", From: from, State: to, Since: time.Now(), Priority: 150, Quiet: quiet,
		}}
	}
	r.says(worker.VRRP, say(event.Init, event.Backup, false), say(event.Backup, event.Master, false))
	lines := func() []string {
		text, _ := os.ReadFile(heard)
		return strings.Fields(strings.ReplaceAll(string(text), "VI_1 ", ""))
	}
	r.until("the script was told twice", func() bool { return strings.Join(lines(), " ") == "BACKUP MASTER" })
	kill(t, r.awaitTold(worker.VRRP, "started", 1).Pid)
	r.awaitTold(worker.VRRP, "configure", 2)
	r.says(worker.VRRP, say(event.Backup, event.Master, true), say(event.Master, event.Fault, false))
	r.until("the script was told of FAULT", func() bool { return len(lines()) >= 3 })
	if got := strings.Join(lines(), " "); got != "BACKUP MASTER FAULT" {
		t.Errorf("the script was told %s", got)
	}
	ran := r.status().Scripts
	if len(ran) == 0 || ran[0].Failed || ran[0].Object != "INSTANCE VI_1" {
		t.Errorf("status has %+v", ran)
	}
}

// TestHandoverIsTold to the worker, survives its death, and ends.
func TestHandoverIsTold(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	r.isMaster("VI_1")
	done := make(chan control.HandoverReport, 1)
	go func() {
		var report control.HandoverReport
		err := control.Ask(r.opts.RunDir, http.MethodPost, "/v1/handover", patience,
			control.HandoverRequest{Name: "VI_1", For: "1h"}, &report)
		if err != nil {
			t.Error(err)
		}
		done <- report
	}()
	number := r.awaitTold(worker.VRRP, "handover", 1).HandOver["VI_1"]
	if number == 0 {
		t.Fatal("the worker was told no number")
	}
	r.says(worker.VRRP, worker.Message{Instance: &event.InstanceState{
		Instance: "VI_1", From: event.Master, State: event.Backup, Since: time.Now(), Peer: "192.0.2.252",
		HandOver: number, HandedOver: true,
	}})
	report := <-done
	if len(report.Instances) != 1 || report.Instances[0].Master != "192.0.2.252" || !report.Instances[0].Settled {
		t.Errorf("the answer is %+v", report)
	}
	if i, _ := r.instance("VI_1"); i.HandedOver == nil || i.HandedOver.Until.IsZero() {
		t.Error("status does not show it")
	}
	kill(t, r.awaitTold(worker.VRRP, "started", 1).Pid)
	if again := r.awaitTold(worker.VRRP, "configure", 2); again.HandOver["VI_1"] != number {
		t.Errorf("the new worker was told %v", again.HandOver)
	}
	r.ask(http.MethodPost, "/v1/resume", control.HandoverRequest{Name: "all"}, &report)
	list := r.toldOf(worker.VRRP, "handover")
	if last := list[len(list)-1]; len(last.HandOver) > 0 {
		r.until("the worker was told of the end", func() bool {
			list := r.toldOf(worker.VRRP, "handover")
			return len(list[len(list)-1].HandOver) == 0
		})
	}
	wants(t, r.refused(http.MethodPost, "/v1/resume", control.HandoverRequest{Name: "VI_1"}), "VI_1")
	wants(t, r.refused(http.MethodPost, "/v1/handover", control.HandoverRequest{Name: "VI_9"}), "VI_9", "director status")
	wants(t, r.refused(http.MethodPost, "/v1/handover", control.HandoverRequest{Name: "VI_1", For: "never"}), "never")
}

// TestHandoverOutlivesDirector: it is kept in the state directory.
func TestHandoverOutlivesDirector(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	var report control.HandoverReport
	r.ask(http.MethodPost, "/v1/handover", control.HandoverRequest{Name: "VI_1", For: "1h"}, &report)
	r.end()
	again := prepared(t, "")
	again.opts.File, again.opts.StateDir = r.opts.File, r.opts.StateDir
	again.start()
	if got := again.awaitTold(worker.VRRP, "configure", 1); got.HandOver["VI_1"] == 0 {
		t.Errorf("the worker was told %v", got.HandOver)
	}
	wants(t, again.log.String(), "handovers from before the start are in force", "director resume")
}

// TestHandoverWithoutAWorker is refused.
func TestHandoverWithoutAWorker(t *testing.T) {
	t.Parallel()
	r := prepared(t, service)
	r.opts.OnlyCheckers = true
	r.start()
	r.until("it is in service", func() bool { return r.toldReady("READY=1") })
	wants(t, r.refused(http.MethodPost, "/v1/handover", control.HandoverRequest{Name: "all"}), "there is no")
	if n := len(r.told(worker.VRRP)); n > 0 {
		t.Error("a vrrp worker was started with only the checkers")
	}
}

// TestUpgradeIsRefused, with nothing changed, when the program cannot take over.
func TestUpgradeIsRefused(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad")
	if err := os.WriteFile(bad, []byte("#!/bin/sh\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, binary := range []string{filepath.Join(dir, "none"), dir, bad, "/bin/true"} {
		wants(t, r.refused(http.MethodPost, "/v1/upgrade", control.UpgradeRequest{Binary: binary}), "nothing has changed")
	}
	r.write(instance("VI_1", "") + instance2)
	if report := r.reload(control.ReloadRequest{}); !report.Applied {
		t.Errorf("after a refused upgrade a reload is refused: %+v", report)
	}
	if n := len(r.toldOf(worker.VRRP, "started")); n != 1 {
		t.Errorf("the vrrp worker was started %d times", n)
	}
	var about control.UpgradeReport
	r.ask(http.MethodGet, "/v1/upgrade", nil, &about)
	if about.Busy || about.Upgrades != 0 {
		t.Errorf("the answer is %+v", about)
	}
}

// TestStatusOfEverything: what is known of each object is in status.
func TestStatusOfEverything(t *testing.T) {
	t.Parallel()
	r := running(t, "vrrp_sync_group G {\n group {\n VI_1\n }\n}\n"+instance("VI_1", "")+service)
	r.isMaster("VI_1")
	r.says(worker.VRRP,
		worker.Message{Group: &event.GroupState{Group: "G", From: event.Backup, State: event.Master, Since: time.Now(),
			Reason: "VI_1"}},
		worker.Message{Host: &event.HostState{Problems: []event.Problem{{
			Kind: event.Holding, Object: "address 192.0.2.11/32 on vip0", Instances: []string{"VI_1"}, Error: "busy", Times: 3,
			Since: time.Now(),
		}}}})
	r.says(worker.LVS, worker.Message{Check: &event.CheckResult{
		VirtualServer: "[192.0.2.10]:tcp:80", RealServer: "[10.0.0.3]:tcp:80", Checker: "TCP_CHECK 10.0.0.3:80",
		Reason: "connection refused", At: time.Now(), Took: time.Millisecond,
	}})
	var s control.Status
	r.until("all of it has come", func() bool {
		s = r.status()
		return s.Number == 1 && len(s.Problems) > 0 && len(s.SyncGroups) == 1 && s.SyncGroups[0].State == event.Master &&
			len(s.VirtualServers) == 1 && len(s.VirtualServers[0].RealServers) == 1
	})
	i := s.Instances[0]
	if i.Priority != 150 || i.Base != 150 || i.Interface != "vip0" || i.VRID != 51 || i.SyncGroup != "G" ||
		i.Counters == nil || i.Counters.Sent != 7 || len(i.Addresses) != 1 {
		t.Errorf("VI_1 is %+v", i)
	}
	found := false
	for _, p := range s.Problems {
		found = found || strings.Contains(p.Text, "failed to remove address 192.0.2.11/32 on vip0")
	}
	if !found {
		t.Errorf("the problems are %+v", s.Problems)
	}
	if s.Version != "test" || s.Pid != os.Getpid() || s.Config != r.opts.File || s.Number != 1 || len(s.Workers) != 2 {
		t.Errorf("status is %+v", s)
	}
}
