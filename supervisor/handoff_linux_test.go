package supervisor

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/supervisor/history"
	"github.com/lvs-director/director/supervisor/rollout"
	"github.com/lvs-director/director/worker"
)

// duplicate is a descriptor of the same file that no os.File closes.
func duplicate(t *testing.T, f *os.File) int {
	t.Helper()
	fd, err := unix.FcntlInt(uintptr(descriptor(f)), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// containing is the descriptor of an open file with data in it, as handoffVar names one.
func containing(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "handoff")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return strconv.Itoa(duplicate(t, f))
}

// mustGob is v as another program writes it.
func mustGob(t *testing.T, v any) []byte {
	t.Helper()
	data, err := encodeGob(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestAHandoffThatCannotBeRead is refused in words, whoever wrote it, and does not end
// the program by a panic.
func TestAHandoffThatCannotBeRead(t *testing.T) {
	t.Parallel()
	good := mustGob(t, &handoff{Version: handoffVersion, From: "before", File: strings.Repeat("x", 1000)})
	flipped := bytes.Clone(good)
	for i := 0; i < len(flipped); i += 7 {
		flipped[i] ^= 0x55
	}
	const damaged, version = "reading the handoff of the previous program", "this program reads 1 to 1"
	for name, tc := range map[string]struct{ text, want string }{
		"no number":              {"three", "only director upgrade may set it"},
		"nothing":                {"", "only director upgrade may set it"},
		"standard error":         {"2", "only director upgrade may set it"},
		"below zero":             {"-1", "only director upgrade may set it"},
		"beyond all numbers":     {"99999999999999999999", "only director upgrade may set it"},
		"not open":               {"1000000", damaged},
		"empty":                  {containing(t, nil), damaged},
		"no handoff":             {containing(t, []byte("vrrp_instance VI_1 {\n}\n")), damaged},
		"one byte is missing":    {containing(t, good[:len(good)-1]), damaged},
		"one half is missing":    {containing(t, good[:len(good)/2]), damaged},
		"flipped bits":           {containing(t, flipped), damaged},
		"a length without end":   {containing(t, []byte{0xf8, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), damaged},
		"a text for a number":    {containing(t, mustGob(t, struct{ Version string }{"1"})), damaged},
		"of no version":          {containing(t, mustGob(t, &handoff{From: "old"})), "has version 0, " + version},
		"newer, names no oldest": {containing(t, mustGob(t, &handoff{Version: 2})), "has version 2, " + version},
		"newer, cannot be read":  {containing(t, mustGob(t, &handoff{Version: 3, Oldest: 2})), "has version 3, " + version},
		"of a negative version":  {containing(t, mustGob(t, &handoff{Version: -1})), "has version -1, " + version},
	} {
		if _, err := readHandoff(tc.text); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

// TestAHandoffOfAnotherVersion is read when it says that it can be: fields that this
// program does not know are ignored, and those it misses are empty.
func TestAHandoffOfAnotherVersion(t *testing.T) {
	t.Parallel()
	type more struct{ Depth map[string][]int }
	for name, v := range map[string]any{
		"later, with other fields": struct {
			Version, Oldest int
			From            string
			Generation      uint64
			Weather         *more
		}{9, 1, "later", 7, &more{map[string][]int{"a": {1}}}},
		"this one, with fewer fields": struct {
			Version    int
			From       string
			Generation uint64
		}{1, "later", 7},
	} {
		h, err := readHandoff(containing(t, mustGob(t, v)))
		if err != nil || h.From != "later" || h.Generation != 7 || h.Signals != nil || h.Pending != nil {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
	}
}

// TestAHandoffIsWrittenAnew: what a signal adds in the last moment takes the place of
// what was written, and the file is closed when it has been read.
func TestAHandoffIsWrittenAnew(t *testing.T) {
	t.Parallel()
	h := &handoff{Version: handoffVersion, From: strings.Repeat("before ", 100), Lock: -1, Listener: -1}
	if err := h.save(); err != nil {
		t.Fatal(err)
	}
	h.Reload, h.From = true, "short"
	if err := h.write(); err != nil {
		t.Fatal(err)
	}
	fd := duplicate(t, h.file)
	h.file.Close()
	got, err := readHandoff(strconv.Itoa(fd))
	if err != nil || !got.Reload || got.From != "short" {
		t.Errorf("read %+v, %v", got, err)
	}
	if fds := got.descriptors(); len(fds) != 0 {
		t.Errorf("it has descriptors %v that nobody handed off", fds)
	}
	wantsErr(t, h.write(), "writing the handoff")
}

// wantsErr fails unless there is an error with all of words.
func wantsErr(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want one with %q", words)
		return
	}
	wants(t, err.Error(), words...)
}

// TestAWorkerKeepsItsHistory: how often it has died, and how, is not forgotten on the way.
func TestAWorkerKeepsItsHistory(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_700_000_000, 0).UTC()
	before := rollout.Status{
		Worker: rollout.VRRP, Pid: 77, Restarts: 4, Since: at, Deaths: []time.Time{at}, Applied: 9, Problem: "no such link",
		Watched: true, LastSent: time.Hour, Err: errors.New("exit status 3"),
	}
	hw := newHandedWorker(before, &worker.Handed{Pid: 77})
	if hw.Socket != -1 {
		t.Errorf("a worker without a connection has descriptor %d", hw.Socket)
	}
	h, err := readHandoff(containing(t, mustGob(t, &handoff{Version: handoffVersion, Workers: []handedWorker{hw}})))
	if err != nil {
		t.Fatal(err)
	}
	after := h.Workers[0].status()
	if after.Err == nil || after.Err.Error() != "exit status 3" {
		t.Errorf("it died of %v", after.Err)
	}
	if len(after.Deaths) != 1 || !after.Deaths[0].Equal(at) || !after.Since.Equal(at) || after.Restarts != 4 ||
		after.Applied != 9 || after.Problem != "no such link" || !after.Watched || after.LastSent != time.Hour ||
		after.Worker != rollout.VRRP || after.Pid != 77 {
		t.Errorf("%+v became %+v", before, after)
	}
	before.Err = nil
	if s := newHandedWorker(before, &worker.Handed{}).status(); s.Err != nil {
		t.Errorf("one that never died died of %v", s.Err)
	}
}

// TestAnswerHandoff: a program that is asked names its versions, and what it finds wrong
// with the configuration in force under the options in force.
func TestAnswerHandoff(t *testing.T) {
	t.Parallel()
	text := func(config string) history.Text {
		r := prepared(t, config)
		return r.opts.load().text
	}
	doubtful := "no_such_keyword\n" + instance("VI_1", "")
	for name, tc := range map[string]struct {
		question *handoffQuestion
		errors   int
	}{
		"no question":          {nil, 0},
		"a good configuration": {&handoffQuestion{Text: text(instance("VI_1", "") + service)}, 0},
		"only warnings":        {&handoffQuestion{Text: text(doubtful)}, 0},
		"warnings are errors":  {&handoffQuestion{Strict: true, Text: text(doubtful)}, 1},
		"a broken one":         {&handoffQuestion{Text: brokenText(t)}, 1},
	} {
		var in, out bytes.Buffer
		if tc.question != nil {
			in.Write(mustGob(t, tc.question))
		}
		if err := AnswerHandoff(&in, &out, "1.2.3"); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var a handoffAnswer
		if err := json.Unmarshal(out.Bytes(), &a); err != nil {
			t.Fatalf("%s: %v in %s", name, err, out.String())
		}
		if a.Version != "1.2.3" || !a.ReleasesSignals || len(a.Errors) != tc.errors {
			t.Errorf("%s: the answer is %+v, want %d errors", name, a, tc.errors)
		}
		for _, e := range a.Errors {
			wants(t, e, "director.conf", conf.Error.String())
		}
		if err := a.evaluate("itself"); (err != nil) != (tc.errors > 0) {
			t.Errorf("%s: can it take over from itself? %v", name, err)
		}
	}
	for name, question := range map[string]io.Reader{
		"half a question": bytes.NewReader(mustGob(t, handoffQuestion{Text: text(service)})[:200]),
		"no gob":          strings.NewReader("director hand-down?"),
		"another type":    bytes.NewReader(func() []byte { b, _ := encodeGob(struct{ Strict string }{"x"}); return b }()),
	} {
		var out bytes.Buffer
		wantsErr(t, AnswerHandoff(question, &out, "1.2.3"), "reading the question")
		if out.Len() > 0 {
			t.Errorf("%s is answered: %s", name, out.String())
		}
	}
}

// TestWhatATriedProgramPrints is kept up to a limit, the whole of each write or none of it.
func TestWhatATriedProgramPrints(t *testing.T) {
	t.Parallel()
	b := bounded{limit: 8}
	for _, part := range []string{"abcd", "efgh"} {
		if n, err := b.Write([]byte(part)); n != 4 || err != nil {
			t.Errorf("writing %s: %d, %v", part, n, err)
		}
	}
	_, err := b.Write([]byte("i"))
	wantsErr(t, err, "it prints more than 8 bytes")
	if string(b.Bytes()) != "abcdefgh" {
		t.Errorf("it has %q", b.Bytes())
	}
}

// brokenText is a configuration with one error.
func brokenText(t *testing.T) history.Text {
	t.Helper()
	return prepared(t, "vrrp_instance VI_1 {\n interface vip0\n").opts.load().text
}
