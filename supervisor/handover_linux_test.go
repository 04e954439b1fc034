package supervisor

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/handover"
	"github.com/lvs-director/director/worker"
)

// askHandover asks for a handover of what name stands for; the report comes some time.
func (r *rig) askHandover(name, duration string) <-chan control.HandoverReport {
	r.t.Helper()
	done := make(chan control.HandoverReport, 1)
	told := len(r.toldOf(worker.VRRP, "handover"))
	go func() {
		var report control.HandoverReport
		err := control.Ask(r.opts.RunDir, http.MethodPost, "/v1/handover", patience,
			control.HandoverRequest{Name: name, For: duration}, &report)
		if err != nil {
			r.t.Error(err)
		}
		done <- report
	}()
	r.awaitTold(worker.VRRP, "handover", told+1)
	return done
}

// lastOrders are the numbers that the worker was told last.
func (r *rig) lastOrders() map[string]uint64 {
	r.t.Helper()
	list := r.toldOf(worker.VRRP, "handover")
	if len(list) == 0 {
		return nil
	}
	return list[len(list)-1].HandOver
}

// yields has the worker say that name has left its mastership to a peer.
func (r *rig) yields(name string, number uint64) {
	r.t.Helper()
	r.says(worker.VRRP, worker.Message{Instance: &event.InstanceState{
		Instance: name, From: event.Master, State: event.Backup, Since: time.Now(), Peer: "192.0.2.252", HandOver: number,
		HandedOver: true,
	}})
}

const pairOfInstances = "vrrp_sync_group G {\n group {\n VI_1\n VI_2\n }\n}\n"

// TestHandoverOfAGroup takes all of its members along, and answers when the last of
// them is known.
func TestHandoverOfAGroup(t *testing.T) {
	t.Parallel()
	r := running(t, pairOfInstances+instance("VI_1", "")+instance2)
	r.isMaster("VI_1")
	r.isMaster("VI_2")
	done := r.askHandover("G", "1h")
	orders := r.lastOrders()
	if len(orders) != 2 || orders["VI_1"] == 0 || orders["VI_1"] != orders["VI_2"] {
		t.Fatalf("the worker was told %v", orders)
	}
	r.yields("VI_1", orders["VI_1"])
	r.until("status has the first", func() bool { i, _ := r.instance("VI_1"); return i.State == event.Backup })
	select {
	case report := <-done:
		t.Errorf("it is answered before the second is known: %+v", report)
	default:
	}
	r.yields("VI_2", orders["VI_2"])
	report := <-done
	if len(report.Instances) != 2 || !report.Instances[0].Settled || !report.Instances[1].Settled {
		t.Errorf("the answer is %+v", report)
	}
	for _, o := range report.Instances {
		if o.Master != "192.0.2.252" || o.After <= 0 || o.Was != event.Master {
			t.Errorf("the outcome is %+v", o)
		}
	}
}

// TestHandoverToNobody: there is no other router, and whoever asked is told so.
func TestHandoverToNobody(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	r.isMaster("VI_1")
	done := r.askHandover("VI_1", "")
	number := r.lastOrders()["VI_1"]
	r.says(worker.VRRP, worker.Message{Instance: &event.InstanceState{
		Instance: "VI_1", From: event.Backup, State: event.Master, Since: time.Now(), HandOver: number,
		Reason: "nobody took over",
	}})
	report := <-done
	if o := report.Instances[0]; !o.TakenBack || !o.Settled {
		t.Errorf("the outcome is %+v", o)
	}
	r.until("the worker is told that it is over", func() bool { return len(r.lastOrders()) == 0 })
	if i, _ := r.instance("VI_1"); i.HandedOver != nil {
		t.Error("status shows a handover that is over")
	}
	wants(t, r.log.String(), "handover ended: no other router took over")
}

// TestHandoverThatNobodyHears: the answer comes all the same, and says so.
func TestHandoverThatNobodyHears(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", " advert_int 1\n"))
	r.isMaster("VI_1")
	report := <-r.askHandover("VI_1", "1h")
	o := report.Instances[0]
	if o.Settled {
		t.Errorf("the outcome is %+v", o)
	}
	wants(t, control.OutcomeText(o), "nobody was heard within")
	if o.After < 2*time.Second {
		t.Errorf("given up after %v", o.After)
	}
}

