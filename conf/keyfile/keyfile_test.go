package keyfile_test

import (
	"encoding/hex"
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

type read struct {
	cfg      *conf.Config
	keys     keyfile.Keys
	findings []conf.Finding
}

// readFrom reads a configuration whose only key of auth_hmac is in a file.
func readFrom(t *testing.T, file string) read {
	t.Helper()
	path := filepath.Join(t.TempDir(), "director.conf")
	text := fmt.Sprintf(`vrrp_instance VI {
    interface eth0
    virtual_router_id 5
    version 3
    auth_hmac {
        key 1 file:%s
        active_key 1
    }
    virtual_ipaddress {
        192.0.2.1
    }
}
`, file)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, findings := load.Load(path, load.Options{})
	keys, trouble := keyfile.Read(cfg, nil)
	return read{cfg, keys, append(findings, trouble...)}
}

func TestKeyFiles(t *testing.T) {
	const secret = "0123456789abcdef0123456789ABCDEF" // 32 bytes
	dir := t.TempDir()
	for _, c := range []struct {
		name, text, want, trouble string
	}{
		{"bytes", secret, secret, ""},
		{"a line", secret + "\n", secret, ""},
		{"digits", "hex:" + hex.EncodeToString([]byte(secret)) + "\n", secret, ""},
		{"too short", secret[1:], "", "has 31 bytes and must have 32 to 64"},
		{"too long", strings.Repeat("x", 65), "", "65 bytes"},
		{"huge", strings.Repeat("x", 1<<20), "", "must have 32 to 64"},
		{"bad digits", "hex:" + secret + "zz", "", "not hexadecimal"},
		{"empty", "", "", "0 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(dir, strings.ReplaceAll(c.name, " ", "_"))
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			l := readFrom(t, file)
			if got := string(l.keys[file]); got != c.want {
				t.Errorf("the key is %q, want %q", got, c.want)
			}
			if conf.HasErrors(l.findings) {
				t.Errorf("a start is refused: %v", l.findings)
			}
			said := fmt.Sprint(l.findings)
			if !strings.Contains(said, c.trouble) {
				t.Errorf("findings %v, want one about %q", said, c.trouble)
			}
			if strings.Contains(said, secret[1:]) || strings.Contains(said, "xxxx") {
				t.Errorf("a finding shows the file: %v", said)
			}
			keyfile.Insist(l.findings)
			if conf.HasErrors(l.findings) != (c.trouble != "") {
				t.Errorf("a reload is refused: %v, want %v", conf.HasErrors(l.findings), c.trouble != "")
			}
			// What the worker gets.
			l.keys.Into(l.cfg)
			if got := string(l.cfg.Instances[0].HMAC.Keys[0].Key); got != c.want {
				t.Errorf("the instance's key is %q", got)
			}
			if out := fmt.Sprintf("%v %+v %#v %q", l.keys, l.keys, l.keys, l.keys); c.want != "" &&
				strings.Contains(out, c.want) {
				t.Error("the keys show themselves")
			}
		})
	}
}

// TestAKeyFileThatIsNone: a pipe is not waited for, and a missing file is said.
func TestAKeyFileThatIsNone(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{pipe: "not a regular file", pipe + "-missing": "no such file"} {
		if l := readFrom(t, file); !strings.Contains(fmt.Sprint(l.findings), want) {
			t.Errorf("%s: findings %v", file, l.findings)
		}
	}
}

// TestKeysOfBFD: a key of 1 to 20 bytes goes to the worker; without one nothing else is refused at a start.
func TestKeysOfBFD(t *testing.T) {
	dir := t.TempDir()
	for n, c := range []struct{ text, want, trouble string }{
		{"secrecy\n", "secrecy", ""},
		{"hex:0102\n", "\x01\x02", ""},
		{strings.Repeat("x", 21), "", "bfd_instance b stays down: "},
		{"\n", "", "has 0 bytes and must have 1 to 20"},
	} {
		file := filepath.Join(dir, fmt.Sprint(n))
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, _ := load.LoadText("lb.conf", "bfd_instance b {\nneighbor_ip 192.0.2.9\nmeticulous_sha1 7 file:"+file+"\n}\n",
			load.Options{})
		keys, findings := keyfile.Read(cfg, nil)
		if said := fmt.Sprint(findings); !strings.Contains(said, c.trouble) || conf.HasErrors(findings) ||
			strings.Contains(said, "xxxx") {
			t.Errorf("%q: findings %s", c.text, said)
		}
		keyfile.Insist(findings)
		if conf.HasErrors(findings) != (c.trouble != "") {
			t.Errorf("%q: a reload is refused: %v", c.text, conf.HasErrors(findings))
		}
		keys.OfInstances(cfg).Into(cfg)
		if got := string(cfg.BFDs[0].Auth.Key); got != c.want {
			t.Errorf("%q: the key is %q", c.text, got)
		}
	}
}
