package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	names "github.com/prometheus/common/model"
	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/fronts"
	"github.com/lvs-director/director/supervisor/status"
	"github.com/lvs-director/director/worker"
	"github.com/lvs-director/director/worker/front"
	"github.com/lvs-director/director/workers/front/metrics"
)

// metricsAt is where the tests have metrics served.
const metricsAt = "10.77.0.1:9650"

// withMetrics is the configuration with the block.
func (n *node) withMetrics(block string, addresses ...string) {
	n.t.Helper()
	n.write(addresses...)
	f, err := os.OpenFile(n.file, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString("metrics {\n" + block + "\n}\n")
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		n.t.Fatal(err)
	}
}

// status is what director status says, which it does within a second.
func (n *node) status() control.Status {
	n.t.Helper()
	var r control.Status
	err := control.Ask(worker.RunDir(n.dir+"/run"), "GET", "/v1/status", 20*time.Second, nil, &r)
	if err != nil {
		n.t.Fatal(err)
	}
	return r
}

// front is the process of the front; 0 is that there is none.
func (n *node) front() int {
	n.t.Helper()
	for _, w := range n.status().Workers {
		if w.Name == front.Name {
			return w.Pid
		}
	}
	return 0
}

// get asks over a connection that is made in the namespace of this thread.
func get(at, path string) (code int, body string, err error) {
	c, err := net.DialTimeout("tcp", at, 5*time.Second)
	if err != nil {
		return 0, "", err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return 0, "", err
	}
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path); err != nil {
		return 0, "", err
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), err
}

