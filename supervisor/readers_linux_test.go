package supervisor

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/hostcheck"
	"github.com/lvs-director/director/vrrp/track"
	"github.com/lvs-director/director/worker"
)

// readers asks the socket of those who may only read, by its path.
func (r *rig) readers(method, path string) (code int, text string) {
	r.t.Helper()
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			return net.Dial("unix", r.opts.RunDir.Readers())
		}}}
	q, err := http.NewRequest(method, "http://director"+path, bytes.NewReader([]byte("{}")))
	if err != nil {
		r.t.Fatal(err)
	}
	answer, err := client.Do(q)
	if err != nil {
		r.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(body)
}

// The members of the group of status_socket read, and change nothing. A reload gives the socket to another group and
// takes it away; a group that does not exist is a problem until it does.
func TestAGroupMayRead(t *testing.T) {
	block := func(group string) string { return instance("VI_1", "") + "status_socket {\n group " + group + "\n}\n" }
	r := running(t, block("daemon"))
	path := r.opts.RunDir.Readers()
	belongs := func(gid uint32) bool {
		i, err := os.Lstat(path)
		return err == nil && i.Mode().Perm() == 0o660 && i.Sys().(*syscall.Stat_t).Gid == gid
	}
	if !belongs(1) {
		t.Fatal("the socket is not that of the group daemon (1), with mode 0660")
	}
	for _, read := range []string{"GET /v1/status", "GET /v1/about", "POST /v1/checks", "POST /v1/told",
		"POST /v1/events"} {
		method, path, _ := strings.Cut(read, " ")
		if code, text := r.readers(method, path); code != http.StatusOK {
			t.Errorf("%s: %d %s", read, code, text)
		}
	}
	for _, change := range []string{
		"POST /v1/reload", "POST /v1/rollback", "POST /v1/confirm", "POST /v1/handover", "POST /v1/resume",
		"POST /v1/override", "POST /v1/upgrade", "POST /v1/notify/test", "POST /v1/plan", "GET /v1/goroutines",
		"POST /v1/status",
	} {
		method, path, _ := strings.Cut(change, " ")
		if code, text := r.readers(method, path); code != http.StatusForbidden && code != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d %s", change, code, text)
		}
	}

	os.Remove(path)
	r.until("the socket is made again", func() bool { return belongs(1) })
	if err := os.Lchown(path, -1, 2); err != nil {
		t.Fatal(err)
	}
	r.until("the socket is that of the group again", func() bool { return belongs(1) })
	r.write(block("no-such-group"))
	r.reload(control.ReloadRequest{})
	problem := func() string { return fmt.Sprint(r.status().Problems) }
	if text := problem(); !strings.Contains(text, "no-such-group") {
		t.Error("no problem:", text)
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("the group before still reads")
	}
	r.write(block("2"))
	r.reload(control.ReloadRequest{})
	if !belongs(2) || strings.Contains(problem(), "status_socket") {
		t.Error("the socket is not that of group 2:", problem())
	}
	r.write(instance("VI_1", ""))
	r.reload(control.ReloadRequest{})
	if _, err := os.Lstat(path); err == nil {
		t.Error("the socket is there without status_socket")
	}
}

// director status finds the socket by itself when it may not open the other one.
func TestAMemberFindsTheSocket(t *testing.T) {
	if dir := os.Getenv("ASK_AS_A_MEMBER"); dir != "" {
		var s control.Status
		if err := control.Ask(worker.RunDir(dir), http.MethodGet, "/v1/status", patience, nil, &s); err != nil {
			t.Fatal(err)
		}
		err := control.Ask(worker.RunDir(dir), http.MethodPost, "/v1/reload", patience, control.ReloadRequest{}, &s)
		if err == nil || !strings.Contains(err.Error(), "this socket is for reading") {
			t.Fatal("a reload:", err)
		}
		return
	}
	r := running(t, instance("VI_1", "")+"status_socket {\n group daemon\n}\n")
	for dir := string(r.opts.RunDir); dir != "/tmp" && dir != "/"; dir = dir[:max(strings.LastIndexByte(dir, '/'), 1)] {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(gid uint32) ([]byte, error) {
		program, err := os.Open("/proc/self/exe") // a path that others may not reach
		if err != nil {
			t.Fatal(err)
		}
		defer program.Close()
		c := exec.Command("/proc/self/fd/3", "-test.run=^TestAMemberFindsTheSocket$")
		c.Dir, c.ExtraFiles = "/", []*os.File{program}
		c.Env = append(os.Environ(), "ASK_AS_A_MEMBER="+string(r.opts.RunDir))
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: gid}}
		return c.CombinedOutput()
	}
	if out, err := ask(1); err != nil {
		t.Errorf("a member of the group: %v\n%s", err, out)
	}
	if out, err := ask(65534); err == nil || !strings.Contains(string(out), "permission denied") {
		t.Errorf("nobody: %v\n%s", err, out)
	}
}

// within asks for the status, which has to come although something hangs for ever, and gives what is said of a part.
func (r *rig) within(name string) (late string) {
	r.t.Helper()
	begin := time.Now()
	s := r.status()
	if took := time.Since(begin); took > 5*time.Second { // a second, on a quiet machine
		r.t.Errorf("the answer took %v", took)
	}
	for _, p := range s.Parts {
		if p.Name == name {
			return cmp.Or(p.Late, "in time")
		}
	}
	return "no such part"
}

