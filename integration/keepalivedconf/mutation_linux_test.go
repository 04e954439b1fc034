package keepalivedconf

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/integration/debian"
)

// realConfigs are configurations of other people, beside the repository.
const realConfigs = "../../../shared/confs"

// mutations is how many changed files the test compares. DIRECTOR_MUTATIONS sets another number,
// and DIRECTOR_MUTATIONS_SEED chooses other changes.
const mutations = 150

// TestVerdictsOnChangedConfigurations damages one line of a real file. Director complains if
// keepalived does, and refuses the file if keepalived ends.
func TestVerdictsOnChangedConfigurations(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(realConfigs, "*.conf"))
	if err != nil || len(files) == 0 {
		t.Skip("SKIP: no real configurations beside the repository (../shared/confs)")
	}
	if os.Geteuid() != 0 {
		t.Skip("SKIP: keepalived -t needs root")
	}
	k := fetch(t)
	count := mutations
	if testing.Short() {
		count /= 3
	}
	if n, err := strconv.Atoi(os.Getenv("DIRECTOR_MUTATIONS")); err == nil {
		count = n
	}
	seed, _ := strconv.ParseUint(os.Getenv("DIRECTOR_MUTATIONS_SEED"), 10, 64)
	random := rand.New(rand.NewPCG(1+seed, 2))
	dir := t.TempDir()
	var cases []mutated
	for len(cases) < count {
		file := files[random.IntN(len(files))]
		text, err := os.ReadFile(file)
		if err != nil || len(text) > 20000 || unsuitable.Match(text) {
			continue
		}
		changed, what, ok := mutate(random, string(text))
		if !ok {
			continue
		}
		c := mutated{file: filepath.Base(file), what: what, before: string(text), after: changed}
		c.name = filepath.Join(dir, fmt.Sprintf("%04d.conf", len(cases)))
		cases = append(cases, c)
	}
	for _, c := range cases {
		for name, text := range map[string]string{c.name: c.after, c.name + ".before": c.before} {
			if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	k.test(t, dir)
	agreed, known := 0, 0
	for _, c := range cases {
		before, after := readVerdict(t, c.name+".before"), readVerdict(t, c.name)
		ourBefore, ourAfter := ours(c.before), ours(c.after)
		if before.dies || ourBefore.dies {
			continue // one of the two refuses the file even without the change
		}
		theirNew, ourNew := fresh(before.lines, after.lines), fresh(ourBefore.lines, ourAfter.lines)
		what := fmt.Sprintf("%s: %s:\n\tkeepalived: ends %v, %q\n\tdirector: refuses %v, %q", c.file, c.what, after.dies,
			theirNew, ourAfter.dies, ourNew)
		same := after.dies == ourAfter.dies && (after.dies || (len(theirNew) > 0) == (len(ourNew) > 0))
		switch {
		case same:
			agreed++
		case stands(what):
			known++
		default:
			t.Error(what)
		}
	}
	t.Logf("%d of %d verdicts agree, %d differ as is known", agreed, len(cases), known)
}

// unsuitable are files of which keepalived -t reads only a part here, because their namespace or
// their included files do not exist.
var unsuitable = regexp.MustCompile(`(?m)^\s*(net_namespace|include)`)

// standing are differences that are meant to stay, and why.
var standing = map[string]string{
	`Unknown interface!`: "later releases do without an interface where there is a unicast_src_ip, and so does director",
	`(dev dev|table table|skip_check_adv_addr vrrp_skip)`: "keepalived takes the word for its own value",
	"after keyword `(priority|table|preference|src|dev|via)`": "keepalived ends at a rule or route that is not whole, " +
		"director leaves it out",
	`^001-shidg-note.conf: line (6[0-9]|[7-9][0-9])`: "keepalived takes what follows the unknown block SMTP_CHEKC for " +
		"something else",
	`director: refuses false, \["unknown-option: unknown option \\"\S+ of \S+: it is ignored"\]`: "keepalived is silent " +
		"about what it does not know behind the name of a tracker: a weight with a wrong letter would be lost",
	`director: refuses false, \["no-peers: `: "keepalived is silent about a list of peers that is empty, and sends to the " +
		"multicast group",
	`becomes "(script|misc_path) (\S+) \S+"`: "the second word is a user that this host does not have, which is no matter of the file",
	`lvs_sync_daemon_interface`:              "director says that the old word is old",
	`director: refuses false, \[\]`: "keepalived reads what stands in a block that it does not " +
		"know, director skips the block",
}

func stands(what string) bool {
	for kind := range standing {
		if regexp.MustCompile(kind).MatchString(what) && !strings.Contains(what, "invalid-vrid") {
			return true
		}
	}
	return false
}

// mutated is a file before and after its change.
type mutated struct{ name, file, what, before, after string }

var number = regexp.MustCompile(`^[0-9]+$`)

// mutate changes one line that has a keyword. It leaves braces alone: keepalived takes the lines in
// a block that it does not know for lines of the block around it.
func mutate(random *rand.Rand, text string) (changed, what string, ok bool) {
	lines := strings.Split(text, "\n")
	i := random.IntN(len(lines))
	words := strings.Fields(lines[i])
	if len(words) == 0 || strings.ContainsAny(lines[i], "{}#!\"'$@~") || len(words) > 6 {
		return "", "", false
	}
	old := strings.Join(words, " ")
	j := random.IntN(len(words))
	switch random.IntN(4) {
	case 0: // one letter is missing
		if len(words[j]) < 3 {
			return "", "", false
		}
		at := random.IntN(len(words[j]))
		words[j] = words[j][:at] + words[j][at+1:]
	case 1: // the last word is missing
		words = words[:len(words)-1]
	case 2: // a number becomes far too large, negative, no number or 0
		if !number.MatchString(words[j]) {
			return "", "", false
		}
		words[j] = []string{"99999999999999999999", "-1", "12x", "0"}[random.IntN(4)]
	case 3: // a word twice
		words = slices.Insert(words, j, words[j])
	}
	lines[i] = strings.Join(words, " ")
	return strings.Join(lines, "\n"), fmt.Sprintf("line %d: %q becomes %q", i+1, old, lines[i]), true
}

// verdict is what keepalived or director says of a file.
type verdict struct {
	dies  bool
	lines []string
}

// ours leaves out what only director reports: notes, and options that have no effect yet.
func ours(text string) verdict {
	_, findings := load.LoadText("f", text, load.Options{ConfigID: "nobody"})
	v := verdict{dies: conf.HasErrors(findings)}
	for _, f := range findings {
		if f.Severity != conf.Note && !f.Unserved && f.Code != "script-security" && f.Code != "script-user" {
			v.lines = append(v.lines, f.Code+": "+f.Message)
		}
	}
	return v
}

// fresh returns the lines of after that before does not have.
func fresh(before, after []string) []string {
	count := map[string]int{}
	for _, l := range before {
		count[l]++
	}
	var list []string
	for _, l := range after {
		if count[l]--; count[l] < 0 {
			list = append(list, l)
		}
	}
	return list
}

// ends are the complaints at which keepalived -t goes on, but the daemon ends.
var ends = []string{"virtual router id must be set", "No VIP specified; at least one is required",
	"Unknown interface!", "missing a parameter after keyword"}

// hostMatters are complaints about the host that keepalived runs on.
var hostMatters = regexp.MustCompile(`keepalived_script|SECURITY VIOLATION|Disabling track script|script uid/gid|doesn't exist|` +
	`Unable to (access|set)|Invalid smtp server|(user|group) '?[^ ]*'? not found|not executable|Non-existent interface`)

var place = regexp.MustCompile(`^\([^ ]*( Line|Line) \d+\) |^\([^ )]+: Line \d+\) `)

func readVerdict(t *testing.T, name string) verdict {
	t.Helper()
	f, err := os.Open(name + ".out")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var v verdict
	for s := bufio.NewScanner(f); s.Scan(); {
		line := s.Text()
		if rc, ok := strings.CutPrefix(line, "exit status "); ok {
			v.dies = v.dies || rc == "2"
			continue
		}
		for _, end := range ends {
			v.dies = v.dies || strings.Contains(line, end)
		}
		if line != "" && !hostMatters.MatchString(line) {
			v.lines = append(v.lines, place.ReplaceAllString(line, ""))
		}
	}
	return v
}

// keepalived is Debian's, unpacked and not installed.
type keepalived struct{ program debian.Program }

func fetch(t *testing.T) keepalived {
	t.Helper()
	cache, err := debian.OpenCache(os.Stderr)
	if err != nil {
		t.Skipf("SKIP: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	p, err := cache.Program(ctx, "keepalived", "usr/sbin/keepalived")
	if err != nil {
		t.Skipf("SKIP: keepalived cannot be had: %v", err)
	}
	return keepalived{p}
}

// test runs keepalived -t on the files of a folder, in namespaces of its own that have the
// interfaces that the files name.
func (k keepalived) test(t *testing.T, dir string) {
	t.Helper()
	const script = `mount -t tmpfs none /run || exit 1
n=0
for i in $INTERFACES; do n=$((n+1)); ip link add "$i" type veth peer name p$n && ip link set "$i" up && ip link set p$n up; done
for f in "$DIR"/*.conf "$DIR"/*.before; do timeout 10 "$KEEPALIVED" -t -f "$f" > "$f.out" 2>&1; echo "exit status $?" >> "$f.out"; done`
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "unshare", "-n", "-m", "sh", "-c", script)
	cmd.Env = append(os.Environ(), k.program.Env()...)
	cmd.Env = append(cmd.Env, "DIR="+dir, "KEEPALIVED="+k.program.Path,
		"INTERFACES="+strings.Join(interfaces(t, dir), " "))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("keepalived -t: %v: %s", err, out)
	}
}

var interfaceLine = regexp.MustCompile(`(?m)^\s*(?:interface|lvs_sync_daemon_interface)\s+([A-Za-z0-9._-]{1,15})\s*$|\bdev\s+([A-Za-z0-9._-]{1,15})`)

func interfaces(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.before"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range interfaceLine.FindAllStringSubmatch(string(text), -1) {
			if name := m[1] + m[2]; name != "lo" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}
