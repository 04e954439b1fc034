package supervisor

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/worker"
)

// What comes in over the control socket is anything. It costs its sender his
// answer, and nobody else anything.

// raw sends bytes to the control socket and gives the status of the answer, or
// "closed" when there is none.
func (r *rig) raw(text string) string {
	r.t.Helper()
	c, err := net.Dial("unix", r.opts.RunDir.Control())
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(c, text) // it may be closed before all of it is sent
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return "closed"
	}
	defer answer.Body.Close()
	return answer.Status
}

func post(path, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: director\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
}

// TestHostileRequests are refused, and change nothing.
func TestHostileRequests(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	before := r.status()
	huge := strings.Repeat("x", 1<<20)
	for name, tc := range map[string]struct{ send, want string }{
		"no HTTP":              {"hello\r\n\r\n", "400"},
		"no path":              {"GET  HTTP/1.1\r\nHost: d\r\n\r\n", "400"},
		"another path":         {"GET /etc/passwd HTTP/1.1\r\nHost: d\r\n\r\n", "404"},
		"a path upwards":       {"GET /v1/../../etc/passwd HTTP/1.1\r\nHost: d\r\n\r\n", "307"},
		"another method":       {"DELETE /v1/status HTTP/1.1\r\nHost: d\r\n\r\n", "405"},
		"reading what changes": {"GET /v1/reload HTTP/1.1\r\nHost: d\r\n\r\n", "405"},
		"a huge header":        {"GET /v1/status HTTP/1.1\r\nHost: d\r\nX: " + huge + "\r\n\r\n", "431"},
		"a negative length":    {"POST /v1/reload HTTP/1.1\r\nHost: d\r\nContent-Length: -1\r\n\r\n", "400"},
		"no JSON":              {post("/v1/reload", "}{"), "400"},
		"JSON of another form": {post("/v1/reload", `["x"]`), "400"},
		"another type":         {post("/v1/rollback", `{"number":"one"}`), "400"},
		"a number too large":   {post("/v1/rollback", `{"number":99999999999999999999}`), "400"},
		"half of it":           {post("/v1/reload", `{"expect":"`), "400"},
		"a huge question":      {post("/v1/reload", `{"expect":"`+huge+`"}`), "400"},
		"deep nesting":         {post("/v1/reload", strings.Repeat(`{"a":`, 20_000)), "400"},
		"a plan of no file":    {post("/v1/plan", `{"number":-7,"rollback":true}`), "503"},
		"a number below zero":  {post("/v1/rollback", `{"number":-1}`), "200"}, // refused in the answer
		"nobody's instance":    {post("/v1/handover", `{"name":""}`), "503"},
		"a name of anything":   {post("/v1/handover", `{"name":"\u0000\u001b[31m../x"}`), "503"},
		"nothing handed over":  {post("/v1/resume", `{"name":"VI_1"}`), "503"},
		"nothing to confirm":   {post("/v1/confirm", `{}`), "503"},
		"a relative program":   {post("/v1/upgrade", `{"binary":"../../bin/true"}`), "503"},
		"a program that hangs": {post("/v1/upgrade", `{"binary":"/dev/zero"}`), "503"},
	} {
		if got := r.raw(tc.send); !strings.HasPrefix(got, tc.want) {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
	after := r.status()
	if after.Generation != before.Generation || after.Digest != before.Digest || after.Pid != before.Pid {
		t.Errorf("status is %+v", after.ConfigState)
	}
	if n := len(r.toldOf(worker.VRRP, "configure")); n != 1 {
		t.Errorf("the vrrp worker was told %d configurations", n)
	}
	if n := len(r.toldOf(worker.VRRP, "handover")); n != 0 {
		t.Errorf("the vrrp worker was told of %d handovers", n)
	}
}

// TestSlowClients are cut off, and keep nobody from being answered.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	began := time.Now()
	var slow []net.Conn
	for n := range 200 {
		c, err := net.Dial("unix", r.opts.RunDir.Control())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		slow = append(slow, c)
		switch n % 3 {
		case 0: // says nothing at all
		case 1:
			_, _ = io.WriteString(c, "POST /v1/relo")
		case 2:
			_, _ = io.WriteString(c, "POST /v1/reload HTTP/1.1\r\nHost: d\r\nContent-Length: 100\r\n\r\n{")
		}
	}
	asked := time.Now()
	r.status()
	if took := time.Since(asked); took > 4*time.Second {
		t.Errorf("status takes %v beside slow clients", took)
	}
	for _, c := range slow {
		_ = c.SetReadDeadline(began.Add(patience))
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Fatalf("a slow client is not cut off after %v: %v", time.Since(began), err)
		}
	}
	if s := r.status(); s.Generation != 1 {
		t.Errorf("half a question has made generation %d", s.Generation)
	}
}