// TestTheTimeOfAHandover ends it.
func TestTheTimeOfAHandover(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	r.isMaster("VI_1")
	done := r.askHandover("VI_1", "700ms")
	r.yields("VI_1", r.lastOrders()["VI_1"])
	if report := <-done; report.Until.IsZero() || !report.Instances[0].Settled {
		t.Errorf("the answer is %+v", report)
	}
	r.until("the worker is told that it is over", func() bool { return len(r.lastOrders()) == 0 })
	wants(t, r.log.String(), "handover ended: its time is over")
	r.until("status shows none", func() bool { i, _ := r.instance("VI_1"); return i.HandedOver == nil })
	wants(t, r.refused(http.MethodPost, "/v1/resume", control.HandoverRequest{Name: "VI_1"}),
		"VI_1 is not handed over: there is nothing to resume")
}

// TestTheTimeEndsBeforeTheOutcome: whoever waits is told that it has ended.
func TestTheTimeEndsBeforeTheOutcome(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	r.isMaster("VI_1")
	done := r.askHandover("VI_1", "200ms")
	report := <-done
	if o := report.Instances[0]; !o.Ended || o.After > 2*time.Second {
		t.Errorf("the outcome is %+v", o)
	}
}

// TestTwoHandOverAtOnce: the second order takes the place of the first, and both
// who asked are answered.
func TestTwoHandOverAtOnce(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	r.isMaster("VI_1")
	first := r.askHandover("VI_1", "1h")
	second := r.askHandover("all", "2h")
	number := r.lastOrders()["VI_1"]
	if number != 2 {
		t.Errorf("the second order has number %d", number)
	}
	r.yields("VI_1", number)
	one, two := <-first, <-second
	if o := one.Instances[0]; !o.Ended {
		t.Errorf("the first outcome is %+v", o)
	}
	if o := two.Instances[0]; o.Master != "192.0.2.252" {
		t.Errorf("the second outcome is %+v", o)
	}
	if i, _ := r.instance("VI_1"); i.HandedOver == nil || time.Until(i.HandedOver.Until) < time.Hour {
		t.Errorf("status has %+v", i.HandedOver)
	}
}

// TestResumeWhileSomebodyWaits answers both.
func TestResumeWhileSomebodyWaits(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	r.isMaster("VI_1")
	done := r.askHandover("VI_1", "1h")
	var resumed control.HandoverReport
	r.ask(http.MethodPost, "/v1/resume", control.HandoverRequest{Name: "VI_1"}, &resumed)
	if len(resumed.Instances) != 1 || resumed.Instances[0].Instance != "VI_1" ||
		resumed.Instances[0].State != event.Master || !resumed.Instances[0].Settled { // the order was not obeyed yet
		t.Errorf("the answer is %+v", resumed)
	}
	if report := <-done; !report.Instances[0].Ended {
		t.Errorf("the outcome is %+v", report.Instances[0])
	}
}

// TestAReloadEndsTheHandover of an instance that it removes.
func TestAReloadEndsTheHandover(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", "")+instance2)
	r.isMaster("VI_2")
	done := r.askHandover("VI_2", "1h")
	r.write(instance("VI_1", ""))
	if report := r.reload(control.ReloadRequest{}); !report.Applied {
		t.Fatalf("the answer is %+v", report)
	}
	if report := <-done; !report.Instances[0].Ended {
		t.Errorf("the outcome is %+v", report.Instances[0])
	}
	r.write(instance("VI_1", "") + instance2)
	r.reload(control.ReloadRequest{})
	if got := r.awaitTold(worker.VRRP, "configure", 3); got.HandOver["VI_2"] != 0 {
		t.Error("an instance that comes back is still handed over")
	}
}

// TestARenamedInstanceStaysHandedOver across a reload, another one that swaps two names,
// and a restart of director; it is ended by its present name.
func TestARenamedInstanceStaysHandedOver(t *testing.T) {
	t.Parallel()
	both := func(first, second string) string {
		return instance(first, "") + strings.Replace(instance2, "VI_2", second, 1)
	}
	r := running(t, both("VI_1", "VI_2"))
	r.isMaster("VI_1")
	done := r.askHandover("VI_1", "1h")
	number := r.lastOrders()["VI_1"]
	r.write(both("VI_X", "VI_2"))
	r.reload(control.ReloadRequest{})
	if got := r.awaitTold(worker.VRRP, "configure", 2).HandOver; len(got) != 1 || got["VI_X"] != number {
		t.Errorf("after the reload the worker is told %v, want VI_X with %d", got, number)
	}
	wants(t, r.log.String(), "a handover stays with its renamed instance", "from=VI_1", "to=VI_X")
	r.yields("VI_X", number)
	if report := <-done; report.Instances[0].Instance != "VI_X" || report.Instances[0].Master != "192.0.2.252" {
		t.Errorf("the outcome is %+v", report.Instances[0])
	}
	r.write(both("VI_2", "VI_X"))
	r.reload(control.ReloadRequest{})
	if got := r.awaitTold(worker.VRRP, "configure", 3).HandOver; len(got) != 1 || got["VI_2"] != number {
		t.Errorf("after names were swapped the worker is told %v, want VI_2 with %d", got, number)
	}
	if i, _ := r.instance("VI_2"); i.HandedOver == nil {
		t.Error("status does not show the handover by the present name")
	}
	r.end()

	again := prepared(t, both("VI_Y", "VI_2"))
	again.opts.StateDir = r.opts.StateDir
	if err := os.WriteFile(r.opts.File, []byte(both("VI_Y", "VI_2")), 0o600); err != nil {
		t.Fatal(err)
	}
	again.opts.File = r.opts.File
	again.start()
	if got := again.awaitTold(worker.VRRP, "configure", 1).HandOver; len(got) != 1 || got["VI_Y"] == 0 {
		t.Errorf("after a start with other names the worker is told %v, want VI_Y alone", got)
	}
	var resumed control.HandoverReport
	again.ask(http.MethodPost, "/v1/resume", control.HandoverRequest{Name: "VI_Y"}, &resumed)
	if len(resumed.Instances) != 1 || resumed.Instances[0].Instance != "VI_Y" {
		t.Errorf("the answer is %+v", resumed)
	}
}

