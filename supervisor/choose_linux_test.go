package supervisor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lvs-director/director/supervisor/history"
)

// wasInForce puts a configuration into the history, as if it had been in force.
func (r *rig) wasInForce(config string, more history.Entry) (digest string) {
	r.t.Helper()
	r.write(config)
	l := r.opts.load()
	store, err := history.Open(r.opts.StateDir, r.opts.File)
	if err != nil {
		r.t.Fatal(err)
	}
	more.Digest = l.Digest()
	if _, err := store.Add(more, l.text); err != nil {
		r.t.Fatal(err)
	}
	return more.Digest
}

// archive is the file of a configuration of the history.
func (r *rig) archive(name string) string { return filepath.Join(r.opts.StateDir, "history", name) }

const broken = "vrrp_instance VI_1 {\n"

// TestWhatAStartChooses: the file, or the newest one of the history that can run, or nothing.
func TestWhatAStartChooses(t *testing.T) {
	t.Parallel()
	first, second := instance("VI_1", ""), instance("VI_1", "")+instance2
	cut := func(r *rig, name string) { // in the middle of the last file in the archive
		info, err := os.Stat(r.archive(name))
		if err == nil {
			err = os.Truncate(r.archive(name), info.Size()-1024-512+10)
		}
		if err != nil {
			r.t.Fatal(err)
		}
	}
	for name, tc := range map[string]struct {
		before     func(r *rig)
		file       string
		noFallback bool
		number     int    // what is started of the history; 0 is the file
		fallback   string // why
		refused    string
		log        string
	}{
		"the first start": {func(*rig) {}, first, false, 0, "", "", ""},
		"a broken file": {func(r *rig) {
			r.wasInForce(first, history.Entry{})
			r.wasInForce(second, history.Entry{})
		}, broken, false, 2, "director.conf has 2 errors; director check shows them", "",
			"NOT STARTED WITH THE FILE BUT WITH AN EARLIER CONFIGURATION"},
		"a broken file at the first start": {func(*rig) {}, broken, false, 0, "", "nothing was started", ""},
		"one that was never confirmed": {func(r *rig) {
			r.wasInForce(first, history.Entry{})
			r.wasInForce(second, history.Entry{Unconfirmed: true})
		}, second, false, 1, "applied with --confirm and never confirmed", "", "NOT STARTED WITH THE FILE"},
		"one that was never confirmed, and no fallback": {func(r *rig) {
			r.wasInForce(first, history.Entry{})
			r.wasInForce(second, history.Entry{Unconfirmed: true})
		}, second, true, 0, "", "", ""},
		"one that was rolled back": {func(r *rig) {
			r.wasInForce(first, history.Entry{})
			digest := r.wasInForce(second, history.Entry{})
			r.wasInForce(first, history.Entry{Of: 1, Replaced: digest})
		}, second, false, 3, "taken out of force by a rollback; a reload takes it all the same", "", "number=3"},
		"the newest has errors": {func(r *rig) {
			r.wasInForce(first, history.Entry{})
			r.wasInForce("vrrp_instance VI_2 {\n", history.Entry{})
		}, broken, false, 1, "has 2 errors", "", `cannot be used" number=2 error="it has errors, the first: `},
		"the newest is damaged": {func(r *rig) {
			r.wasInForce(first, history.Entry{})
			r.wasInForce(second, history.Entry{})
			cut(r, "000002.tar")
		}, broken, false, 1, "has 2 errors", "", "cannot be used\" number=2 error=\"reading configuration 2"},
		"never confirmed, and nothing else can be used": {func(r *rig) {
			r.wasInForce(first, history.Entry{})
			r.wasInForce(second, history.Entry{Unconfirmed: true})
			cut(r, "000001.tar")
		}, second, false, 0, "", "", "an earlier configuration cannot be used"},
		"a broken file, and nothing can be used": {func(r *rig) {
			r.wasInForce(first, history.Entry{})
			cut(r, "000001.tar")
		}, broken, false, 0, "", "director check -f", "an earlier configuration cannot be used"},
		"a broken file, and a history that cannot be read": {func(r *rig) { r.noHistory() }, broken, false, 0, "",
			"nothing was started", "there is no earlier one to start with"},
		"a history that cannot be read": {func(r *rig) { r.noHistory() }, first, false, 0, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := prepared(t, "")
			tc.before(r)
			r.write(tc.file)
			r.opts.NoFallback = tc.noFallback
			begin, err := r.opts.choose(r.opts.Log)
			if tc.refused == "" && err != nil {
				t.Fatalf("nothing is started: %v", err)
			} else if tc.refused != "" && err == nil {
				t.Fatal("it is started")
			}
			if err != nil {
				wants(t, err.Error(), tc.refused)
				if len(begin.disk.findings) == 0 {
					t.Error("what is wrong in the file is not known")
				}
			}
			if n := begin.current.origin.Number; n != tc.number || (begin.fallback == "") != (tc.fallback == "") {
				t.Errorf("number %d of the history is started (%q), want %d", n, begin.fallback, tc.number)
			}
			wants(t, begin.fallback, tc.fallback)
			wants(t, r.log.String(), tc.log)
			if tc.log == "" && r.log.String() != "" {
				t.Errorf("there is nothing to tell, and the log has %s", r.log.String())
			}
			if begin.disk.Digest() != r.opts.load().Digest() {
				t.Error("what is taken for the file is another one")
			}
		})
	}
}

// noHistory has a file where the history would be.
func (r *rig) noHistory() {
	r.t.Helper()
	if err := os.MkdirAll(r.opts.StateDir, 0o700); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(r.archive(""), nil, 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// TestAFallbackIsRemembered as what it repeats, so that the next start chooses the same,
// until the file is reloaded.
func TestAFallbackIsRemembered(t *testing.T) {
	t.Parallel()
	r := prepared(t, "")
	first := r.wasInForce(instance("VI_1", ""), history.Entry{})
	second := r.wasInForce(instance("VI_1", "")+instance2, history.Entry{Unconfirmed: true})
	r.start()
	r.until("it is in the history", func() bool { return r.status().Number == 3 })
	s := r.status()
	if s.Digest != first || !s.FileDiffers || !strings.Contains(s.Fallback, "never confirmed") {
		t.Errorf("status is %+v", s.ConfigState)
	}
	list := r.entries()
	e := list[len(list)-1]
	if e.Reason != "start with number 1" || e.Of != 1 || e.Replaced != second || e.Digest != first {
		t.Errorf("the history has %+v", e)
	}
	r.end()
	begin, err := r.opts.choose(r.opts.Log)
	if err != nil || begin.current.origin.Number != 3 || !strings.Contains(begin.fallback, "by a rollback") {
		t.Errorf("the next start chooses number %d: %q, %v", begin.current.origin.Number, begin.fallback, err)
	}
}
