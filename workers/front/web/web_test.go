package web_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/worker/front"
	"github.com/lvs-director/director/workers/front/web"
)

// ask sends one request; headers are "Name: value".
func (d *director) request(method, path, body string, headers ...string) (*http.Response, string) {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), method, d.url+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if r.Header.Set(name, value); name == "Host" {
			r.Host = value
		}
	}
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return answer, string(text)
}

func (d *director) origin() string { return "Origin: " + strings.TrimSuffix(d.url, "/") }

// TestWhatIsServed: each answer, errors too, says what a browser may do with it; and nothing but the page
// is there.
func TestWhatIsServed(t *testing.T) {
	d := newDirector(t, func(w *front.Web) { w.Tokens = nil })
	for path, want := range map[string]int{
		"": 200, "app.css": 200, "app.js": 200, "dom.js": 200, "actions.js": 200, "icon.svg": 200,
		"index.html": 200, "nothing": 404, "..%2fserver.go": 404, "assets/app.js": 404, "live?i=-1": 400,
		"live?open=a&open=b&open=c&open=d&open=e": 400, "actions/prepare": 404, "metrics": 404,
		"history?service=a&server=b": 200, "history": 400, "history?server=" + strings.Repeat("x", 400): 400,
	} {
		answer, _ := d.request(http.MethodGet, path, "")
		if answer.StatusCode != want {
			t.Errorf("%s: %s, want %d", path, answer.Status, want)
		}
		for name, says := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self';", "X-Content-Type-Options": "nosniff",
			"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Frame-Options": "DENY",
		} {
			if got := answer.Header.Get(name); !strings.HasPrefix(got, says) {
				t.Errorf("%s has %s: %q", path, name, got)
			}
		}
		if p := answer.Header.Get("Content-Security-Policy"); strings.Contains(p, "unsafe") ||
			!strings.Contains(p, "frame-ancestors 'none'") {
			t.Errorf("%s: policy %s", path, p)
		}
		if len(answer.Cookies()) > 0 {
			t.Errorf("%s sets a cookie", path)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "TRACE"} {
		if answer, _ := d.request(method, "app.js", ""); answer.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s: %s", method, answer.Status)
		}
	}
	d.room = false
	if answer, _ := d.request(http.MethodGet, "", ""); answer.StatusCode != http.StatusTooManyRequests {
		t.Errorf("without room: %s", answer.Status)
	}
}

// TestNames: the page answers to its own names only, whatever name somebody makes lead here.
func TestNames(t *testing.T) {
	for _, c := range []struct {
		listen, socket, host string
		want                 int
	}{
		{"127.0.0.1:3780", "", "127.0.0.1:3780", 200},
		{"127.0.0.1:3780", "", "localhost:9999", 200}, // by ssh -L
		{"127.0.0.1:3780", "", "[::1]:3780", 200},
		{"127.0.0.1:3780", "", "lb1.example.org", 200},
		{"127.0.0.1:3780", "", "LB1.example.org:80", 200},
		{"127.0.0.1:3780", "", "evil.example", 421},
		{"127.0.0.1:3780", "", "localhost.evil.example", 421},
		{"127.0.0.1:3780", "", "192.0.2.1", 421},
		{"192.0.2.1:3780", "", "127.0.0.1", 200}, // the address that the connection was made to
		{"192.0.2.1:3780", "", "localhost", 421},
		{"0.0.0.0:3780", "", "192.0.2.9", 421},
		{"", "/run/web.sock", "localhost", 200},
		{"", "/run/web.sock", "evil.example", 421},
	} {
		d := newDirector(t, func(w *front.Web) { w.Listen, w.Socket = c.listen, c.socket })
		if answer, _ := d.request(http.MethodGet, "", "", "Host: "+c.host); answer.StatusCode != c.want {
			t.Errorf("%s%s called %s: %s, want %d", c.listen, c.socket, c.host, answer.Status, c.want)
		}
	}
}