// scrape reads the metrics, when they are there, as Prometheus does.
func (n *node) scrape() map[string]*dto.MetricFamily {
	n.t.Helper()
	var text string
	n.until("metrics are served", func() bool {
		code, body, err := get(metricsAt, "/metrics")
		text = body
		return err == nil && code == http.StatusOK
	})
	parser := expfmt.NewTextParser(names.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		n.t.Fatalf("%v in\n%s", err, text)
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil || len(problems) > 0 {
		n.t.Errorf("promlint: %v %v", problems, err)
	}
	return families
}

// seriesOf is the value of the series with these labels ("state=master"); -1 is that there is none.
func seriesOf(families map[string]*dto.MetricFamily, name string, labels ...string) float64 {
	for _, m := range families[name].GetMetric() {
		has := map[string]bool{}
		for _, l := range m.GetLabel() {
			has[l.GetName()+"="+l.GetValue()] = true
		}
		all := true
		for _, l := range labels {
			all = all && has[l]
		}
		if all {
			return m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return -1
}

// TestMetricsOfADirector: what is scraped says what status says, of a process that may do nothing.
func TestMetricsOfADirector(t *testing.T) {
	n := newNode(t)
	n.withMetrics("listen 10.77.0.1 9650", vip1)
	n.start()
	n.has(vip1)
	m := n.scrape()
	of := []string{"vrrp_instance=VI_1", "interface=eth0", "vrid=51", "family=ipv4", "network=10.77.0.0/24"}
	for _, c := range []struct {
		name  string
		want  float64
		label string
	}{
		{"director_vrrp_state", 1, "state=master"},
		{"director_vrrp_state", 0, "state=fault"},
		{"director_vrrp_priority", 100, "vrid=51"},
		{"director_vrrp_base_priority", 100, "vrid=51"},
		{"director_vrrp_transitions_total", 1, "to=master"},
		{"director_vrrp_advertisements_total", 0, "direction=received"},
	} {
		if got := seriesOf(m, c.name, append(of, c.label)...); got != c.want {
			t.Errorf("%s %s is %v, want %v", c.name, c.label, got, c.want)
		}
	}
	if sent := seriesOf(m, "director_vrrp_advertisements_total", "direction=sent"); sent < 1 {
		t.Errorf("%v advertisements were sent", sent)
	}
	n.until("it is told how late advertisements leave", func() bool {
		late := n.scrape()["director_vrrp_send_lateness_seconds"].GetMetric()
		return len(late) == 1 && late[0].GetHistogram().GetSampleCount() > 1
	})
	if seriesOf(m, "director_config_last_reload_successful") != 1 || seriesOf(m, "director_worker_restarts_total",
		"worker=vrrp") != 0 {
		t.Errorf("of the director itself: %v", m)
	}
	if code, _, err := get(metricsAt, "/"); err != nil || code != http.StatusNotFound {
		t.Errorf("another path: %d, %v", code, err)
	}
	text := procFile(t, n.front(), "status")
	for _, want := range []string{"Uid:\t65534\t65534", "Groups:\t \n", "CapPrm:\t0000000000000000",
		"CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1"} {
		if !strings.Contains(text, want) {
			t.Errorf("the front is not %q:\n%s", want, text)
		}
	}
	if limits := procFile(t, n.front(), "limits"); strings.Contains(limits, "Max data size             unlimited") {
		t.Errorf("the memory of the front has no limit:\n%s", limits)
	}

	// A reload takes it away, and brings it back.
	n.write(vip1)
	n.says(0, "reload")
	n.until("nobody listens", func() bool { _, _, err := get(metricsAt, "/metrics"); return err != nil && n.front() == 0 })
	n.withMetrics("listen 10.77.0.1 9650\nnetwork site-a", vip1)
	n.says(0, "reload")
	if m := n.scrape(); seriesOf(m, "director_vrrp_state", "state=master", "network=site-a") != 1 {
		t.Errorf("with a network of its own: %v", m["director_vrrp_state"])
	}
}

// crowd has 1,000 clients come, who ask for the metrics and read nothing, until enough is called; those that are
// closed or refused come again.
func crowd(t *testing.T) (enough func()) {
	t.Helper()
	here, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	stop, ended, there := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		defer here.Close()
		runtime.LockOSThread() // for good: the thread's namespace is that of the test
		if err := unix.Setns(int(here.Fd()), unix.CLONE_NEWNET); err != nil {
			t.Errorf("entering the namespace of the test: %v", err)
		}
		var held [1000]net.Conn
		defer func() {
			for _, c := range held {
				if c != nil {
					c.Close()
				}
			}
		}()
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			if n == len(held) {
				close(there)
			}
			one := &held[n%len(held)]
			if *one != nil {
				(*one).Close()
			}
			// The front may be away, and it closes those that are too many.
			if *one, err = net.DialTimeout("tcp", metricsAt, 10*time.Millisecond); err == nil {
				_, _ = io.WriteString(*one, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
			} else {
				*one = nil
			}
		}
	}()
	<-there
	return func() { close(stop); <-ended }
}

// TestFrontInTrouble: the front is killed, stopped, and has no memory left, while 1,000 clients come. No address moves,
// status says within a second what is down, and the next front serves.
func TestFrontInTrouble(t *testing.T) {
	n := newNode(t)
	n.withMetrics("listen 10.77.0.1 9650", vip1)
	n.start()
	n.has(vip1)
	n.scrape()
	vrrp := n.worker(worker.VRRP)
	named := func(what string) bool {
		began := time.Now()
		r := n.status()
		inTime := time.Since(began) < time.Second
		return inTime && slices.ContainsFunc(r.Problems, func(p control.Problem) bool {
			return strings.Contains(p.Text, what)
		})
	}
	for _, trouble := range []struct {
		name, said string
		begin      func(pid int) error
	}{
		{"killed", "the front does not run: signal: killed", func(pid int) error {
			return syscall.Kill(pid, syscall.SIGKILL)
		}},
		{"stopped", "the front has stopped answering", func(pid int) error {
			return syscall.Kill(pid, syscall.SIGSTOP)
		}},
		// With the race detector it ends with another status than the runtime of Go does.
		{"without memory", "the front does not run: exit status ", func(pid int) error {
			narrow := exec.Command("prlimit", "--pid", strconv.Itoa(pid), "--data=1048576")
			narrow.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}} // as it is
			return narrow.Run()
		}},
	} {
		before := n.front()
		enough := crowd(t)
		if err := trouble.begin(before); err != nil {
			t.Fatalf("%s: %v", trouble.name, err)
		}
		n.until("status says within a second that the front is "+trouble.name, func() bool { return named(trouble.said) })
		n.has(vip1)
		enough()
		n.until("another front is there", func() bool { now := n.front(); return now != 0 && now != before })
		n.scrape()
		n.until("status has no problem", func() bool { return len(n.status().Problems) == 0 })
	}
	n.says(0, "events --kind worker", "worker front", "signal: killed", "exit status ")
	if n.worker(worker.VRRP) != vrrp || strings.Contains(n.log.String(), "from=MASTER") {
		t.Errorf("VRRP has noticed:\n%s", n.log)
	}
}

// TestFrontOverAnUpgrade: the next program has a front of its own, and of the old one nothing is left.
func TestFrontOverAnUpgrade(t *testing.T) {
	n := newNode(t)
	n.write(vip1)
	n.start("--metrics", metricsAt)
	n.has(vip1)
	if len(n.scrape()["keepalived_vrrp_state"].GetMetric()) != 0 {
		t.Error("the names of keepalived's exporters are there, and nobody asked")
	}
	old, vrrp := n.front(), n.worker(worker.VRRP)
	n.says(0, "upgrade", "goes on as pid")
	n.until("another front is there", func() bool { now := n.front(); return now != 0 && now != old })
	n.scrape()
	if err := syscall.Kill(old, 0); err == nil {
		t.Errorf("process %d is left: %s", old, procFile(t, old, "status"))
	}
	if now := n.worker(worker.VRRP); now != vrrp {
		t.Errorf("the vrrp worker was replaced: %d, was %d", now, vrrp)
	}
	last := n.front()
	n.stop(syscall.SIGTERM)
	if err := syscall.Kill(last, 0); err == nil {
		t.Errorf("process %d is left after the stop", last)
	}
}

