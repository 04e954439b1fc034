package supervisor

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/overrides"
	"github.com/lvs-director/director/supervisor/status"
	"github.com/lvs-director/director/worker"
)

func (r *rig) override(q control.OverrideRequest) (report control.OverrideReport) {
	r.t.Helper()
	r.ask(http.MethodPost, "/v1/override", q, &report)
	return report
}

// TestADrainOutlivesReloadRestartAndDirector, and is what the lvs worker is told.
func TestADrainOutlivesReloadRestartAndDirector(t *testing.T) {
	r := running(t, service)
	drain := control.OverrideRequest{Action: control.ActionDrain, Name: "10.0.0.3", For: "2h", Reason: "update", By: "eve"}

	before := status.ExitStatus(r.status())
	dry := drain
	dry.DryRun = true
	if report := r.override(dry); len(report.Servers) != 1 || len(report.Changed) != 0 || len(r.status().Overrides) != 0 {
		t.Errorf("a dry run: %+v", report)
	}
	if report := r.override(dry); report.Drained {
		t.Error("a dry run says that what it is about is drained")
	}
	if report := r.override(drain); len(report.Changed) != 1 || report.NotKept != "" || report.NoWorker {
		t.Errorf("a drain: %+v", report)
	}
	told := r.awaitTold(worker.LVS, "overrides", 1).Overrides
	if len(told) != 1 || told[0].Kind != event.Drain || told[0].RealServer != "10.0.0.3" || told[0].By != "eve" {
		t.Errorf("the lvs worker is told %+v", told)
	}
	if report := r.override(dry); !report.Drained || len(report.Notices) == 0 ||
		!strings.Contains(report.Notices[0], "is drained already by eve until") {
		t.Errorf("a second drain: %+v", report)
	}
	if o := r.status().Overrides[0]; !o.Uncounted || !strings.Contains(status.OverrideText(o, time.Now()), "not known") {
		t.Errorf("the table was not read, and status knows its connections: %+v", o)
	}
	if code := status.ExitStatus(r.status()); code != before {
		t.Errorf("a drain changes the exit status from %d to %d", before, code)
	}

	r.write(service + "# changed\n")
	r.reload(control.ReloadRequest{})
	if told := r.awaitTold(worker.LVS, "configure", 2).Overrides; len(told) != 1 {
		t.Errorf("after a reload the lvs worker is told %+v", told)
	}

	r.end()
	again := &rig{
		t: t, opts: r.opts, stop: make(chan os.Signal, 2), hup: make(chan os.Signal, 1), ended: make(chan error, 1),
	}
	again.opts.Log = r.opts.Log
	again.start()
	again.until("it is in service", func() bool { return again.toldReady("READY=1") })
	if told := again.awaitTold(worker.LVS, "configure", 3).Overrides; len(told) != 1 || told[0].Reason != "update" {
		t.Errorf("after a restart the lvs worker is told %+v", told)
	}
	list := again.status().Overrides
	if len(list) != 1 || list[0].Servers != 1 {
		t.Fatalf("status shows %+v", list)
	}
	wants(t, status.OverrideText(list[0], time.Now()), "10.0.0.3 has been drained for", "by eve (update)", "another 1h59m",
		"director undrain 10.0.0.3 ends it", "connections are left is not known")

	again.override(control.OverrideRequest{Action: control.ActionUndrain, Name: "10.0.0.3"})
	if told := again.awaitTold(worker.LVS, "overrides", 2).Overrides; len(told) != 0 {
		t.Errorf("after undrain the lvs worker is told %+v", told)
	}
}

