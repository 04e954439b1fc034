package history_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/diff"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/supervisor/history"
)

// write makes files in a directory of their own and gives the main one's name.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		put(t, filepath.Join(dir, name), text)
	}
	return filepath.Join(dir, "main.conf")
}

func put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

const instance = `vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    include sub/address?.conf
    notify_master "/bin/tell ${_ENV WHOM}"
}
@lb1 include sub/only-lb1.conf
# Latin-1: ` + "\xe4" + `
`

var files = map[string]string{
	"main.conf":         instance,
	"sub/address1.conf": "virtual_ipaddress {\n10.0.0.1/24\n}\n",
	"sub/only-lb1.conf": "global_defs {\nrouter_id r1\n}\n",
}

func whom(name string) (string, bool) {
	return map[string]string{"WHOM": "everybody"}[name], name == "WHOM"
}

// record reads a configuration through a Recorder.
func record(t *testing.T, main string, env func(string) (string, bool)) (*conf.Config, *history.Recorder) {
	t.Helper()
	r := history.NewRecorder(nil, env)
	cfg, findings := load.Load(main, r.Options(load.Options{ConfigID: "lb1"}))
	if conf.HasErrors(findings) {
		t.Fatal(findings)
	}
	return cfg, r
}

// TestARecordedTextReadsTheSame: with the files gone and another environment.
func TestARecordedTextReadsTheSame(t *testing.T) {
	main := write(t, files)
	cfg, r := record(t, main, whom)
	text := r.Text(main, "lb1")
	if err := os.RemoveAll(filepath.Dir(main)); err != nil {
		t.Fatal(err)
	}
	again, findings := load.Load(text.Path, text.Options(load.Options{}))
	if conf.HasErrors(findings) {
		t.Fatal(findings)
	}
	if d := diff.Diff(cfg, again); !d.Empty() || again.Digest != cfg.Digest {
		t.Errorf("differs: %+v, digest %s and %s", d, cfg.Digest, again.Digest)
	}
	if got := again.Instances[0].Notify.Master.Argv; !cmp.Equal(got, []string{"/bin/tell", "everybody"}) {
		t.Errorf("notify_master %q", got)
	}
	if again.Global.RouterID != "r1" || len(again.Instances[0].Addresses) != 1 {
		t.Errorf("router_id %q, addresses %v", again.Global.RouterID, again.Instances[0].Addresses)
	}
}

// TestChangesOfTheFilesAreSeen: whatever could make another configuration.
func TestChangesOfTheFilesAreSeen(t *testing.T) {
	for name, change := range map[string]func(dir string, env map[string]string){
		"the main file": func(dir string, _ map[string]string) { put(t, dir+"/main.conf", instance+"# more\n") },
		"an include": func(dir string, _ map[string]string) {
			put(t, dir+"/sub/address1.conf", "virtual_ipaddress {\n10.0.0.2/24 \n}\n")
		},
		"a new file that a pattern matches": func(dir string, _ map[string]string) {
			put(t, dir+"/sub/address2.conf", "")
		},
		"a file that goes": func(dir string, _ map[string]string) {
			if err := os.Remove(dir + "/sub/only-lb1.conf"); err != nil {
				t.Fatal(err)
			}
		},
		"a file that is replaced": func(dir string, _ map[string]string) {
			put(t, dir+"/new", instance)
			if err := os.Rename(dir+"/new", dir+"/main.conf"); err != nil {
				t.Fatal(err)
			}
		},
		"the environment":         func(_ string, env map[string]string) { env["WHOM"] = "nobody" },
		"a variable that is gone": func(_ string, env map[string]string) { delete(env, "WHOM") },
	} {
		t.Run(name, func(t *testing.T) {
			main := write(t, files)
			env := map[string]string{"WHOM": "everybody"}
			_, r := record(t, main, func(name string) (string, bool) { v, ok := env[name]; return v, ok })
			if r.Changed() {
				t.Fatal("changed from the beginning")
			}
			change(filepath.Dir(main), env)
			if !r.Changed() {
				t.Error("not seen")
			}
		})
	}
}