// TestAHandoverFileOfAnOlderDirector has names alone.
func TestAHandoverFileOfAnOlderDirector(t *testing.T) {
	t.Parallel()
	r := prepared(t, instance("VI_1", ""))
	if err := os.MkdirAll(r.opts.StateDir, 0o700); err != nil {
		t.Fatal(err)
	}
	file := handover.File(r.opts.StateDir, r.opts.File)
	if err := os.WriteFile(file, []byte(`{"VI_1":{"since":"2026-01-02T12:00:00Z"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	r.start()
	number := r.awaitTold(worker.VRRP, "configure", 1).HandOver["VI_1"]
	r.serves()
	r.write(instance("VI_X", ""))
	r.reload(control.ReloadRequest{})
	if got := r.awaitTold(worker.VRRP, "configure", 2).HandOver["VI_X"]; number == 0 || got != number {
		t.Errorf("the worker was told %d, and after VI_1 became VI_X %d", number, got)
	}
}

// TestAWorkerDiesDuringAHandover: the vrrp worker dies in the middle, and
// the next one is told of it.
func TestAWorkerDiesDuringAHandover(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	r.isMaster("VI_1")
	done := r.askHandover("VI_1", "1h")
	number := r.lastOrders()["VI_1"]
	kill(t, r.awaitTold(worker.VRRP, "started", 1).Pid)
	if again := r.awaitTold(worker.VRRP, "configure", 2); again.HandOver["VI_1"] != number {
		t.Errorf("the next worker was told %v", again.HandOver)
	}
	r.yields("VI_1", number)
	if report := <-done; report.Instances[0].Master != "192.0.2.252" {
		t.Errorf("the outcome is %+v", report.Instances[0])
	}
}

// TestAHandoverFileThatIsDamaged is kept aside and said; the instances take part.
func TestAHandoverFileThatIsDamaged(t *testing.T) {
	t.Parallel()
	r := prepared(t, instance("VI_1", ""))
	if err := os.MkdirAll(r.opts.StateDir, 0o700); err != nil {
		t.Fatal(err)
	}
	file := handover.File(r.opts.StateDir, r.opts.File)
	if err := os.WriteFile(file, []byte(`{"VI_1":{"since":`), 0o600); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.serves()
	if got := r.awaitTold(worker.VRRP, "configure", 1); len(got.HandOver) != 0 {
		t.Errorf("the worker was told %v", got.HandOver)
	}
	wants(t, r.log.String(), "handovers from before the start are not in force", file+".unreadable-1")
	if text, err := os.ReadFile(file + ".unreadable-1"); err != nil || !strings.HasPrefix(string(text), `{"VI_1"`) {
		t.Errorf("it is not kept: %q %v", text, err)
	}
}

// TestAHandoverThatEndedMeanwhile: its time was over while no director ran.
func TestAHandoverThatEndedMeanwhile(t *testing.T) {
	t.Parallel()
	r := prepared(t, instance("VI_1", "")+instance2)
	file := handover.File(r.opts.StateDir, r.opts.File)
	var set handover.Set
	set.Begin([]string{"VI_1", "gone"}, time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour))
	set.Begin([]string{"VI_2"}, time.Now().Add(-2*time.Hour), time.Now().Add(time.Hour))
	if err := set.Save(file); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.serves()
	got := r.awaitTold(worker.VRRP, "configure", 1).HandOver
	if got["VI_1"] != 0 || got["gone"] != 0 || got["VI_2"] == 0 {
		t.Errorf("the worker was told %v", got)
	}
	wants(t, r.log.String(), "handovers from before the start are in force", "VI_2")
}