// TestWhatIsUnknownChangesNothing, and the answer suggests what was meant.
func TestWhatIsUnknownChangesNothing(t *testing.T) {
	r := running(t, service)
	for _, tc := range []struct {
		q    control.OverrideRequest
		want string
	}{
		{control.OverrideRequest{Action: control.ActionDrain, Name: "10.0.0.33"}, "did you mean 10.0.0.3?"},
		{control.OverrideRequest{Action: control.ActionWeight, Name: "10.0.0.3:81", Weight: 3}, "did you mean 10.0.0.3:80?"},
		{control.OverrideRequest{Action: control.ActionDrain, Name: "10.0.0.3", VirtualServer: "192.0.2.10:81"},
			"did you mean 192.0.2.10:80?"},
		{control.OverrideRequest{Action: control.ActionUndrain, Name: "10.0.0.33"}, "did you mean 10.0.0.3?"},
		{control.OverrideRequest{Action: control.ActionReset, Name: "10.0.0.3:81"}, "did you mean 10.0.0.3:80?"},
		{control.OverrideRequest{Action: control.ActionWeight, Name: "10.0.0.3", Weight: 65536}, "0 to 65535"},
		{control.OverrideRequest{Action: control.ActionWeight, Name: "10.0.0.3", Weight: -1}, "0 to 65535"},
		{control.OverrideRequest{Action: control.ActionDrain, Name: "10.0.0.3", For: "0s"}, "invalid duration"},
		{control.OverrideRequest{Action: control.ActionDrain, Name: "10.0.0.3", For: "soon"}, "invalid duration"},
		{control.OverrideRequest{Action: control.ActionDrain, Name: "10.0.0.3", Reason: strings.Repeat("x", 2000)},
			"1000 bytes"},
		{control.OverrideRequest{Action: "levitate", Name: "10.0.0.3"}, "there is no action"},
	} {
		wants(t, r.refused(http.MethodPost, "/v1/override", tc.q), tc.want)
	}
	for action, want := range map[string]string{
		control.ActionUndrain: "nothing was drained", control.ActionReset: "no weight was set at run time",
	} {
		report := r.override(control.OverrideRequest{Action: action, Name: "10.0.0.3"})
		if report.Nothing != want || len(report.Changed) != 0 {
			t.Errorf("%s: %+v", action, report)
		}
	}
	if list := r.status().Overrides; len(list) != 0 {
		t.Errorf("overrides: %+v", list)
	}
	if list := r.toldOf(worker.LVS, "overrides"); len(list) != 0 {
		t.Errorf("the lvs worker was told %+v", list)
	}
}

func TestAnOverrideEndsByItself(t *testing.T) {
	r := running(t, service)
	r.override(control.OverrideRequest{Action: control.ActionWeight, Name: "10.0.0.3:80", Weight: 7, For: "50ms"})
	if told := r.awaitTold(worker.LVS, "overrides", 2).Overrides; len(told) != 0 {
		t.Errorf("the lvs worker is told %+v", told)
	}
	r.until("status shows no override", func() bool { return len(r.status().Overrides) == 0 })
	wants(t, r.log.String(), "override ended: its time is over", "weight=7")
}

// TestAWeightSetByHandIsKnownAndReset: an operator's weight replaces it.
func TestAWeightSetByHandIsKnownAndReset(t *testing.T) {
	r := running(t, service)
	hand := worker.Message{KernelWeights: &worker.Overrides{List: []event.Override{{
		VirtualServer: "[192.0.2.10]:tcp:80", RealServer: "[10.0.0.3]:tcp:80", Kind: event.SetWeight, Weight: 4,
		Source: event.SourceKernel, Since: time.Now(),
	}}}}
	r.says(worker.LVS, hand)
	r.until("status shows it", func() bool { return len(r.status().Overrides) == 1 })
	wants(t, status.OverrideText(r.status().Overrides[0], time.Now()), "has had weight 4", "another program",
		"director weight '[10.0.0.3]:tcp:80' --reset --vs '[192.0.2.10]:tcp:80'")
	r.override(control.OverrideRequest{Action: control.ActionWeight, Name: "10.0.0.3", Weight: 9})
	if list := r.status().Overrides; len(list) != 1 || list[0].Weight != 9 || list[0].Source != event.SourceOperator {
		t.Errorf("overrides: %+v", list)
	}
	r.says(worker.LVS, hand)
	r.until("status shows both", func() bool { return len(r.status().Overrides) == 2 })
	report := r.override(control.OverrideRequest{Action: control.ActionReset, Name: "10.0.0.3"})
	if len(report.Changed) != 2 {
		t.Errorf("reset: %+v", report)
	}
	// The weight by hand is the lvs worker's: it is told to end it, each time, and never
	// told that it is in force.
	r.until("the lvs worker has been told to end it twice", func() bool {
		n := 0
		for _, m := range r.toldOf(worker.LVS, "overrides") {
			n += len(m.Reset)
			for _, o := range m.Overrides {
				if o.Source == event.SourceKernel {
					t.Errorf("the lvs worker is told its own: %+v", o)
				}
			}
		}
		return n == 2
	})
}