// TestWhoMayAct: without the token, from another page, or in another form, nothing is done.
func TestWhoMayAct(t *testing.T) {
	const drain = `{"action":"drain","name":"10.0.0.2"}`
	const right, json = "Authorization: Bearer " + token, "Content-Type: application/json"
	for _, c := range []struct {
		name, method, body string
		headers            []string
		want               int
	}{
		{"as it is to be", "POST", drain, []string{right, json, "own"}, 200},
		{"no token", "POST", drain, []string{json, "own"}, 401},
		{"a wrong token", "POST", drain, []string{"Authorization: Bearer x", json, "own"}, 401},
		{"in a cookie", "POST", drain, []string{"Cookie: token=" + token, json, "own"}, 401},
		{"another page", "POST", drain, []string{right, json, "Origin: http://evil.example"}, 403},
		{"no page", "POST", drain, []string{right, json}, 403},
		{"another port", "POST", drain, []string{right, json, "Origin: http://127.0.0.1:1"}, 403},
		{"another site", "POST", drain, []string{right, json, "own", "Sec-Fetch-Site: cross-site"}, 403},
		{"a form", "POST", drain, []string{right, "Content-Type: text/plain", "own"}, 415},
		{"read", "GET", "", []string{right, "own"}, 405},
		{"another action", "POST", `{"action":"upgrade","name":"x"}`, []string{right, json, "own"}, 400},
		{"another word", "POST", `{"action":"drain","name":"x","dry_run":false}`, []string{right, json, "own"}, 400},
		{"no name", "POST", `{"action":"drain"}`, []string{right, json, "own"}, 400},
		{"no weight", "POST", `{"action":"weight","name":"x"}`, []string{right, json, "own"}, 400},
		{"too long", "POST", `{"action":"drain","name":"` + strings.Repeat("x", 5000) + `"}`, []string{right, json, "own"}, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDirector(t)
			for n, h := range c.headers {
				if h == "own" {
					c.headers[n] = d.origin()
				}
			}
			answer, text := d.request(c.method, "actions/prepare", c.body, c.headers...)
			if answer.StatusCode != c.want {
				t.Errorf("%s %s, want %d", answer.Status, text, c.want)
			}
			for _, asked := range d.asked() {
				if !strings.Contains(asked, `"dry_run":true`) || c.want != 200 {
					t.Errorf("asked for %s", asked)
				}
			}
		})
	}
}

// TestConfirm: what was prepared is done once, by who prepared it, and nothing else is.
func TestConfirm(t *testing.T) {
	other := strings.Repeat("z", 40)
	d := newDirector(t, func(w *front.Web) { w.Tokens = append(w.Tokens, front.NewToken("bob", other)) })
	post := func(path, body, token string) (int, string) {
		answer, text := d.request(http.MethodPost, "actions/"+path, body, "Authorization: Bearer "+token,
			"Content-Type: application/json", d.origin())
		return answer.StatusCode, text
	}
	if code, text := post("check", "{}", other); code != 200 || text != `{"name":"bob"}` {
		t.Errorf("check: %d %s", code, text)
	}
	code, text := post("prepare", `{"action":"handover","name":"VI_1","for":"10m"}`, token)
	_, rest, _ := strings.Cut(text, `"id":"`)
	id, _, _ := strings.Cut(rest, `"`)
	if code != 200 || id == "" || len(d.asked()) != 0 {
		t.Fatalf("prepare: %d %s, asked %q", code, text, d.asked())
	}
	confirm := fmt.Sprintf(`{"id":%q}`, id)
	if code, _ := post("confirm", confirm, other); code != 409 {
		t.Errorf("by another: %d", code)
	}
	if code, text := post("confirm", confirm, token); code != 200 {
		t.Errorf("confirm: %d %s", code, text)
	}
	if code, _ := post("confirm", confirm, token); code != 409 {
		t.Errorf("again: %d", code)
	}
	if asked := d.asked(); len(asked) != 1 || asked[0] != `handover {"name":"VI_1","for":"10m"}` {
		t.Errorf("asked for %q", asked)
	}
	full := 0
	for range 40 {
		if code, _ := post("prepare", `{"action":"resume","name":"VI_1"}`, token); code == 429 {
			full++
		}
	}
	if full == 0 {
		t.Error("what waits to be confirmed grows without end")
	}
}

