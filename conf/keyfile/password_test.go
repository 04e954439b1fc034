package keyfile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/keyfile"
	"github.com/lvs-director/director/conf/load"
)

// TestPassword of smtp_auth: the first line of its file. One that cannot be read is said, and a
// reload with it is refused; nothing shows what the file has.
func TestPassword(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ text, want, trouble string }{
		"a line":        {"open sesame\n", "open sesame", ""},
		"of DOS":        {"open sesame\r\nmore\n", "open sesame", ""},
		"without end":   {"open sesame", "open sesame", ""},
		"empty":         {"", "", "must be a password"},
		"an empty line": {"\nopen sesame\n", "", "must be a password"},
		"huge":          {strings.Repeat("open sesame", 1000), "", "must be a password"},
		"binary":        {"open\x00sesame", "", "must be a password"},
		"absent":        {"", "", "no such file"},
		"pipe":          {"", "", "not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(dir, name)
			if name != "absent" && name != "pipe" {
				if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			text := fmt.Sprintf("global_defs {\n smtp_server 192.0.2.1\n notification_email { a@b }\n smtp_auth lb %q\n}\n"+
				"vrrp_instance VI {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n 192.0.2.9\n }\n}\n", file)
			cfg, findings := load.LoadText("a.conf", text, load.Options{})
			keys, trouble := keyfile.Read(cfg, nil)
			if got := string(keys.Password(cfg)); got != c.want {
				t.Errorf("the password is %q, want %q", got, c.want)
			}
			if len(keys.OfInstances(cfg)) > 0 {
				t.Error("the vrrp worker gets the password")
			}
			said := fmt.Sprint(findings, trouble)
			if (c.trouble == "") != (len(trouble) == 0) || !strings.Contains(said, c.trouble) {
				t.Errorf("findings %v, want %q", trouble, c.trouble)
			}
			if c.trouble != "" && trouble[0].Pos.Line != 4 {
				t.Errorf("the finding is at %v", trouble[0].Pos)
			}
			keyfile.Insist(trouble)
			if conf.HasErrors(trouble) != (c.trouble != "") {
				t.Errorf("a reload is refused: %v", conf.HasErrors(trouble))
			}
			if shown := fmt.Sprintf("%s %v %+v %#v", said, keys, keys, keys); strings.Contains(shown, "sesame") {
				t.Errorf("the password is shown: %s", shown)
			}
		})
	}
}
