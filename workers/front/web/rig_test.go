package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/worker/front"
	"github.com/lvs-director/director/workers/front/web"
)

type status = web.Snapshot

const token = "0123456789abcdef0123456789abcdef"

// director is a page with a supervisor that is made up.
type director struct {
	t   *testing.T
	url string
	*web.Server
	mu      sync.Mutex
	s       status
	list    []string // what it was asked for
	refused []front.Refused
	room    bool // for requests

	settings front.Web
	server   *httptest.Server
	busy     int // so many pages are refused
}

// newDirector serves the page of a director that has seen better days.
func newDirector(t *testing.T, change ...func(*front.Web)) *director {
	t.Helper()
	d := &director{t: t, s: troubled(), room: true, settings: front.Web{
		Listen: "127.0.0.1:0", Hosts: []string{"lb1.example.org"},
		Tokens: []front.Token{front.NewToken("alice", token)}}}
	for _, c := range change {
		c(&d.settings)
	}
	d.serve("127.0.0.1:0")
	t.Cleanup(d.end)
	return d
}

// serve listens.
func (d *director) serve(at string) {
	d.t.Helper()
	d.Server = web.New(web.Options{
		Settings: d.settings, Host: "lb1", Snapshot: d.snapshot, Ask: d.ask,
		Allow: func(netip.Addr) bool { return d.room },
		From:  func(a netip.Addr) netip.Addr { return a },
		Refused: func(r front.Refused) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.refused = append(d.refused, r)
		},
	})
	l, err := net.Listen("tcp", at)
	if err != nil {
		d.t.Fatal(err)
	}
	d.server = httptest.NewUnstartedServer(nil)
	d.server.Listener.Close()
	d.server.Listener, d.server.Config = l, d.HTTP()
	served := d.server.Config.Handler
	d.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/live" && d.refuses() {
			http.Error(w, "too many pages are open", http.StatusServiceUnavailable)
			return
		}
		served.ServeHTTP(w, r)
	})
	d.server.Start()
	d.url = d.server.URL + "/"
}

func (d *director) refuses() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.busy--
	return d.busy >= 0
}

func (d *director) end() {
	d.Server.Close()
	d.server.CloseClientConnections()
	d.server.Close()
}

func (d *director) snapshot(context.Context) (*web.Snapshot, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	text, err := json.Marshal(d.s)
	if err != nil {
		return nil, err
	}
	return web.Parse(text, time.Now())
}

func (d *director) ask(_ context.Context, a front.Action, _, _ string, body []byte) (json.RawMessage, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = append(d.list, string(a)+" "+string(body))
	if a == front.History {
		at := time.Now().Format(time.RFC3339)
		return json.RawMessage(`{"checkers":[{"checker":"HTTP_GET x","runs":4711,"results":[` +
			`{"checker":"HTTP_GET x","ok":true,"reason":"HTTP 200","at":"` + at + `","took_ns":3000000},` +
			`{"checker":"HTTP_GET x","ok":false,"reason":"timeout <b>","at":"` + at + `","took_ns":5000000000}]}]}`), nil
	}
	return json.RawMessage(`{"notices": [], "servers": [{"active": 2}]}`), nil
}

func (d *director) asked() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.list...)
}

func (d *director) change(f func(*status)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f(&d.s)
}

func record(number, object, to string) event.Record {
	return event.Record{Number: event.Number(number), At: time.Now(), Kind: event.RecordQuorum, Object: object,
		To: to}
}

const hostile = `</script><img src=x onerror="alert(1)">` + "'\n\u202etxt"

func server(name string, up bool, active uint64) web.RealServer {
	reason := "HTTP 200"
	if !up {
		reason = "connection refused " + hostile
	}
	return web.RealServer{
		Name: name, Up: up, Weight: 100, Since: time.Now().Add(-3 * time.Hour),
		Verdict: map[bool]string{true: "alive", false: "dead"}[up],
		LastCheck: &web.Check{Checker: "HTTP_GET " + name + "/", OK: up, Reason: reason, At: time.Now(),
			Took: 3 * time.Millisecond},
		Kernel: &web.InKernel{Present: up, Weight: 100, Active: active, Inactive: 3 * active},
		Traffic: web.Traffic{Connections: 1200 * active, PacketsIn: 31_000 * active, PacketsOut: 30_000 * active,
			BytesIn: 2_500_000 * active, BytesOut: 88_000_000 * active},
	}
}