// TestWrongTokens: who tries tokens is not listened to for a minute.
func TestWrongTokens(t *testing.T) {
	d := newDirector(t)
	try := func(token string) int {
		answer, _ := d.request(http.MethodPost, "actions/check", "{}", "Authorization: Bearer "+token,
			"Content-Type: application/json", d.origin())
		return answer.StatusCode
	}
	refused := 0
	for range 12 { // at the turn of a minute it counts anew
		if try("guess") == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused == 0 {
		t.Error("12 wrong tokens were all looked at")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	times, locked := 0, false
	for _, r := range d.refused {
		times += r.Times
		locked = locked || r.Until.After(time.Now())
		if r.From != "127.0.0.1" {
			t.Errorf("told of %+v", r)
		}
	}
	if times != 12-refused || !locked {
		t.Errorf("of %d wrong tokens the supervisor is told %d times, of a lock-out: %v", 12-refused, times, locked)
	}
}

// open opens a stream over a connection of its own, and reads nothing.
func (d *director) open(query string) net.Conn {
	d.t.Helper()
	at := strings.TrimSuffix(strings.TrimPrefix(d.url, "http://"), "/")
	c, err := net.Dial("tcp", at)
	if err == nil {
		_, err = fmt.Fprintf(c, "GET /live?%s HTTP/1.1\r\nHost: %s\r\n\r\n", query, at)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	return c
}

// TestStreams: a stream has what its page looks at and then what has changed; there are not too many of
// them, and nothing is left of those that end.
func TestStreams(t *testing.T) {
	d := newDirector(t)
	before := runtime.NumGoroutine()
	c := d.open("open=%5B192.0.2.10%5D%3Atcp%3A80")
	lines := bufio.NewScanner(c)
	lines.Buffer(nil, 1<<20)
	next := func(event string) string {
		t.Helper()
		if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			if lines.Text() == "event: "+event && lines.Scan() {
				return lines.Text()
			}
		}
		t.Fatalf("no %s: %v", event, lines.Err())
		return ""
	}
	if list := next("servers"); !strings.Contains(list, "connection refused") || strings.Contains(list, "10.0.0.21") {
		t.Errorf("servers: %s", list)
	}
	if list := next("events"); strings.Count(list, `"number"`) != 4 {
		t.Errorf("events: %s", list)
	}
	d.change(func(s *status) { s.Events = append(s.Events, record("e5", "director", "upgraded")) })
	if list := next("events"); strings.Count(list, `"number"`) != 1 || !strings.Contains(list, "e5") {
		t.Errorf("more events: %s", list)
	}
	var open []net.Conn
	for range 20 {
		open = append(open, d.open(""))
	}
	let := 0
	for _, c := range open {
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode == http.StatusOK {
			let++
		}
	}
	if let != 11 {
		t.Errorf("%d more streams of one host, want 11", let)
	}
	for _, c := range append(open, c) {
		c.Close()
	}
	for end := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > before+2; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

// piped is a listener of one connection without any buffer.
type piped struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p *piped) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *piped) Close() error   { close(p.done); return nil }
func (p *piped) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 3780} }

// TestNeverReads: a browser that takes nothing is let go, and nobody asks for snapshots for it any more.
func TestNeverReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := web.New(web.Options{
			Settings: front.Web{Listen: "127.0.0.1:3780"},
			Snapshot: func(context.Context) (*web.Snapshot, error) { return &web.Snapshot{}, nil },
			Allow:    func(netip.Addr) bool { return true }, From: func(a netip.Addr) netip.Addr { return a },
		})
		l := &piped{conns: make(chan net.Conn, 1), done: make(chan struct{})}
		ours, theirs := net.Pipe()
		l.conns <- theirs
		server := s.HTTP()
		go func() { _ = server.Serve(l) }()
		if _, err := io.WriteString(ours, "GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute) // of a clock that is made up
		if _, err := io.ReadAll(ours); err != nil {
			t.Errorf("the connection is not closed: %v", err)
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		s.Close()
	})
}

// TestPeers: the page has the host that is MASTER, when a peer says that it is, and what the peer told of itself.
func TestPeers(t *testing.T) {
	d := newDirector(t)
	d.change(func(s *status) {
		s.Instances = []web.Instance{{Name: "VI_1", State: event.Backup, VRID: 51, Master: "192.0.2.2"}}
		s.Peers = []web.Peer{{Name: "lb2", Address: "192.0.2.2:3781", Up: true, Heard: time.Now(), ConfigEqual: true,
			NotReady:  []string{"VI_1 is in FAULT: " + hostile},
			Instances: []web.PeerInstance{{Name: "VI_1", VRID: 51, State: event.Master}}}}
	})
	c := d.open("")
	defer c.Close()
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(c)
	lines.Buffer(nil, 1<<20)
	missing := map[string]string{
		"the host of the MASTER": `"master_host":"lb2"`, "the peer": `"host":"lb2"`, "that it has told": `"told":true`,
		"why it is not ready": "VI_1 is in FAULT",
	}
	for len(missing) > 0 && lines.Scan() {
		for what, text := range missing {
			if strings.Contains(lines.Text(), text) {
				delete(missing, what)
			}
		}
	}
	if len(missing) > 0 {
		t.Errorf("the stream lacks %v: %v", missing, lines.Err())
	}
}
