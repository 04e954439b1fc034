package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/fronts"
	"github.com/lvs-director/director/worker"
	"github.com/lvs-director/director/workers/front/web"
)

// withWeb is the configuration with the block.
func (n *node) withWeb(block string) {
	n.t.Helper()
	n.write(vip1)
	text, err := os.ReadFile(n.file)
	if err == nil {
		err = os.WriteFile(n.file, append(text, "web {\n"+block+"\n}\n"...), 0o600)
	}
	if err != nil {
		n.t.Fatal(err)
	}
}

// askPage sends one request to the page; lines are headers. Of a stream it reads until it has seen enough.
func askPage(network, at, request string, enough string, lines ...string) (string, error) {
	c, err := net.DialTimeout(network, at, 5*time.Second)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return "", err
	}
	method, rest, _ := strings.Cut(request, " ")
	path, body, _ := strings.Cut(rest, " ")
	if _, err := fmt.Fprintf(c, "%s %s HTTP/1.1\r\n%s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		method, path,
		strings.Join(lines, "\r\n"), len(body), body); err != nil {
		return "", err
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return "", err
	}
	// The body is not closed: that would wait for the end of a stream. The connection is.
	var text strings.Builder
	lineReader := bufio.NewReader(answer.Body)
	for enough == "" || !strings.Contains(text.String(), enough) {
		line, err := lineReader.ReadString('\n')
		text.WriteString(line)
		if err != nil {
			if err == io.EOF {
				err = nil
			}
			return text.String(), err
		}
	}
	return text.String(), nil
}

