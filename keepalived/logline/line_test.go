package logline_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/keepalived/logline"
)

// TestLines are those that people grep for.
func TestLines(t *testing.T) {
	var b strings.Builder
	log := slog.New(withoutTime{logline.NewHandler(&b, logline.Options{
		Identifier: logline.Parent, Pid: 7, Banner: "Keepalived v2.2.7 (01/16,2022)",
	})})
	for _, tc := range []struct {
		say  func()
		want string
	}{
		{func() { log.Info("state changed", "instance", "VI_1", "from", "BACKUP", "to", "MASTER", "reason", "x") },
			"Keepalived_vrrp[7]: (VI_1) Entering MASTER STATE\n"},
		{func() {
			log.Info("state changed", "instance", "VI_1", "from", "INIT", "to", "BACKUP", "reason", "started")
		},
			"Keepalived_vrrp[7]: (VI_1) Entering BACKUP STATE (init)\n"},
		{func() { log.Info("state changed", "instance", "a\nb", "from", "MASTER", "to", "BACKUP") },
			"Keepalived_vrrp[7]: (a b) Entering BACKUP STATE\n"},
		{func() {
			log.Warn("state changed", "instance", "VI_1", "from", "BACKUP", "to", "FAULT", "reason", "eth0 is down")
		},
			"Keepalived_vrrp[7]: (VI_1): entering FAULT state (eth0 is down)\n" +
				"Keepalived_vrrp[7]: (VI_1) Entering FAULT STATE\n"},
		{func() { log.Warn("tracked script changed", "name", "x", "up", false, "reason", "exit status 3: no") },
			"Keepalived_vrrp[7]: Script `x` now returning 3\n" +
				"Keepalived_vrrp[7]: VRRP_Script(x) failed (exited with status 3)\n"},
		{func() { log.Info("in service", "instances", 3) }, "Keepalived[7]: Startup complete\n"},
		{func() { log.Info("stopped") }, "Keepalived[7]: Stopped Keepalived v2.2.7 (01/16,2022)\n"},
		{func() {
			log.Info("starting", "version", "1.2", "config", "/etc/k.conf", "kernel", "Linux 6.1 #1 SMP",
				"command", []string{"/usr/sbin/keepalived", "-n"})
		}, "Keepalived[7]: Starting Keepalived v2.2.7 (01/16,2022)\n" +
			"Keepalived[7]: Running on Linux 6.1 #1 SMP (director 1.2)\n" +
			"Keepalived[7]: Command line: '/usr/sbin/keepalived' '-n'\n" +
			"Keepalived[7]: Configuration file /etc/k.conf\n"},
		{func() { log.Info("worker started", "worker", "vrrp", "pid", 9) },
			"Keepalived[7]: Starting VRRP child process, pid=9\n"},
		{func() { log.Info("worker restarted", "worker", "lvs", "pid", 9, "down", time.Second) },
			"Keepalived[7]: Starting Healthcheck child process, pid=9\n"},
		{func() { log.Info("stopping", "signal", "terminated") }, "Keepalived[7]: Stopping\n"},
		{func() {
			log.Info("state changed", "instance", "VI_1", "from", "MASTER", "to", "STOP", "reason", "stopped")
		}, "Keepalived_vrrp[7]: (VI_1) sent 0 priority\nKeepalived_vrrp[7]: (VI_1) removing VIPs.\n"},
		{func() { log.With("worker", "vrrp").Info("worker ends") }, "Keepalived_vrrp[7]: Stopped\n"},
		{func() { log.With("worker", "lvs").Info("worker ends") }, "Keepalived_healthcheckers[7]: Stopped\n"},
		{func() { log.Info("reloading", "config", "/etc/k.conf", "generation", 2) },
			"Keepalived[7]: Reloading ...\nKeepalived[7]: Configuration file /etc/k.conf\n"},
		{func() { log.Info("reloaded") }, "Keepalived[7]: Reload complete\n"},
		{func() {
			log.Warn("real server is down", "virtual_server", "[10.0.0.1]:tcp:80", "real_server", "[10.0.0.9]:tcp:80", "to",
				"down")
		}, "Keepalived_healthcheckers[7]: Removing service [10.0.0.9]:tcp:80 from VS [10.0.0.1]:tcp:80\n"},
		{func() {
			log.Error("worker died", "worker", "vrrp", "pid", 9, "error", "signal: killed", "restart_in", 0)
		}, "Keepalived[7]: pid 9 ended: signal: killed\nKeepalived[7]: VRRP child process(9) died: Respawning\n"},
		{func() { log.Error("worker died", "worker", "vrrp", "pid", 0, "error", "no memory") },
			"Keepalived[7]: VRRP child process: fork error(no memory)\n"},
		{func() { log.With("worker", "vrrp").Error("killing a worker", "why", "it has stopped answering") },
			"Keepalived[7]: killing a worker, why \"it has stopped answering\"\n"},
		{func() { log.Debug("nothing of importance") }, ""},
	} {
		b.Reset()
		tc.say()
		if b.String() != tc.want {
			t.Errorf("got\n%swant\n%s", b.String(), tc.want)
		}
	}
}

// withoutTime has records without a time, which a Handler then leaves out.
type withoutTime struct{ slog.Handler }

func (h withoutTime) Handle(ctx context.Context, r slog.Record) error {
	r.Time = time.Time{}
	return h.Handler.Handle(ctx, r)
}

func (h withoutTime) WithAttrs(attrs []slog.Attr) slog.Handler {
	return withoutTime{h.Handler.WithAttrs(attrs)}
}

// TestIdentifierOfAnInstance: a process that is called after its namespace or its instance is so in every line.
func TestIdentifierOfAnInstance(t *testing.T) {
	var b strings.Builder
	log := slog.New(withoutTime{logline.NewHandler(&b, logline.Options{Identifier: "Keepalived_vrrp_foo", Pid: 7})})
	log.Info("state changed", "instance", "VI_1", "from", "BACKUP", "to", "MASTER")
	if want := "Keepalived_vrrp_foo[7]: (VI_1) Entering MASTER STATE\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

// Syslog has a time and an identifier of its own: the line is the text alone.
func TestBareLines(t *testing.T) {
	var b strings.Builder
	log := slog.New(logline.NewHandler(&b, logline.Options{Identifier: logline.VRRP, Pid: 7, Bare: true}))
	log.Info("state changed", "instance", "VI_1", "from", "BACKUP", "to", "MASTER")
	if want := "(VI_1) Entering MASTER STATE\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}
