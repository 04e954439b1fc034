package commandline_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/keepalived/commandline"
)

type options = commandline.Options

var unexported = cmpopts.IgnoreUnexported(options{})

// TestStartLines are those that drive keepalived somewhere, and every way to write a flag.
func TestStartLines(t *testing.T) {
	const f = "/etc/keepalived/keepalived.conf"
	file := func(o options) options { o.File, o.Files = f, []string{f}; return o }
	for line, want := range map[string]options{
		"": {},
		// An operator's unit, ansible, SysV.
		"-D -d -S 0":                             {Facility: 16},
		"-D":                                     {},
		"--dont-fork --log-console --log-detail": {Foreground: true, Console: true},
		// kolla
		"-nld -p /run/keepalived.pid": {Foreground: true, Console: true, Pid: "/run/keepalived.pid"},
		// osixia and kubeadm
		"-f " + f + " --dont-fork --log-console --log-detail --dump-conf": file(options{Foreground: true, Console: true}),
		// kube-keepalived-vip
		"--dont-fork --log-console --release-vips --log-detail --pid /run/k.pid": {Foreground: true, Console: true,
			Pid: "/run/k.pid"},
		// an operator
		"--pid=/run/k.pid": {Pid: "/run/k.pid"},
		// VyOS
		"--use-file " + f + " --pid /run/k.pid --dont-fork --snmp": file(options{Pid: "/run/k.pid", Foreground: true,
			SNMP: true}),
		// Octavia
		"-D -d -f " + f + " --log-facility=1 -p /run/p.pid": file(options{Facility: 17, Pid: "/run/p.pid"}),
		"--log-facility=3 -f " + f + " -p /run/p -r /run/r -c /run/c": file(options{Facility: 19, Pid: "/run/p",
			VRRPPid: "/run/r", CheckersPid: "/run/c"}),
		// Neutron
		"-P -f " + f + " -p /u/UUID.pid.keepalived -r /u/UUID.pid.keepalived-vrrp -D": file(options{OnlyVRRP: true,
			Pid: "/u/UUID.pid.keepalived", VRRPPid: "/u/UUID.pid.keepalived-vrrp"}),
		// Alpine
		"-D -p /run/keepalived.pid": {Pid: "/run/keepalived.pid"},
		"-lnDdG -R":                 {Foreground: true, Console: true, NoSyslog: true},
		"-lnDdGR":                   {Foreground: true, Console: true, NoSyslog: true},
		"-nldf" + f:                 file(options{Foreground: true, Console: true}),
		"-s ns":                     {Namespace: "ns"},
		"--namespace=ns -i a":       {Namespace: "ns", ConfigID: "a"},
		"--signum=JSON":             {AskSignal: true, SignalOf: "JSON"},
		"--signum JSON":             {AskSignal: true, SignalOf: "JSON"},
		"-t -f " + f:                file(options{Test: true}),
		"-tf " + f:                  file(options{Test: true}),
		"-t/tmp/o -f " + f:          file(options{Test: true, TestOutput: "/tmp/o"}),
		"-tfindings":                {Test: true, TestOutput: "findings"},
		"-tnl":                      {Test: true, Foreground: true, Console: true},
		"-t -n":                     {Test: true, Foreground: true},
		"--config-test=/tmp/o":      {Test: true, TestOutput: "/tmp/o"},
		"--config-test -f" + f:      file(options{Test: true}),
		"--config-t":                {Test: true},
		"-u 022 -m -M -e -a -B -X -R -V -I -C -M/core.%p": {Umask: "022", KeepAddresses: true, KeepServices: true,
			OnlyCheckers: true},

		"--perf=all --debug --debug=x --no-mem-check --ignore-sigint --all --flush-log-file": {},

		"-b /run/b -g /var/log/k -A unix:/x": {BFDPid: "/run/b", LogFile: "/var/log/k", SNMP: true},
		"-S local7":                          {Facility: 23},
		"-Suser":                             {Facility: 1},
		"-S daemon":                          {},
		"-v":                                 {Version: true},
		"--version":                          {Version: true},
		"-f a -f " + f:                       {File: f, Files: []string{"a", f}},
		"--run-dir /r --state-dir=/s --log-level debug": {RunDir: "/r", StateDir: "/s", LogLevel: "debug"},
	} {
		if want.Facility == 0 {
			want.Facility = commandline.Daemon
		}
		got, err := commandline.Parse(strings.Fields(line))
		if err != nil {
			t.Errorf("%s: %v", line, err)
		} else if d := cmp.Diff(want, got, unexported); d != "" {
			t.Errorf("%s (-want +got):\n%s", line, d)
		}
	}
}

