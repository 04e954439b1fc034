package supervisor

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/worker"
)

// misc is a virtual server with a MISC_CHECK of each command, and a FILE_CHECK of the file.
func miscConfig(file string, commands ...string) string {
	text := "global_defs {\n enable_script_security\n}\ntrack_file number {\n file " + file + "\n weight 1\n}\n" +
		instance("VI_1", "") +
		"virtual_server 192.0.2.10 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n" +
		" real_server 10.0.0.3 80 {\n weight 1\n FILE_CHECK {\n track_file number\n }\n"
	for _, c := range commands {
		text += " MISC_CHECK {\n misc_path \"" + c + "\"\n misc_timeout 20\n misc_dynamic\n user root\n }\n"
	}
	return text + " }\n}\n"
}

// programIDs are the identities of the programs of MISC_CHECKs, in their order.
func programIDs(t *testing.T, text string) (ids []string) {
	t.Helper()
	cfg, _ := load.LoadText("test.conf", text, load.Options{})
	for _, v := range cfg.VirtualServers {
		for _, rs := range v.RealServers {
			for _, c := range rs.Checkers {
				if c.Kind == conf.MiscCheck {
					ids = append(ids, c.Misc.ProgramID())
				}
			}
		}
	}
	return ids
}

// runs asks for a run as the lvs worker does.
func runs(id uint64, program string) worker.Message {
	return worker.Message{RunProgram: &worker.RunProgram{ID: id, Program: program}}
}

// ended waits for the answer to a run.
func (r *rig) programEnded(id uint64) (e worker.ProgramEnded) {
	r.t.Helper()
	r.until(fmt.Sprint("run ", id, " is answered"), func() bool {
		for _, t := range r.toldOf(worker.LVS, "program") {
			if t.Ended.ID == id {
				e = *t.Ended
				return true
			}
		}
		return false
	})
	return e
}

// TestProgramsOfChecks: the lvs worker has programs run that the configuration has, and no
// others; one that hangs delays no other and ends when nobody waits for it; an upgrade that
// fails runs those again that it has ended.
func TestProgramsOfChecks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, pids, gate := filepath.Join(dir, "number"), filepath.Join(dir, "pids"), filepath.Join(dir, "gate")
	script := filepath.Join(dir, "script")
	text := "#!/bin/sh\ncase $1 in\nok) echo fine; exit $2;;\nhangs) echo $$ >>" + pids + "; exec sleep 1000;;\n" +
		"waits) echo $$ >>" + pids + "; while [ ! -e " + gate + " ]; do sleep 0.05; done; exit 7;;\nesac\n"
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	unsafe := filepath.Join(dir, "unsafe")
	if err := os.WriteFile(unsafe, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(unsafe, 0o757); err != nil {
		t.Fatal(err)
	}
	config := miscConfig(file, script+" ok 52", script+" hangs", script+" waits", "/nonexistent/script", unsafe)
	ids := programIDs(t, config)
	r := running(t, config)

	r.says(worker.LVS, runs(1, ids[1]), runs(2, ids[0]), runs(3, `["/bin/rm" "-r" "/"] user "" group "" timeout 1s`),
		runs(4, ids[3]), runs(7, ids[4]))
	if e := r.programEnded(2).End; e.Code != 52 || e.Output != "fine" {
		t.Errorf("a program that ends: %+v", e)
	}
	if e := r.programEnded(3).End; !strings.Contains(e.Err, "not in the configuration") {
		t.Errorf("a program that is not configured: %+v", e)
	}
	if e := r.programEnded(4).End; !strings.Contains(e.Err, "no such file") {
		t.Errorf("a program that is not there: %+v", e)
	}
	if e := r.programEnded(7).End; !strings.Contains(e.Err, "refused by enable_script_security") {
		t.Errorf("a program that others can write to: %+v", e)
	}
	started := func() (list []string) {
		text, err := os.ReadFile(pids)
		if err != nil {
			return nil
		}
		return strings.Fields(string(text))
	}
	r.until("the one that hangs runs", func() bool { return len(started()) == 1 })
	r.says(worker.LVS, worker.Message{RunProgram: &worker.RunProgram{ID: 1, Cancel: true}})
	gone := func(pid string) func() bool {
		return func() bool { _, err := os.Stat("/proc/" + pid); return err != nil }
	}
	r.until("the one that hangs was ended", gone(started()[0]))

	r.says(worker.LVS, runs(5, ids[2]))
	r.until("the one that waits runs", func() bool { return len(started()) == 2 })
	path := r.other("")
	var report control.UpgradeReport
	r.ask(http.MethodPost, "/v1/upgrade", control.UpgradeRequest{Binary: path}, &report)
	wants(t, r.upgraded().Error, "executing "+path)
	r.until("the one that waits runs again", func() bool { return len(started()) == 3 })
	if !gone(started()[1])() {
		t.Error("the first run of the one that waits goes on")
	}
	if err := os.WriteFile(gate, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if e := r.programEnded(5).End; e.Code != 7 {
		t.Errorf("the one that waits ended as %+v", e)
	}

	// A worker that dies takes its runs along.
	r.says(worker.LVS, runs(6, ids[1]))
	r.until("another one that hangs runs", func() bool { return len(started()) == 4 })
	lives := r.toldOf(worker.LVS, "started")
	kill(t, lives[len(lives)-1].Pid)
	r.until("it was ended", gone(started()[3]))
	var answered []uint64
	for _, told := range r.toldOf(worker.LVS, "program") {
		answered = append(answered, told.Ended.ID)
	}
	slices.Sort(answered)
	if !slices.Equal(answered, []uint64{2, 3, 4, 5, 7}) {
		t.Errorf("answered were %v", answered)
	}
}

// TestFilesOfChecks: the lvs worker hears of the value of a file that a check uses.
func TestFilesOfChecks(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "number")
	if err := os.WriteFile(file, []byte("3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := running(t, miscConfig(file))
	has := func(value int) func() bool {
		return func() bool {
			list := append(r.toldOf(worker.LVS, "configure"), r.toldOf(worker.LVS, "tracker")...)
			return slices.ContainsFunc(list, func(t told) bool {
				return len(t.Trackers) == 1 && t.Trackers[0].Name == "number" && t.Trackers[0].Value == value
			})
		}
	}
	r.until("the first value is told", has(3))
	if err := os.WriteFile(file, []byte("8\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r.until("another value is told", has(8))
}