// TestPageOfADirector: the page shows what is and what has happened, at an address and at a Unix socket,
// and with a token a mastership is handed over, in the name of who has it.
func TestPageOfADirector(t *testing.T) {
	n := newNode(t)
	n.withWeb("listen 10.77.0.1 3780")
	n.start()
	n.has(vip1)
	text := ""
	n.until("the page has the state", func() bool {
		text, _ = askPage("tcp", "10.77.0.1:3780", "GET /live", "event: now", "Host: 10.77.0.1")
		return strings.Contains(text, `"state":"MASTER"`)
	})
	if !strings.Contains(text, `"object":"instance VI_1"`) || !strings.Contains(text, `"actions":false`) {
		t.Errorf("the page is told:\n%s", text)
	}
	if text, err := askPage("tcp", "10.77.0.1:3780", "GET /", "", "Host: evil.example"); err != nil ||
		!strings.Contains(text, "not known by that name") {
		t.Errorf("by another name: %v %s", err, text)
	}

	text, err := askPage("tcp", "10.77.0.1:3780", "GET /history?service=a&server=b", "", "Host: 10.77.0.1")
	if err != nil || text != `{"checkers":[]}` { // asked for without a token
		t.Errorf("the history of what is not there: %v %s", err, text)
	}

	const token = "0123456789abcdef0123456789abcdef"
	file, socket := n.dir+"/alice.token", n.dir+"/web.sock"
	if err := os.WriteFile(file, []byte("hex:"+token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n.withWeb("listen unix:" + socket + "\nactions {\n token file:" + file + " alice\n}")
	n.says(0, "reload")
	post := func(path, body, with string) string {
		answer, err := askPage("unix", socket, "POST /actions/"+path+" "+body, "", "Host: localhost",
			"Origin: http://localhost", "Content-Type: application/json", "Authorization: Bearer "+with)
		if err != nil {
			return err.Error()
		}
		return answer
	}
	n.until("the token is known", func() bool { return post("check", "{}", token) == `{"name":"alice"}` })
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v %v", info, err)
	}
	answer := post("prepare", `{"action":"handover","name":"VI_1","for":"1m"}`, token)
	_, rest, _ := strings.Cut(answer, `"id":"`)
	id, _, _ := strings.Cut(rest, `"`)
	if answer := post("confirm", `{"id":"`+id+`"}`, token); !strings.Contains(answer, `"instance":"VI_1"`) {
		t.Errorf("the handover: %s", answer)
	}
	n.says(0, "events --kind command", "handover", "the socket, with the token of alice, by the web page")
	for range 12 { // at the turn of a minute it counts anew
		post("check", "{}", strings.Repeat("guess", 10))
	}
	n.until("wrong tokens are a problem", func() bool {
		out, _ := n.do("status")
		return strings.Contains(out, "the page takes no token from the socket until")
	})
	n.says(0, "events --kind refused", "web page: wrong token", "the socket (")
	if !strings.Contains(n.log.String(), "the page was shown wrong tokens") || strings.Contains(n.log.String(), "guess") {
		t.Errorf("the log does not tell of wrong tokens, or shows them:\n%s", n.log)
	}
	if strings.Contains(n.log.String(), token) {
		t.Errorf("the log has the token:\n%s", n.log)
	}
	for _, command := range [][]string{{"config"}, {"status", "--json"}, {"events", "--json"}} {
		if out, _ := n.do(command[0], command[1:]...); strings.Contains(out, token) {
			t.Errorf("%s has the token", command)
		}
	}

	if err := os.Rename(file, file+".away"); err != nil {
		t.Fatal(err)
	}
	n.says(1, "plan", "error: a token of the page cannot be used", "a reload would refuse it")
	n.says(1, "reload", "error: a token of the page cannot be used", "keeps running unchanged")
	n.withWeb("listen 10.77.0.1 3780")
	n.says(0, "reload")
	n.until("the socket is gone with what served it", func() bool {
		_, err := os.Lstat(socket)
		return errors.Is(err, os.ErrNotExist)
	})
}

// renew writes a certificate with its key, of a number of its own, to a file.
func renew(t *testing.T, file string, number int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(number), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.ParseIP("10.77.0.1")}}
	cert, err := x509.CreateCertificate(rand.Reader, of, of, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// stream is a browser that looks at the page of 10.77.0.1.
type stream struct {
	net.Conn
	certificate int64 // its number
	ended       chan struct{}
	events      atomic.Int64 // that came
}

// openStream is nil while the page is not served.
func openStream(t *testing.T) *stream {
	t.Helper()
	raw, err := net.DialTimeout("tcp", "10.77.0.1:3780", time.Second)
	if err != nil {
		return nil
	}
	c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
	t.Cleanup(func() { raw.Close() })
	s := &stream{Conn: c, ended: make(chan struct{})}
	if _, err := io.WriteString(c, "GET /live HTTP/1.1\r\nHost: 10.77.0.1\r\n\r\n"); err != nil {
		return nil
	}
	s.certificate = c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	go func() {
		defer close(s.ended)
		for lines := bufio.NewReader(c); ; {
			line, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			if strings.HasPrefix(line, "event: now") {
				s.events.Add(1)
			}
		}
	}()
	return s
}

// TestPageIsRenewed: a browser that looks at the page is told to come again, or told on, when the certificate is
// renewed by a reload, when a certificate that cannot be used is refused, and over an upgrade.
func TestPageIsRenewed(t *testing.T) {
	n := newNode(t)
	file := n.dir + "/page.pem"
	renew(t, file, 1)
	n.withWeb("listen 10.77.0.1 3780\ncertificate " + file + "\nkey " + file)
	n.start()
	n.has(vip1)
	var s *stream
	looks := func(certificate int64) {
		t.Helper()
		n.until(fmt.Sprintf("a browser is told something, with certificate %d", certificate), func() bool {
			if s == nil || s.certificate != certificate {
				s = openStream(t)
				return false
			}
			select {
			case <-s.ended:
				s = nil
				return false
			default:
				return s.events.Load() > 0
			}
		})
	}
	looks(1)
	front := n.front()
	old := s
	renew(t, file, 2)
	n.says(0, "reload")
	looks(2)
	n.until("the browser with the old certificate has come to an end, or is told on", func() bool {
		select {
		case <-old.ended:
			return true
		default:
			return old.events.Load() > 2
		}
	})
	if now := n.front(); now != front {
		t.Errorf("the front was replaced: %d, was %d", now, front)
	}

	still := s
	parts := func() (certificate, key []byte) {
		t.Helper()
		text, err := os.ReadFile(file)
		certificate, key, ok := bytes.Cut(text, []byte("-----BEGIN PRIVATE"))
		if err != nil || !ok {
			t.Fatalf("%s: %v", text, err)
		}
		return certificate, append([]byte("-----BEGIN PRIVATE"), key...)
	}
	certificate, _ := parts()
	renew(t, file, 3)
	_, another := parts()
	for what, text := range map[string][]byte{
		"failed to find any PEM data": []byte("nonsense"), "found a certificate rather than a key": certificate,
		"does not match": append(certificate, another...),
	} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		n.says(1, "plan", "error: the page cannot be served", what, "a reload would refuse it")
		n.says(1, "reload", "error: the page cannot be served", "keeps running unchanged")
	}
	before := still.events.Load()
	n.until("the browser is told on", func() bool { return still.events.Load() > before })
	renew(t, file, 3)
	n.says(0, "reload")
	looks(3)

	vrrp := n.worker(worker.VRRP)
	n.says(0, "upgrade", "goes on as pid")
	<-s.ended // by the front that the upgrade has ended
	s = nil
	looks(3)
	if now := n.worker(worker.VRRP); now != vrrp || strings.Contains(n.log.String(), "from=MASTER") {
		t.Errorf("VRRP has noticed:\n%s", n.log)
	}
}