// TestLinesThatAreRefused: what is meant cannot be known.
func TestLinesThatAreRefused(t *testing.T) {
	for line, want := range map[string]string{
		"-f":                "-f wants FILE",
		"-nf":               "-f wants FILE",
		"--pid":             "--pid wants FILE",
		"--pid=":            "--pid wants FILE",
		"-Z":                "unknown flag -Z",
		"-nZ":               "unknown flag -Z",
		"--lvs":             "unknown flag --lvs",
		"--vrrp=1":          "--vrrp takes no value",
		"--log":             "--log is --log-console or --log-detail",
		"-S 8":              `-S: "8" is no facility`,
		"-S local-1":        "is no facility",
		"-u 9":              `-u: "9" is no octal number`,
		"-u 7777":           "is no octal number",
		"file":              `unexpected argument "file"`,
		"-n -- -l":          `unexpected argument "--"`,
		"-":                 `unexpected argument "-"`,
		"-n -T -u http://x": "genhash must be the first flag",
	} {
		if _, err := commandline.Parse(strings.Fields(line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
	if _, err := commandline.Parse([]string{"-p", "a\nb"}); err == nil {
		t.Error("a file's name with a line break is taken")
	}
}

// TestFilesAreFoundFromElsewhere: a daemon runs in /.
func TestFilesAreFoundFromElsewhere(t *testing.T) {
	for line, want := range map[string]string{
		"-f k.conf -p /run/p":                  "-f /w/d/k.conf -p /run/p",
		"-nlf k.conf":                          "-nlf /w/d/k.conf",
		"-nlfk.conf -cc":                       "-nlf/w/d/k.conf -c/w/d/c",
		"--use-file=../k --pid p --vrrp_pid=v": "--use-file=/w/k --pid /w/d/p --vrrp_pid=/w/d/v",
		"-s ns -i x -S 0 -tx.out":              "-s ns -i x -S 0 -t/w/d/x.out",
		"--run-dir r":                          "--run-dir /w/d/r",
		"-Z -f k":                              "-Z -f k",
	} {
		got := strings.Join(commandline.Absolute(strings.Fields(line), "/w/d"), " ")
		if got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}

// TestPidFiles: as keepalived 2.2.7 named them.
func TestPidFiles(t *testing.T) {
	for _, tc := range []struct {
		line, namespace, instance string
		dir                       bool
		want                      commandline.PidFiles
	}{
		{"", "", "", false, commandline.PidFiles{"/run/keepalived.pid", "/run/vrrp.pid", "/run/checkers.pid"}},
		{"", "", "", true, commandline.PidFiles{"/run/keepalived/keepalived.pid", "/run/keepalived/vrrp.pid",
			"/run/keepalived/checkers.pid"}},
		{"", "", "foo", false, commandline.PidFiles{"/run/keepalived/keepalived_foo.pid", "/run/keepalived/vrrp_foo.pid",
			"/run/keepalived/checkers_foo.pid"}},
		{"", "", "foo", true, commandline.PidFiles{"/run/keepalived/keepalived_foo.pid", "/run/keepalived/vrrp_foo.pid",
			"/run/keepalived/checkers_foo.pid"}},
		{"", "ns", "", false, commandline.PidFiles{"/run/keepalived/ns/keepalived.pid", "/run/keepalived/ns/vrrp.pid",
			"/run/keepalived/ns/checkers.pid"}},
		{"", "ns", "../foo", true, commandline.PidFiles{"/run/keepalived/ns/keepalived_.._foo.pid",
			"/run/keepalived/ns/vrrp_.._foo.pid", "/run/keepalived/ns/checkers_.._foo.pid"}},
		{"-p /a -c /b", "", "foo", false, commandline.PidFiles{"/a", "/run/keepalived/vrrp_foo.pid", "/b"}},
	} {
		o, err := commandline.Parse(strings.Fields(tc.line))
		if err != nil {
			t.Fatal(err)
		}
		if got := o.PidFiles(tc.namespace, tc.instance, tc.dir); got != tc.want {
			t.Errorf("%+v: %+v", tc, got)
		}
	}
}

// TestRunDirectoryFollowsFromThePidFile and is short, whatever that is.
func TestRunDirectoryFollowsFromThePidFile(t *testing.T) {
	for _, pid := range []string{"/run/keepalived.pid", "/var/run/keepalived.pid", "/run//keepalived.pid"} {
		if got := commandline.RunDir(pid); got != "/run/director" {
			t.Errorf("%s: %s", pid, got)
		}
	}
	seen := make(map[string]bool)
	for _, pid := range []string{"/run/a.pid", "/run/b.pid", "/" + strings.Repeat("x", 4000), "/run/keepalived/ns/k.pid"} {
		dir := commandline.RunDir(pid)
		if len(dir) > 40 || seen[dir] || dir == "/run/director" {
			t.Errorf("%.40s: %s", pid, dir)
		}
		seen[dir] = true
	}
	if commandline.RunDir("/var/run/a.pid") != commandline.RunDir("/run/a.pid") {
		t.Error("/var/run is another directory than /run")
	}
}

// TestVersionIsUnderstood by those who parse it.
func TestVersionIsUnderstood(t *testing.T) {
	text := commandline.VersionText("abc", time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC))
	lines := strings.Split(text, "\n")
	words := strings.Fields(lines[0])
	if len(words) != 3 || words[0] != "Keepalived" || words[1] != "v2.2.7" || words[2] != "(11/29,2026)" {
		t.Errorf("%q", lines[0])
	}
	if len(lines) < 2 || !strings.Contains(text, "\nconfigure options: --enable-json") ||
		!strings.Contains(text, "\nConfig options:") || !strings.Contains(text, " JSON") {
		t.Errorf("%s", text)
	}
}

func TestSignalNumbers(t *testing.T) {
	for name, want := range map[string]int{"STOP": 15, "RELOAD": 1, "DATA": 10, "STATS": 12, "JSON": 36,
		"STATS_CLEAR": 63, "TDUMP": 64, "TDATA": 64, "X": 0, "": 0} {
		if n, ok := commandline.SignalNumber(name); n != want || ok != (want != 0) {
			t.Errorf("%s: %d, %v", name, n, ok)
		}
	}
}

func TestProcessNames(t *testing.T) {
	type names = conf.ProcessNames
	for _, tc := range []struct {
		argv0, worker string
		names         names
		want          string
	}{
		{"/usr/sbin/keepalived", "", names{}, "keepalived"},
		{"keepalived", "vrrp", names{}, "keepalived"},
		{"director", "vrrp", names{}, "own"},
		{"director", "vrrp", names{All: true}, "keepalived_vrrp"},
		{"keepalived", "lvs", names{All: true}, "keepalived_lvs"},
		{"keepalived", "lvs", names{All: true, Checker: "a name of more than 15 bytes"}, "a name of more "},
		{"keepalived", "vrrp", names{Main: "m"}, "keepalived"},
		{"keepalived", "", names{Main: "m"}, "m"},
	} {
		if got := commandline.ProcessName(tc.argv0, tc.worker, "own", tc.names); got != tc.want {
			t.Errorf("%+v: %s", tc, got)
		}
	}
	for want, got := range map[string]string{
		"Keepalived":                    commandline.Identifier("", "", ""),
		"Keepalived_vrrp_ns_foo":        commandline.Identifier("vrrp", "ns", "foo"),
		"Keepalived_healthcheckers_foo": commandline.Identifier("lvs", "", "foo"),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// FuzzParse: no command line ends the program, and files of one that is read stay files.
func FuzzParse(f *testing.F) {
	f.Add("-nlf k.conf --pid=x -tfoo")
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, " ")
		before, err := commandline.Parse(args)
		after, again := commandline.Parse(commandline.Absolute(args, "/w"))
		if (err == nil) != (again == nil) {
			t.Fatalf("%q: %v, then %v", line, err, again)
		}
		if err == nil && before.File != "" && !strings.HasPrefix(after.File, "/") {
			t.Errorf("%q: %q", line, after.File)
		}
	})
}