// A worker that hangs is named, and nobody waits for it.
func TestAStatusNamesThePartThatHangs(t *testing.T) {
	r := running(t, instance("VI_1", "")+service)
	for name, part := range map[string]string{worker.VRRP: "vrrp counters", worker.LVS: "checks"} {
		pid := r.awaitTold(name, "started", 1).Pid
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		r.until("the part "+part+" is named", func() bool { return r.within(part) == "not answered in time" })
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
}

// A loop that is busy is not waited for: what was shown last is shown, with its age.
func TestAStatusComesWhileTheLoopIsBusy(t *testing.T) {
	r := running(t, instance("VI_1", ""))
	before := r.status()
	busy, over := make(chan struct{}), make(chan struct{})
	go r.s.post(func() { close(busy); <-over })
	<-busy
	var late string
	r.until("it is no longer that of a moment ago", func() bool {
		late = r.within("supervisor")
		return late != "no such part"
	})
	s := r.status()
	close(over)
	if !strings.Contains(late, "busy") || !s.AsOf.Equal(before.AsOf) || len(s.Instances) != 1 {
		t.Errorf("late: %q, as of %v, was %v", late, s.AsOf, before.AsOf)
	}
	wants(t, fmt.Sprint(s.Problems), "the supervisor is busy")
	r.until("it is new again", func() bool { return r.status().AsOf.After(before.AsOf) })
}

// The first one who looks does not wait either: there are facts of before.
func TestTheFirstStatusComesWhileTheLoopIsBusy(t *testing.T) {
	r := running(t, instance("VI_1", "")+service)
	busy, over := make(chan struct{}), make(chan struct{})
	go r.s.post(func() { close(busy); <-over })
	<-busy
	defer close(over)
	if late := r.within("supervisor"); !strings.Contains(late, "busy") {
		t.Errorf("late: %q", late)
	}
	s := r.status()
	if len(s.Instances) != 1 || len(s.VirtualServers) != 1 || time.Since(s.AsOf) > time.Minute {
		t.Errorf("%d instances, %d virtual servers, as of %v", len(s.Instances), len(s.VirtualServers), s.AsOf)
	}
	text, err := r.s.forFront(t.Context())
	if err != nil || !bytes.Contains(text, []byte("VI_1")) {
		t.Errorf("the front is told %q, %v", text, err)
	}
}

// The other half is not told for long that this one is as it was before its loop was busy: it may hang.
func TestALoopThatHangsIsNotVouchedFor(t *testing.T) {
	r := running(t, instance("VI_1", ""))
	busy, over := make(chan struct{}), make(chan struct{})
	go r.s.post(func() { close(busy); <-over })
	<-busy
	defer close(over)
	o, err := r.s.forPeers(t.Context())
	if err != nil || len(o.Status.Instances) != 1 {
		t.Errorf("of a moment ago: %+v, %v", o.Status, err)
	}
	old := *r.s.looking.facts.Load()
	old.Now = old.Now.Add(-time.Minute)
	r.s.looking.facts.Store(&old)
	if o, err := r.s.forPeers(t.Context()); err == nil {
		t.Errorf("of a minute ago: %+v", o.Status)
	}
}

// Ten who read at both sockets, the front and the other half of a pair cost what one costs: each look at the
// interfaces of the host serves all who ask within a quarter of a second. What an operator has changed is seen at once.
func TestTenReadersCostWhatOneCosts(t *testing.T) {
	const length = 3 * time.Second
	r := prepared(t, instance("VI_1", "")+service+"status_socket {\n group daemon\n}\n"+
		"peer 192.0.2.252 {\n key hex:"+strings.Repeat("5a", 32)+"\n}\n")
	var dumps atomic.Int64
	r.opts.seeLinks = func() (map[string]track.Interface, error) {
		dumps.Add(1)
		return hostcheck.Links()
	}
	r.start()
	r.until("it is in service", func() bool { return r.toldReady("READY=1") })
	before, began := dumps.Load(), time.Now()
	var all sync.WaitGroup
	read := func(once func()) {
		all.Go(func() {
			for time.Since(began) < length {
				once()
			}
		})
	}
	var reads atomic.Int64
	for range 5 {
		read(func() { r.status(); reads.Add(1) })
		read(func() { r.readers(http.MethodGet, "/v1/status"); reads.Add(1) })
	}
	read(func() {
		if _, err := r.s.forFront(t.Context()); err != nil {
			t.Error(err)
		}
	})
	all.Wait()
	took := time.Since(began)
	n, most := dumps.Load()-before, int64(took/lookAge)+2
	if n == 0 || n > most || reads.Load() < 10 {
		t.Errorf("%d looks at the interfaces for %d reads in %v, want %d at most", n, reads.Load(), took, most)
	}
	for n := range 5 {
		r.ask(http.MethodPost, "/v1/override", control.OverrideRequest{Action: control.ActionDrain,
			Name: "10.0.0.3"}, &control.OverrideReport{})
		if len(r.status().Overrides) != 1 {
			t.Errorf("round %d: a drain is not seen", n)
		}
		r.ask(http.MethodPost, "/v1/override", control.OverrideRequest{Action: control.ActionUndrain,
			Name: "10.0.0.3"}, &control.OverrideReport{})
		if len(r.status().Overrides) != 0 {
			t.Errorf("round %d: the end of a drain is not seen", n)
		}
	}
}
