package load_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/conf/syntax"
)

// realConfigs is where configurations of others stand, with what keepalived
// said of them. They are not part of the project.
const realConfigs = "../../../shared/confs"

// verdict is what keepalived said of one file.
type verdict struct {
	file   string
	rc     int // of keepalived -t
	counts string
	lines  map[int][]string // complaints that name a line
	others []string         // complaints that name none
	cut    bool             // the text is not whole
}

var oracleLine = regexp.MustCompile(`Line (\d+)\) (.*)`)

func readVerdicts(t *testing.T) []verdict {
	t.Helper()
	index, err := os.ReadFile(filepath.Join(realConfigs, "INDEX.md"))
	if err != nil {
		t.Skipf("no real configurations to compare with: %v", err)
	}
	var list []verdict
	for _, row := range strings.Split(string(index), "\n") {
		cells := strings.Split(row, "|")
		if len(cells) < 4 || !strings.Contains(row, "/") || strings.Contains(cells[1], "---") {
			continue
		}
		v := verdict{file: strings.TrimSpace(cells[1]), lines: map[int][]string{}}
		rc, _, ok := strings.Cut(strings.TrimSpace(cells[len(cells)-2]), "/")
		if v.rc, err = strconv.Atoi(rc); !ok || err != nil {
			continue
		}
		if len(cells) > 6 {
			v.counts = strings.TrimSpace(cells[4])
		}
		text, err := os.ReadFile(filepath.Join(realConfigs, "oracle", strings.ReplaceAll(v.file, "/", "-")+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		said := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
		v.cut = len(said) >= 60
		for _, line := range said {
			if m := oracleLine.FindStringSubmatch(line); m != nil {
				n, _ := strconv.Atoi(m[1])
				v.lines[n] = append(v.lines[n], m[2])
			} else if line != "" {
				v.others = append(v.others, line)
			}
		}
		list = append(list, v)
	}
	return list
}

// differences from keepalived that stand, and why. Those of whole kinds are in
// hostMatters and withoutLine.
var differences = map[string]string{
	"007-iqiyi-dpvs.conf: keepalived: Virtual server [192.168.88.1-80-TCP_QLB]:0: no forwarding method set, setting " +
		"default NAT; we say nothing": "director has full NAT",
	"007-iqiyi-dpvs.conf: line 44: keepalived: PARSER : unknown [FNAT] routing method for virtual server.; we say " +
		"nothing": "director has full NAT",
	"007-iqiyi-dpvs.conf: line 80: keepalived: PARSER : unknown [FNAT] routing method for virtual server.; we say " +
		"nothing": "director has full NAT",
	"049-chenerqi-rgw.conf: keepalived runs: true, errors: 2": "its output is cut after 60 lines; an instance without " +
		"virtual_router_id ends its daemon",
	"samples/mk_lots: keepalived runs: true, errors: 2": "a shell script; its output is cut after 60 lines, and " +
		"an instance without virtual_router_id ends its daemon",
}

// hostMatters are complaints about the host that keepalived ran on rather than
// about the file.
var hostMatters = regexp.MustCompile(
	`Disabling track script .* (not found|insecure)|script uid/gid|Unable to set default user|Unable to set uid/gid|` +
		`doesn't exist|already exists and is not a private macvlan|Invalid smtp server [A-Za-z]`)

// withoutLine are keepalived's complaints that name no line, and our codes for them.
var withoutLine = map[string][]string{
	"State MASTER must match":          {"strict"},
	"Strict mode does not support":     {"strict"},
	"accept mode for VRRP version 2":   {"strict"},
	"incompatible with AH":             {"auth-state"},
	"protocol specified for fwmark":    {"fwmark-protocol"},
	"ports don't match":                {"port"},
	"Ignoring track_interface":         {"own-interface"},
	"No VIP specified":                 {"no-address"},
	"nopreempt will not work":          {"nopreempt"},
	"unicast keyword":                  {"no-peers"},
	"Disabling track script":           {"script-security"},
	"SECURITY VIOLATION":               {"script-security"},
	"no protocol set":                  {"no-protocol"},
	"no scheduler set":                 {"no-scheduler"},
	"no forwarding method set":         {"no-method", "unknown-method"},
	"has only 1 virtual router":        {"single-member"},
	"does not support authentication.": {"auth-version", "strict"},
	"missing '}'s":                     {"missing-brace"},
	"virtual router id must be set":    {"missing-vrid"},
	"Unknown interface!":               {"missing-interface"},
	"Non-existent interface":           {"invalid-vrid"},
}

func TestVerdictsOfRealConfigurations(t *testing.T) {
	list := readVerdicts(t)
	t.Chdir(realConfigs)
	seen := map[string]bool{}
	for _, v := range list {
		for _, d := range v.differences() {
			seen[d] = true
			if differences[d] == "" {
				t.Error(d)
			}
		}
	}
	for d := range differences {
		if !seen[d] {
			t.Errorf("stands in the table and is no difference: %s", d)
		}
	}
}

func (v verdict) differences() (list []string) {
	cfg, findings := load.Load(v.file, load.Options{ConfigID: "nobody"})
	// What this version does not act on yet is said beyond what keepalived says.
	findings = slices.DeleteFunc(findings, func(f conf.Finding) bool { return f.Unserved })
	errs, warnings, _ := conf.Count(findings)
	say := func(format string, args ...any) {
		list = append(list, v.file+": "+fmt.Sprintf(format, args...))
	}
	dies := v.rc == 2
	for _, text := range v.others {
		for _, end := range []string{"virtual router id must be set", "Unknown interface!", "Non-existent interface"} {
			dies = dies || strings.Contains(text, end)
		}
	}
	if dies != (errs > 0) {
		say("keepalived runs: %v, errors: %d", !dies, errs)
	}
	if v.rc == 0 && warnings > 0 {
		say("keepalived says nothing, warnings: %d", warnings)
	}
	if got := fmt.Sprintf("%d/%d/%d", cfg.Found.Instances, cfg.Found.VirtualServers,
		cfg.Found.RealServers); v.counts != "" && got != v.counts {
		say("found %s, the index has %s", got, v.counts)
	}

	ours, codes := map[int]bool{}, map[string]bool{}
	for _, f := range findings {
		if f.Severity != conf.Note {
			ours[int(f.Pos.Line)], codes[f.Code] = true, true
		}
	}
	allowed := map[string]bool{}
	for _, text := range v.others {
		for part, our := range withoutLine {
			if !strings.Contains(text, part) {
				continue
			}
			said := hostMatters.MatchString(text)
			for _, code := range our {
				allowed[code], said = true, said || codes[code]
			}
			if !said {
				say("keepalived: %s; we say nothing", text)
			}
		}
	}

	skipped := unknownBlocks(v.file, findings)
	cascade := 1 << 30
	for _, n := range slices.Sorted(maps.Keys(v.lines)) {
		for _, text := range v.lines[n] {
			if strings.HasPrefix(text, "Unexpected '{'") {
				cascade = min(cascade, n) // from here on it takes any } for another
			}
			follows := n > cascade && (strings.HasPrefix(text, "Unknown keyword") || strings.HasPrefix(text, "Unexpected '"))
			// A script that it dropped for a reason of the host is missing further down.
			dropped := strings.Contains(text, "track script") && strings.Contains(fmt.Sprint(v.lines), "Unable to set")
			// Quotes are reported twice, once for the line before.
			quote := strings.HasPrefix(text, "Unterminated quote") && ours[n+1]
			if !ours[n] && !skipped[n] && !follows && !dropped && !quote && !hostMatters.MatchString(text) {
				say("line %d: keepalived: %s; we say nothing", n, text)
			}
		}
	}
	if dies || v.cut {
		return list // it stopped at the first of these; we go on and say the rest
	}
	for _, f := range findings {
		if f.Severity != conf.Note && len(v.lines[int(f.Pos.Line)]) == 0 && !allowed[f.Code] && errs == 0 {
			say("keepalived says nothing; we say %v", f)
		}
	}
	return list
}

// unknownBlocks are the lines inside of blocks that were skipped.
func unknownBlocks(file string, findings []conf.Finding) map[int]bool {
	tree, _ := syntax.Parse(file, syntax.Options{ConfigID: "nobody"})
	skipped := map[conf.Pos]bool{}
	for _, f := range findings {
		if f.Code == "unknown-keyword" || f.Code == "odd-blank" || f.Code == "invalid-service" || f.Code == "repeated" {
			skipped[f.Pos] = true
		}
	}
	lines := map[int]bool{}
	var walk func([]*syntax.Node)
	walk = func(nodes []*syntax.Node) {
		for _, n := range nodes {
			if n.Block == nil {
				continue
			}
			if skipped[n.Pos()] {
				for i := n.Block.Open.Line; i <= n.Block.End.Line; i++ {
					lines[int(i)] = true
				}
			}
			walk(n.Children())
		}
	}
	walk(tree.Nodes)
	return lines
}