// TestABadFileOfOverrides keeps nobody from starting; it is put aside, and said.
func TestABadFileOfOverrides(t *testing.T) {
	r := prepared(t, service)
	file := overrides.File(r.opts.StateDir, r.opts.File)
	const bad = `{"version": 2, "overrides": [{"real_server"`
	if err := os.MkdirAll(r.opts.StateDir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.until("it is in service", func() bool { return r.toldReady("READY=1") })
	if !r.hasProblem("drains and weights that were set before the start are not in force", "kept as", ".unreadable-1") {
		t.Errorf("problems: %+v", r.status().Problems)
	}
	r.override(control.OverrideRequest{Action: control.ActionDrain, Name: "10.0.0.3"})
	if text, err := os.ReadFile(file + ".unreadable-1"); string(text) != bad || err != nil {
		t.Errorf("kept %q, %v", text, err)
	}
	wants(t, r.log.String(), "are not in force", "kept_as=")
}

// TestWhatTheKernelHasIsShown: weight, source and connections, and a real server
// that goes.
func TestWhatTheKernelHasIsShown(t *testing.T) {
	r := running(t, service)
	const vs = "[192.0.2.10]:tcp:80"
	table := &event.ServersInTable{VirtualServer: vs, Words: "rr", Servers: []event.ServerInTable{
		{VirtualServer: vs, Service: vs, RealServer: "[10.0.0.3]:tcp:80", Present: true, Source: event.WeightDrained,
			Forward: "NAT", Active: 3, Inactive: 4, Persistent: 1 << 40, Counted: time.Now()},
		{VirtualServer: vs, Service: vs, RealServer: "[10.0.0.9]:tcp:80", Present: true, Draining: true, Active: 1},
		{VirtualServer: vs, Service: vs, RealServer: "[10.0.0.99]:tcp:80", Present: true, Sorry: true},
	}}
	r.says(worker.LVS, worker.Message{InTable: table})
	r.until("status has it", func() bool { return r.status().VirtualServers[0].InKernel == "rr" })
	v := r.status().VirtualServers[0]
	k := v.RealServers[0].Kernel
	if k == nil || k.Source != event.WeightDrained || k.Active != 3 || k.Persistent != 1<<40 {
		t.Errorf("in the kernel: %+v", k)
	}
	if len(v.Leaving) != 1 || v.Leaving[0].Name != "[10.0.0.9]:tcp:80" || len(v.RealServers) != 1 || !v.SorryInUse {
		t.Errorf("virtual server: %+v", v)
	}
	report := r.override(control.OverrideRequest{Action: control.ActionDrain, Name: "10.0.0.3", DryRun: true})
	if len(report.Servers) != 1 || report.Servers[0].Gone(time.Time{}) || report.Servers[0].Inactive != 4 {
		t.Errorf("servers: %+v", report.Servers)
	}
}

const group = "virtual_server_group GG {\n 192.0.2.10 80\n 192.0.2.11 80\n}\nvirtual_server group GG {\n lb_algo rr\n" +
	" lb_kind NAT\n protocol TCP\n real_server 10.0.0.3 80 {\n weight 1\n }\n}\n"

// TestADrainFollowsItsRenamedVirtualServer, and one of a virtual server that is gone is a
// problem in the status.
func TestADrainFollowsItsRenamedVirtualServer(t *testing.T) {
	const match = "virtual_server match MM {\n lb_algo rr\n lb_kind NAT\n" +
		" match {\n 192.0.2.20 tcp 80\n }\n real_server 10.0.0.3 {\n weight 1\n }\n}\n"
	for name, tc := range map[string]struct{ config, old, to, vs string }{
		"group": {group, "GG", "HH", "GG"},
		"match": {match, "MM", "NN", "match MM"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := running(t, tc.config)
			r.override(control.OverrideRequest{Action: control.ActionDrain, Name: "10.0.0.3", VirtualServer: tc.vs})
			r.override(control.OverrideRequest{Action: control.ActionWeight, Name: "10.0.0.3", VirtualServer: tc.vs, Weight: 7})
			before := r.status()
			r.write(strings.ReplaceAll(tc.config, tc.old, tc.to))
			r.reload(control.ReloadRequest{})
			now := r.status()
			for _, o := range now.Overrides {
				if o.Servers != 1 || o.VirtualServer != now.VirtualServers[0].Name ||
					o.VirtualServer == before.VirtualServers[0].Name {
					t.Errorf("after the reload: %+v", o)
				}
			}
			told := r.awaitTold(worker.LVS, "configure", 2).Overrides
			if len(told) != 2 || told[0].VirtualServer != now.VirtualServers[0].Name {
				t.Errorf("the lvs worker is told %+v", told)
			}
			wants(t, r.log.String(), "a drain follows its renamed virtual server", "a weight follows its renamed virtual server")
			r.until("it is saved", func() bool {
				text, err := os.ReadFile(overrides.File(r.opts.StateDir, r.opts.File))
				return err == nil && strings.Contains(string(text), now.VirtualServers[0].Name)
			})

			r.write(service)
			r.reload(control.ReloadRequest{AcceptLoss: true})
			list := r.status().Overrides
			if len(list) != 2 || !status.Absent(list[0]) || status.Absent(list[1]) {
				t.Errorf("of what is gone: %+v", list)
			}
		})
	}
}
