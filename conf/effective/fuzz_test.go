package effective_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/diff"
	"github.com/lvs-director/director/conf/effective"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/conf/syntax"
)

// FuzzLoad: no text makes Load panic or hang, findings stand inside the file,
// and what Render shows of a configuration that runs means the same.
func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("../testdata/effective/*.conf")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("vrrp_instance A {\n interface eth0\n virtual_router_id 1\n authentication { auth_type AH\nauth_pass 1 }\n" +
		" auth_hmac { key 1 hex:00 }\n}\n")
	f.Add("virtual_server 10.0.0.1 80 {\n real_server 10.1.0.2 80 {\n HTTP_GET {\n url { path /\n regex \"a{2}\" }\n" +
		" virtualhost x\n }\n }\n}\n")
	f.Add("virtual_server_group G {\n ::1-ffff 80\n 10.0.0.0/15 1\n 1.2.3.4-3 9\n fwmark 0\n}\n")
	f.Fuzz(func(t *testing.T, text string) {
		opts := load.Options{ConfigID: "x", Limits: syntax.Limits{Lines: 2000, Work: 1 << 20}, FS: syntax.Memory{},
			Env: func(string) (string, bool) { return "", false }}
		cfg, findings := load.LoadText("f.conf", text, opts)
		for _, x := range findings {
			checkPlace(t, text, x)
		}
		var shown bytes.Buffer
		if err := effective.Render(&shown, cfg); err != nil {
			t.Fatal(err)
		}
		if conf.HasErrors(findings) {
			return // an instance may be there twice
		}
		if d := diff.Diff(cfg, cfg); !d.Empty() {
			t.Fatalf("differs from itself: %+v", d)
		}
		for _, in := range cfg.Instances {
			if in.HMAC != nil && slices.ContainsFunc(in.HMAC.Keys, func(k conf.HMACKey) bool { return k.Key != "" }) {
				return // a masked key is too short for one
			}
		}
		again, _ := load.LoadText("f.conf", shown.String(), opts)
		if diff := cmp.Diff(cfg, again, sameMeaning...); diff != "" {
			t.Fatalf("what was shown means something else (-file +shown):\n%s\n%s", diff, shown.String())
		}
	})
}

// checkPlace fails when a finding stands outside of the text.
func checkPlace(t *testing.T, text string, f conf.Finding) {
	t.Helper()
	if f.Pos.File != "f.conf" {
		t.Fatalf("in a file that was not read: %v", f)
	}
	if f.Pos.Line == 0 {
		return
	}
	lines := bytes.Split([]byte(text), []byte("\n"))
	if int(f.Pos.Line) > len(lines) || int(f.Pos.Col) > len(lines[f.Pos.Line-1])+1 {
		t.Fatalf("outside of the file: %v", f)
	}
	if bytes.ContainsAny([]byte(f.Message), "\n\r\x1b") {
		t.Fatalf("not one line: %q", f.Message)
	}
}
