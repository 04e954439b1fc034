package supervisor

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lvs-director/director/worker"
)

// TestAnUpgradeReplacesWorkersOfAnotherProgram, one whose file is another one.
func TestAnUpgradeReplacesWorkersOfAnotherProgram(t *testing.T) {
	t.Parallel()
	r := prepared(t, instance("VI_1", ""))
	r.opts.OnlyVRRP = true
	old := filepath.Join(t.TempDir(), "old")
	self, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(old, self, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	events := make(chan worker.Event)
	k := worker.NewKeeper(worker.VRRP, func(peer *os.File) (*exec.Cmd, error) {
		cmd := exec.Command(old, workerArgs(worker.VRRP, r.opts)...)
		cmd.ExtraFiles = []*os.File{peer}
		return cmd, cmd.Start()
	}, events)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go k.Run(ctx)
	k.Start()
	if e := <-events; e.Started == nil {
		t.Fatalf("the worker of the other program: %+v", e)
	}
	if e := <-events; e.Received == nil || e.Received.Hello == nil {
		t.Fatalf("the worker of the other program: %+v", e)
	}
	if err := k.Pause(); err != nil {
		t.Fatal(err)
	}
	handed := k.Detach()
	h := handedByHand(r)
	h.Workers = []handedWorker{{
		Name: worker.VRRP, Worker: handed, Socket: duplicate(t, handed.Socket()),
		Applied: worker.Applied{Generation: h.Generation},
	}}
	handed.Socket().Close()
	next := r.successor()
	next.takesOver(h)
	if got := next.awaitTold(worker.VRRP, "configure", 1); got.Pid == handed.Pid {
		t.Error("the worker of the other program was kept")
	}
	// Neither of the files was handed off: both are made anew.
	next.until("the files are there", func() bool {
		return next.pidFile() == strconv.Itoa(os.Getpid()) && answers(next.opts.RunDir)
	})
	if got := next.upgraded(); !slices.Equal(got.Replaced, []string{worker.VRRP}) || got.Error != "" {
		t.Errorf("the upgrade is %+v", got)
	}
}

// handedByHand is a handoff of a supervisor that has no files and no workers.
func handedByHand(r *rig) *handoff {
	return &handoff{
		Version: handoffVersion, From: "before", Lock: -1, Listener: -1, File: r.opts.File,
		Current: r.opts.load().handed(), Generation: 3,
	}
}

// TestAHandoffThatCannotBeUsed ends the program with the reason.
func TestAHandoffThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	file, err := tcp.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for name, tc := range map[string]struct {
		spoil func(h *handoff)
		want  string
	}{
		"a version of the future": {func(h *handoff) { h.Version = 2 }, "has version 2"},
		"a control socket of TCP": {func(h *handoff) { h.Listener = duplicate(t, file) }, "control socket: it is of tcp"},
		"a control socket that is none": {func(h *handoff) { h.Listener = duplicate(t, null) },
			"taking over the control socket"},
		"a control socket that is closed": {func(h *handoff) { h.Listener = 1 << 20 }, "taking over the control socket"},
		"a configuration with errors": {func(h *handoff) { h.Current.Text = brokenText(t) },
			"the configuration in force has errors for this program, the first: "},
	} {
		r := prepared(t, instance("VI_1", ""))
		h := handedByHand(r)
		tc.spoil(h)
		if err := r.successor().resumes(h); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
		if n := len(r.told(worker.VRRP)); n > 0 {
			t.Errorf("%s: a worker was started all the same", name)
		}
	}
}