// TestSnapshotOfAStatus: the front reads a status by the names of its JSON, and the supervisor writes
// them. A name that is changed in one place is missed here.
func TestSnapshotOfAStatus(t *testing.T) {
	now := time.Unix(1700000000, 0).UTC()
	var text bytes.Buffer
	const secret = "what a script prints"
	v := fronts.Visible(control.Status{
		Problems: []control.Problem{{Text: secret}}, Scripts: []control.Script{{
			Object: "o", Script: "n", Runs: 17, Failures: 18, Output: secret, Argv: []string{secret}}},
		Version: "v", ConfigState: control.ConfigState{Fallback: "f", ReloadRefused: secret, AppliedAt: now},
		Workers: []control.Worker{{Name: "w", Restarts: 1, Error: secret}},
		Instances: []control.Instance{{
			Name: "i", State: event.Master, Since: now, Priority: 2, Base: 3, Interface: "e", VRID: 4,
			VirtualAddresses: []control.Address{{Address: "a", Device: "d", Excluded: true}}, GARP: control.GARP{Delay: 16},
			Counters: &event.InstanceCounters{Sent: 6, Dropped: map[string]uint64{"d": 7}},
		}},
		Trackers:       []control.Tracker{{Kind: "k", Name: "t", State: "up", Running: true, Reason: secret}},
		KernelRepairs:  map[string]uint64{"address": 5, "service": 9},
		RefusedSenders: control.RefusedSenders{Dropped: map[string]map[string]uint64{"e": {"d": 8}}},
		SendLateness:   map[string]event.Lateness{"e": {Counts: []uint64{14}, Sum: 15}},
		VirtualServers: []control.VirtualServer{{Name: "s", Quorum: true, RealServers: []control.RealServer{{
			Name: "r", Up: true, Weight: 10, Reason: secret, Unknown: secret,
			Kernel: &control.InKernel{Present: true, Weight: 11, Draining: true, Active: 12, Inactive: 13,
				Traffic: event.Traffic{InBytes: 19}},
		}}}},
	})
	v.CheckStartLag = &event.Lateness{Counts: []uint64{20}, Sum: 21}
	status.CountChecks([]event.CheckCounts{{
		VirtualServer: "s", RealServers: []string{"other", "r"}, Checkers: []string{"x", "c"}, OK: []uint64{0, 22},
		Failed: []uint64{0, 23}, Unknown: []uint64{0, 24},
	}}, v.VirtualServers)
	err := control.Write(&text, v, false)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text.String(), secret) {
		t.Errorf("the front is told what it need not know:\n%s", &text)
	}
	got, err := metrics.Parse(text.Bytes())
	want := &metrics.Snapshot{
		Version: "v", Fallback: "yes", ReloadRefused: "yes", AppliedAt: now,
		Workers: []metrics.Worker{{Name: "w", Restarts: 1}},
		Instances: []metrics.Instance{{
			Name: "i", State: event.Master, Since: now, Priority: 2, Base: 3, Interface: "e", VRID: 4,
			Addresses: []metrics.Address{{Address: "a", Device: "d", Excluded: true}}, GARP: metrics.GARP{Delay: 16},
			Counters: &event.InstanceCounters{Sent: 6, Dropped: map[string]uint64{"d": 7}},
		}},
		Trackers:      []metrics.Tracker{{Kind: "k", Name: "t", State: "up", Running: true}},
		Dropped:       map[string]map[string]uint64{"e": {"d": 8}},
		SendLateness:  map[string]event.Lateness{"e": {Counts: []uint64{14}, Sum: 15}},
		KernelRepairs: map[string]uint64{"address": 5, "service": 9},
		Scripts:       []metrics.Script{{Object: "o", Script: "n", Runs: 17, Failures: 18}},
		CheckStartLag: &event.Lateness{Counts: []uint64{20}, Sum: 21},
		VirtualServers: []metrics.VirtualServer{{Name: "s", Quorum: true, RealServers: []metrics.RealServer{{
			Name: "r", Up: true, Weight: 10,
			Kernel: &metrics.InKernel{Present: true, Weight: 11, Draining: true, Active: 12, Inactive: 13,
				Traffic: event.Traffic{InBytes: 19}},
			Counted: []metrics.CheckCount{{Checker: "c", OK: 22, Failed: 23, Unknown: 24}},
		}}}},
	}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, d)
	}
}