// TestClientsThatGoAway: what they asked for is done or not, and the answer is nobody's.
func TestClientsThatGoAway(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", "")+service)
	r.does(worker.LVS, noTable, "")
	r.does(worker.LVS, never, "")
	r.write(instance("VI_1", "") + instance2 + service)
	for _, question := range []string{
		post("/v1/reload", `{}`), post("/v1/reload", `{"confirm":"1h"}`), post("/v1/handover", `{"name":"all"}`),
		"GET /v1/status HTTP/1.1\r\nHost: d\r\n\r\n",
	} {
		c, err := net.Dial("unix", r.opts.RunDir.Control())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, question)
		time.Sleep(20 * time.Millisecond) // for it to be read
		c.Close()
	}
	r.awaitTold(worker.LVS, "configure", 2)
	r.doesNot(worker.LVS, noTable)
	r.doesNot(worker.LVS, never)
	r.write(instance("VI_1", "") + service)
	if report := r.reload(control.ReloadRequest{}); !report.Applied {
		t.Errorf("the answer is %+v", report)
	}
	if s := r.status(); s.FileDiffers || len(s.Instances) != 1 {
		t.Errorf("status is %+v", s.ConfigState)
	}
}

// TestEverybodyAtOnce: each gets one answer, whatever the others ask for.
func TestEverybodyAtOnce(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", "")+service)
	r.isMaster("VI_1")
	var wg sync.WaitGroup
	ask := func(method, path string, question any) {
		wg.Go(func() {
			var any map[string]any
			err := control.Ask(r.opts.RunDir, method, path, patience, question, &any)
			if err != nil && !strings.Contains(err.Error(), "answers:") { // an answer that refuses is one
				t.Errorf("%s %s: %v", method, path, err)
			}
		})
	}
	for n := range 5 {
		r.write(instance("VI_1", fmt.Sprintf(" advert_int %d\n", n+1)) + service)
		ask(http.MethodGet, "/v1/status", nil)
		ask(http.MethodGet, "/v1/about", nil)
		ask(http.MethodPost, "/v1/plan", control.PlanRequest{})
		ask(http.MethodPost, "/v1/reload", control.ReloadRequest{})
		ask(http.MethodPost, "/v1/reload", control.ReloadRequest{Confirm: "1h"})
		ask(http.MethodPost, "/v1/confirm", nil)
		ask(http.MethodPost, "/v1/rollback", control.ReloadRequest{})
		ask(http.MethodPost, "/v1/handover", control.HandoverRequest{Name: "VI_1", For: "1h"})
		ask(http.MethodPost, "/v1/resume", control.HandoverRequest{Name: "VI_1"})
		ask(http.MethodPost, "/v1/upgrade", control.UpgradeRequest{Binary: "/bin/true"})
		ask(http.MethodGet, "/v1/upgrade", nil)
	}
	wg.Wait()
	r.write(instance("VI_1", "") + instance2 + service)
	if report := r.reload(control.ReloadRequest{}); !report.Applied {
		t.Errorf("afterwards a reload is refused: %+v", report)
	}
	r.until("the workers have it", func() bool {
		list := r.toldOf(worker.VRRP, "configure")
		return len(list[len(list)-1].Instances) == 2
	})
	for _, name := range []string{worker.VRRP, worker.LVS} {
		if n := len(r.toldOf(name, "started")); n != 1 {
			t.Errorf("the %s worker was started %d times", name, n)
		}
	}
}
