package mailing_test

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/notify"
	"github.com/lvs-director/director/supervisor/mailing"
)

// closed is a configuration whose mail server is not there.
func closed() *conf.Config {
	i := &conf.Instance{Name: "VI", Interface: "eth0", VRID: 1, SMTPAlert: conf.Yes}
	return &conf.Config{Instances: []*conf.Instance{i}, Global: conf.Global{
		SMTPServer: "127.0.0.1", SMTPPort: 1, MailTo: []string{"a@example.org"}, SMTPTimeout: time.Second,
	}}
}

func files(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// TestKeptOverAStop: what was not sent is in the file after a stop, for its owner alone; the next director
// takes it out and has it, and keeps it again.
func TestKeptOverAStop(t *testing.T) {
	dir := t.TempDir()
	cfg := closed()
	var log bytes.Buffer
	m := mailing.New(slog.New(slog.NewTextHandler(&log, nil)), dir, "a.conf")
	m.Apply(cfg)
	m.Told(notify.Happening{At: time.Now(), Kind: notify.Instance, ID: cfg.Instances[0].ID().String(), Name: "VI",
		State: "MASTER"})
	m.Hurry()
	m.End()
	list := files(t, dir)
	if len(list) != 1 || !strings.HasPrefix(list[0], "mail-") ||
		!strings.Contains(log.String(), "kept for the next start") {
		t.Fatalf("%q\n%s", list, &log)
	}
	if info, err := os.Stat(filepath.Join(dir, list[0])); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	next := mailing.New(slog.New(slog.NewTextHandler(&log, nil)), dir, "a.conf")
	next.Apply(cfg)
	next.SendKept()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		s, _ := next.Status()
		if s.Waiting == 1 && len(files(t, dir)) == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%+v, files %q", s, files(t, dir))
		}
	}
	next.Apply(&conf.Config{}) // it has nobody to go to: the stop takes no time
	next.End()
	if list := files(t, dir); len(list) > 0 {
		t.Errorf("after the last stop: %q", list)
	}
}

// TestDamagedFile is put aside, and said.
func TestDamagedFile(t *testing.T) {
	dir := t.TempDir()
	var log bytes.Buffer
	m := mailing.New(slog.New(slog.NewTextHandler(&log, nil)), dir, "a.conf")
	other := mailing.New(slog.New(slog.DiscardHandler), dir, "a.conf")
	other.End() // nothing to keep
	if err := os.WriteFile(m.File(), []byte(`{"Waiting": [{"At": "yes"`), 0o600); err != nil {
		t.Fatal(err)
	}
	m.Apply(closed())
	m.SendKept()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if list := files(t, dir); len(list) == 1 && strings.Contains(list[0], "unreadable") {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%q", files(t, dir))
		}
	}
	m.End()
	if !strings.Contains(log.String(), "cannot be read and is not sent") {
		t.Error(&log)
	}
}

// server is a mail server that takes everything, and tells the recipients of each mail.
func server(t *testing.T) (port uint16, recipients chan []string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	recipients = make(chan []string, 100)
	serve := func(c net.Conn) {
		defer c.Close()
		var to []string
		data := false
		fmt.Fprint(c, "220 mx\r\n")
		for lines := bufio.NewScanner(c); lines.Scan(); {
			line := lines.Text()
			switch address, rcpt := strings.CutPrefix(line, "RCPT TO:<"); {
			case data && line != ".":
				continue
			case data:
				data = false
				recipients <- to
			case rcpt:
				to = append(to, strings.TrimSuffix(address, ">"))
			case line == "DATA":
				data = true
				fmt.Fprint(c, "354 go ahead\r\n")
				continue
			}
			fmt.Fprint(c, "250 ok\r\n")
		}
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return uint16(l.Addr().(*net.TCPAddr).Port), recipients
}

// TestKeptMailKeepsItsRecipients: a change that was kept over a stop goes to those for whom it was, and not to those
// whom the configuration of the next start names.
func TestKeptMailKeepsItsRecipients(t *testing.T) {
	dir := t.TempDir()
	log := slog.New(slog.DiscardHandler)
	cfg := closed()
	cfg.Global.MailTo = []string{"a@example.org", "b@example.org"}
	tell := func(m *mailing.Mailing, state string) {
		m.Told(notify.Happening{At: time.Now(), Kind: notify.Instance, ID: cfg.Instances[0].ID().String(), Name: "VI",
			State: state})
	}
	m := mailing.New(log, dir, "a.conf")
	m.Apply(cfg)
	tell(m, "MASTER")
	m.Hurry()
	m.End()

	port, recipients := server(t)
	changed := closed()
	changed.Global.MailTo, changed.Global.SMTPPort = []string{"c@example.org"}, port
	next := mailing.New(log, dir, "a.conf")
	next.Apply(changed)
	next.SendKept()
	tell(next, "FAULT")
	defer next.End()
	for _, want := range []string{"a@example.org b@example.org", "c@example.org"} {
		select {
		case got := <-recipients:
			if text := strings.Join(got, " "); text != want {
				t.Errorf("sent to %s, want %s", text, want)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("nothing is sent to %s", want)
		}
	}
}
