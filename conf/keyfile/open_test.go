package keyfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/keyfile"
	"github.com/lvs-director/director/conf/load"
)

// TestOpenSecrets: a file with a secret that all users of the host may read is a warning, whatever it is for,
// once; one that is closed to them, or is not there, is none.
func TestOpenSecrets(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("hex:"+strings.Repeat("5a", 32)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := func(mode os.FileMode) string {
		return "global_defs {\n smtp_server 192.0.2.9\n smtp_auth me " + file("password", mode) + "\n}\n" +
			"peer 192.0.2.2 {\n key file:" + file("peer", mode) + "\n}\n" +
			"bfd_instance b {\n neighbor_ip 192.0.2.4\n meticulous_sha1 1 file:" + file("bfd", mode) + "\n}\n" +
			"peer 192.0.2.3 {\n key file:" + file("peer", mode) + "\n}\n" +
			"web {\n listen ::1 3780\n certificate /nowhere\n key " + file("tls", mode) + "\n actions {\n token file:" +
			file("token", mode) + " a\n}\n}\nvrrp_instance VI {\n interface eth0\n virtual_router_id 5\n version 3\n" +
			" auth_hmac {\n key 1 file:" + file("hmac", mode) +
			"\n active_key 1\n}\n virtual_ipaddress {\n 192.0.2.1\n}\n}\n"
	}
	for mode, want := range map[os.FileMode]int{0o600: 0, 0o640: 0, 0o644: 6, 0o602: 6} {
		cfg, findings := load.LoadText("lb.conf", text(mode), load.Options{})
		if conf.HasErrors(findings) {
			t.Fatal(findings)
		}
		list := keyfile.CheckModes(cfg, nil)
		if len(list) != want {
			t.Errorf("mode %04o: %d findings, want %d: %v", mode, len(list), want, list)
		}
		for _, f := range list {
			if f.Severity != conf.Warning || f.Pos.Line == 0 || !strings.Contains(f.Hint, "chmod o= "+dir) {
				t.Errorf("mode %04o: %+v", mode, f)
			}
		}
		const peer = "the key of peer 192.0.2.2 is in "
		if _, read := keyfile.Read(cfg, nil); want > 0 && !strings.Contains(messages(read), peer) {
			t.Errorf("who reads the files is not told: %v", read)
		}
		for _, name := range []string{"password", "peer", "tls", "token", "hmac", "bfd"} {
			os.Remove(filepath.Join(dir, name))
		}
		if list := keyfile.CheckModes(cfg, nil); len(list) > 0 {
			t.Errorf("of files that are not there: %v", list)
		}
	}
}

func messages(findings []conf.Finding) string {
	var list []string
	for _, f := range findings {
		list = append(list, f.Message)
	}
	return strings.Join(list, "\n")
}