// TestPageOfAStatus: the page reads a status by the names that the supervisor writes, and is told nothing
// that scripts print.
func TestPageOfAStatus(t *testing.T) {
	const secret = "what a script prints"
	now := time.Unix(1700000000, 0).UTC()
	var text bytes.Buffer
	err := control.Write(&text, fronts.ForPage(control.Status{
		Version: "v", Since: now, ConfigState: control.ConfigState{Digest: "d", Config: "/etc/" + secret},
		Problems:  []control.Problem{{Object: "o", Text: "p", NoService: true}},
		Scripts:   []control.Script{{Output: secret}},
		Workers:   []control.Worker{{Name: "w", Pid: 1, Error: secret, Silent: "s"}},
		Trackers:  []control.Tracker{{Kind: "k", Reason: secret}},
		Overrides: []control.Override{{Override: event.Override{Kind: event.Drain, RealServer: "r", Reason: secret}}},
		Instances: []control.Instance{{Name: "i", State: event.Backup, Master: "m", Reason: "why",
			HandedOver: &control.Order{}}},
		VirtualServers: []control.VirtualServer{{Name: "s", Scheduler: "wlc", Elsewhere: "e",
			Traffic: control.Traffic{Connections: 9, PacketsIn: 10, PacketsOut: 11, BytesIn: 12, BytesOut: 13},
			RealServers: []control.RealServer{{
				Name: "r", Reason: "down", Verdict: "dead", LastCheck: &control.Check{Reason: "refused", Took: 5},
				Kernel: &control.InKernel{Active: 7, Draining: true}, Traffic: control.Traffic{BytesIn: 14},
			}}}},
	}, []event.Record{
		{Number: "1", Kind: event.RecordScript, Text: secret},
		{Number: "2", Kind: event.RecordCommand, By: &event.Operator{User: "alice", PID: 4711}},
	}), false)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text.String(), secret) || strings.Contains(text.String(), "4711") {
		t.Errorf("the page is told what it need not know:\n%s", &text)
	}
	s, err := web.Parse(text.Bytes(), now)
	if err != nil {
		t.Fatal(err)
	}
	rs := s.VirtualServers[0].RealServers[0]
	if got, want := s.VirtualServers[0].Traffic, (web.Traffic{Connections: 9, PacketsIn: 10, PacketsOut: 11, BytesIn: 12,
		BytesOut: 13}); got != want || rs.Traffic.BytesIn != 14 {
		t.Errorf("the traffic is %+v and %+v", got, rs.Traffic)
	}
	if s.Digest != "d" || !s.Problems[0].NoService || s.Workers[0].Pid != 1 || s.Instances[0].Master != "m" ||
		s.Instances[0].HandedOver == nil || s.Overrides[0].RealServer != "r" || rs.LastCheck.Took != 5 ||
		rs.Kernel.Active != 7 || rs.Verdict != "dead" || len(s.Events) != 2 || s.Events[1].By.User != "alice" {
		t.Errorf("read %+v of\n%s", s, &text)
	}
}
