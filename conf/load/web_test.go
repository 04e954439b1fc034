package load_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
)

// TestWeb: the page is nowhere unless it is asked for, and a token never travels in the open.
func TestWeb(t *testing.T) {
	const token = "actions {\n token file:/etc/a.token alice\n}\n"
	for name, c := range map[string]struct {
		text string
		says string // of an error; empty is none
	}{
		"plain":             {"listen 127.0.0.1 3780\n", ""},
		"a socket":          {"listen unix:/run/web.sock\ngroup adm\n" + token, ""},
		"loopback":          {"listen ::1 3780\n" + token, ""},
		"a network":         {"listen 192.0.2.1 3780\nhost lb1\nhost lb2\n", ""},
		"a certificate":     {"listen 192.0.2.1 3780\ncertificate /c\nkey /k\n" + token, ""},
		"an open token":     {"listen 192.0.2.1 3780\n" + token, "for all on the way to read"},
		"mapped":            {"listen ::ffff:192.0.2.1 3780\n" + token, "for all on the way to read"},
		"wildcard":          {"listen 0.0.0.0 3780\n", "every network"},
		"meant":             {"listen :: 3780\nallow_wildcard\n", ""},
		"a group":           {"listen 224.0.0.18 3780\n", "a group"},
		"half of a key":     {"listen 192.0.2.1 3780\nkey /k\n", "a key without its certificate"},
		"no port":           {"listen 127.0.0.1\n", "listen is an IP address and a port"},
		"a name":            {"listen localhost 3780\n", "not served at \"localhost 3780\""},
		"empty":             {"", "there is no page"},
		"a URL":             {"listen ::1 3780\nhost http://foo/\n", "by the host \"http://foo/\""},
		"a host's port":     {"listen ::1 3780\nhost foo:3780\n", "by the host"},
		"an address":        {"listen ::1 3780\nhost 2001:db8::1\nhost lb1.example.org\n", ""},
		"no token":          {"listen ::1 3780\nactions {\n}\n", "actions has no token"},
		"no actions":        {"listen ::1 3780\nactions\n", "actions needs a block"},
		"nowhere":           {"host lb1\n", "there is no page"},
		"no path":           {"listen unix:web.sock\n", "cannot be at the Unix socket"},
		"a long path":       {"listen unix:/" + strings.Repeat("x", 107) + "\n", "cannot be at the Unix socket"},
		"the token itself":  {"listen ::1 3780\nactions {\n token hunter2hunter2\n}\n", "stands in a file of its own"},
		"a misspelt secret": {"listen ::1 3780\nactions {\n tokn hunter2hunter2\n}\n", "actions has no token"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "lb.conf")
			if err := os.WriteFile(file, []byte("web {\n"+c.text+"}\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			cfg, findings := load.Load(file, load.Options{})
			said := ""
			for _, f := range findings {
				if strings.Contains(f.Message+f.Hint, "hunter2") {
					t.Errorf("a secret is shown: %s", f.Message)
				}
				if f.Severity == conf.Error || f.Code == "missing-port" || f.Code == "no-effect" {
					said += f.Message + "\n"
				}
			}
			if c.says == "" && (said != "" || !cfg.Web.Wanted()) || c.says != "" && !strings.Contains(said, c.says) {
				t.Errorf("errors %q, want %q; %+v", said, c.says, cfg.Web)
			}
		})
	}
}