func troubled() status {
	now := time.Now()
	drained := server("[10.0.0.22]:tcp:443", true, 4)
	drained.Kernel.Draining, drained.Kernel.Weight = true, 0
	return status{
		Version: "1.0", Since: now.Add(-50 * time.Hour), Digest: "3f9ac2e1d4b8a7705c11e0",
		AppliedAt: now.Add(-26 * time.Hour),
		Problems: []web.Problem{
			{Object: "virtual server [192.0.2.10]:tcp:80",
				Text: "virtual server [192.0.2.10]:tcp:80 has no quorum: nobody serves it", NoService: true},
			{Object: "instance VI_3", Text: "instance " + hostile + " is in FAULT: interface eth2 is down"},
		},
		Workers: []web.Worker{{Name: "vrrp", Pid: 11}, {Name: "lvs", Pid: 12, Restarts: 1}, {Name: "front", Pid: 13}},
		Instances: []web.Instance{
			{Name: "VI_1", State: event.Master, Since: now.Add(-26 * time.Hour), Priority: 150, Base: 150,
				Interface: "eth0", VRID: 51, SyncGroup: "G1",
				Addresses: []web.Address{{Address: "192.0.2.10/24"}, {Address: "192.0.2.20/24"}},
				Reason:    "no advertisement was heard"},
			{Name: "VI_2", State: event.Backup, Since: now.Add(-26 * time.Hour), Priority: 100, Base: 100,
				Interface: "eth1", VRID: 52, Master: "10.77.0.2",
				Addresses: []web.Address{{Address: "2001:db8::10/64"}}},
			{Name: hostile, State: event.Master, Since: now.Add(-5 * time.Minute), Priority: 50, Base: 100,
				Interface: "eth2", VRID: 53, Fault: "interface eth2 is down"},
		},
		VirtualServers: []web.VirtualServer{
			{Name: "[192.0.2.20]:tcp:443", Scheduler: "wlc", Forward: "DR", Quorum: true,
				Traffic:     web.Traffic{Connections: 54_321, PacketsIn: 1_400_000, BytesIn: 110_000_000},
				RealServers: []web.RealServer{server("[10.0.0.21]:tcp:443", true, 41), drained}},
			{Name: "[192.0.2.10]:tcp:80", Scheduler: "rr", Forward: "NAT",
				RealServers: []web.RealServer{server("[10.0.0.12]:tcp:80", false, 0),
					server("[10.0.0.11]:tcp:80", false, 0)}},
			{Name: "[2001:db8::10]:tcp:25", Scheduler: "sh", Forward: "NAT", Quorum: true,
				Elsewhere: "this host does not hold its address"},
		},
		Events: []event.Record{
			record("e1", "director", "started"),
			record("e2", "instance VI_1", "MASTER"),
			{Number: "e3", At: now, Kind: event.RecordVerdict,
				Object: "real server [10.0.0.12]:tcp:80 of virtual server [192.0.2.10]:tcp:80",
				From:   "up", To: "down", Text: hostile},
			{Number: "e4", At: now, Kind: event.RecordCommand, Object: "real server 10.0.0.22", To: "drain",
				By: &event.Operator{User: "alice"}},
		},
	}
}

// large is a director with so many services of so many servers, one of which is down.
func large(services, servers int) (s status) {
	for v := range services {
		vs := web.VirtualServer{Name: fmt.Sprintf("[192.0.%d.%d]:tcp:80", v/256, v%256), Scheduler: "wlc",
			Forward: "DR", Quorum: true}
		for n := range servers {
			vs.RealServers = append(vs.RealServers, server(fmt.Sprintf("10.%d.%d.%d:80", v, n/256, n%256),
				v != 150 || n > 0, 1))
		}
		s.VirtualServers = append(s.VirtualServers, vs)
	}
	return s
}
