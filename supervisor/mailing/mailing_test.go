package mailing_test

import (
	"bytes"
	"log/slog"
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
