package supervisor

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/reload"
	"github.com/lvs-director/director/worker"
)

// patience bounds the waiting for something that comes at once on a quiet machine.
const patience = 30 * time.Second

// rig is a supervisor that runs in this process, with fake workers.
type rig struct {
	t     *testing.T
	opts  *Options
	s     *supervisor // only for what the outside cannot do
	log   lines
	stop  chan os.Signal
	hup   chan os.Signal
	ended chan error
	mu    sync.Mutex
	ready []string // what the service manager was told
}

// lines is a log that may be read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// instance is a vrrp_instance on an interface of its own.
func instance(name, more string) string {
	return "vrrp_instance " + name + " {\n interface vip0\n virtual_router_id 51\n priority 150\n" +
		" unicast_src_ip 192.0.2.251\n unicast_peer {\n 192.0.2.252\n }\n" +
		" virtual_ipaddress {\n 192.0.2.10/32\n }\n" + more + "}\n"
}

const service = "virtual_server 192.0.2.10 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n" +
	" real_server 10.0.0.3 80 {\n weight 1\n }\n}\n"

// prepared makes the directories and the configuration file of a rig that is not
// started yet.
func prepared(t *testing.T, config string) *rig {
	t.Helper()
	dir := t.TempDir()
	r := &rig{
		t: t, stop: make(chan os.Signal, 2), hup: make(chan os.Signal, 1), ended: make(chan error, 1),
		opts: &Options{
			File: filepath.Join(dir, "director.conf"), RunDir: worker.RunDir(filepath.Join(dir, "run")),
			StateDir: filepath.Join(dir, "state"),
			LogTo:    worker.LogTo{Format: "text", Level: "info"}, Version: "test", Flush: func() {},
		},
	}
	r.opts.Log = slog.New(slog.NewTextHandler(&r.log, nil))
	if err := os.MkdirAll(string(r.opts.RunDir), 0o755); err != nil {
		t.Fatal(err)
	}
	r.write(config)
	return r
}

// running starts a supervisor and waits until it is in service.
func running(t *testing.T, config string) *rig {
	t.Helper()
	r := prepared(t, config)
	r.start()
	r.until("it is in service", func() bool { return r.toldReady("READY=1") })
	return r
}

// write replaces the configuration file.
func (r *rig) write(config string) {
	r.t.Helper()
	if err := os.WriteFile(r.opts.File, []byte(config), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// start does what Run does, with signals of its own.
func (r *rig) start() {
	r.t.Helper()
	begin, err := r.opts.choose(r.opts.Log)
	if err != nil {
		r.t.Fatal(err)
	}
	files, err := openRunDir(r.opts)
	if err != nil {
		r.t.Fatal(err)
	}
	s := r.opts.supervisor()
	r.s, s.files = s, files
	s.ready = func(state string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.ready = append(r.ready, state)
	}
	s.reload = reload.New(begin.current)
	s.disk, s.fallback = begin.disk, begin.fallback
	go func() { r.ended <- s.serve(Signals{r.stop, r.hup}, nil) }()
	r.t.Cleanup(r.end)
}

// end stops the supervisor, unless it has ended.
func (r *rig) end() {
	select {
	case r.stop <- syscall.SIGTERM:
	default:
	}
	select {
	case err := <-r.ended:
		r.ended <- err
		if err != nil {
			r.t.Errorf("the supervisor ended with %v", err)
		}
	case <-time.After(patience):
		r.t.Error("the supervisor does not end")
	}
	if r.t.Failed() {
		r.t.Log("log of the supervisor:\n" + r.log.String())
	}
}

// until waits for something.
func (r *rig) until(what string, is func() bool) {
	r.t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("waited in vain until %s; the log:\n%s", what, r.log.String())
		}
	}
}

func (r *rig) toldReady(state string) bool { return r.countReady(state) > 0 }

func (r *rig) countReady(state string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.ready {
		if strings.HasPrefix(s, state) {
			n++
		}
	}
	return n
}

// does has a fake worker behave in a way, with a text, or not any more.
func (r *rig) does(name, what, text string) {
	r.t.Helper()
	if err := os.WriteFile(behaviour(r.opts.RunDir, name, what), []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) doesNot(name, what string) {
	r.t.Helper()
	if err := os.Remove(behaviour(r.opts.RunDir, name, what)); err != nil {
		r.t.Fatal(err)
	}
}

// told is what happened to a worker so far.
func (r *rig) told(name string) (list []told) {
	r.t.Helper()
	text, err := os.ReadFile(toldFile(r.opts.RunDir, name))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		r.t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		var t told
		if err := json.Unmarshal(line, &t); err != nil {
			continue // it is being written
		}
		list = append(list, t)
	}
	return list
}

// toldOf is what of a kind happened to a worker so far.
func (r *rig) toldOf(name, what string) (list []told) {
	r.t.Helper()
	for _, t := range r.told(name) {
		if t.What == what {
			list = append(list, t)
		}
	}
	return list
}

// awaitTold waits for the count-th of a kind and gives it.
func (r *rig) awaitTold(name, what string, count int) told {
	r.t.Helper()
	r.until(name+" has seen "+what, func() bool { return len(r.toldOf(name, what)) >= count })
	return r.toldOf(name, what)[count-1]
}

// says has a worker say something to the supervisor.
func (r *rig) says(name string, list ...worker.Message) {
	r.t.Helper()
	var c net.Conn
	r.until("the "+name+" worker listens", func() (ok bool) {
		var err error
		c, err = net.Dial("unix", saySocket(r.opts.RunDir, name))
		return err == nil
	})
	conn := worker.NewConn(c)
	defer conn.Close()
	for _, m := range list {
		if err := conn.Write(m); err != nil {
			r.t.Fatal(err)
		}
	}
}

// isMaster has the vrrp worker say that an instance has become MASTER.
func (r *rig) isMaster(name string) {
	r.t.Helper()
	r.says(worker.VRRP, worker.Message{Instance: &event.InstanceState{
		Instance: name, From: event.Backup, State: event.Master, Since: time.Now(), Priority: 150, Reason: "nobody was heard",
	}})
	r.until(name+" is MASTER in status", func() bool {
		i, ok := r.instance(name)
		return ok && i.State == event.Master
	})
}

func (r *rig) status() control.Status {
	r.t.Helper()
	var s control.Status
	r.ask(http.MethodGet, "/v1/status", nil, &s)
	return s
}

func (r *rig) instance(name string) (control.Instance, bool) {
	r.t.Helper()
	for _, i := range r.status().Instances {
		if i.Name == name {
			return i, true
		}
	}
	return control.Instance{}, false
}

// ask asks the control socket for something that it must give.
func (r *rig) ask(method, path string, question, result any) {
	r.t.Helper()
	if err := control.Ask(r.opts.RunDir, method, path, patience, question, result); err != nil {
		r.t.Fatalf("%s %s: %v; the log:\n%s", method, path, err, r.log.String())
	}
}

// refused asks for something that is refused, and gives the reason.
func (r *rig) refused(method, path string, question any) string {
	r.t.Helper()
	var result map[string]any
	err := control.Ask(r.opts.RunDir, method, path, patience, question, &result)
	if err == nil {
		r.t.Fatalf("%s %s is not refused: %v", method, path, result)
	}
	return err.Error()
}

func (r *rig) reload(q control.ReloadRequest) control.ReloadReport {
	r.t.Helper()
	var report control.ReloadReport
	r.ask(http.MethodPost, "/v1/reload", q, &report)
	return report
}

// wants fails unless text has all of words.
func wants(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("want %q in:\n%s", w, text)
		}
	}
}
