package commandline

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/lvs-director/director/conf"
)

// Facilities of syslog(3) that keepalived's flag names.
const (
	User   = 1
	Daemon = 3
	local0 = 16
)

// setFacility reads 0-7, local0-7, user or daemon.
func setFacility(o *Options, v string) error {
	switch v {
	case "user":
		o.Facility = User
		return nil
	case "daemon":
		o.Facility = Daemon
		return nil
	}
	n, err := strconv.Atoi(strings.TrimPrefix(v, "local"))
	if err != nil || n < 0 || n > 7 {
		return fmt.Errorf("%q is no facility: 0-7, local0-7, user or daemon", v)
	}
	o.Facility = local0 + n
	return nil
}

func setUmask(o *Options, v string) error {
	if n, err := strconv.ParseUint(v, 8, 32); err != nil || n > 0o777 {
		return fmt.Errorf("%q is no octal number from 0 to 777", v)
	}
	o.Umask = v
	return nil
}

// UmaskBits is the umask; ok is false when none was asked for.
func (o *Options) UmaskBits() (bits int, ok bool) {
	n, err := strconv.ParseUint(o.Umask, 8, 32) // setUmask has seen it
	return int(n), err == nil
}

// signals are the numbers of keepalived 2.2.7 with glibc on amd64; TDUMP is of 2.4, and
// TDATA what its manual calls it.
var signals = []struct {
	name   string
	number int
}{
	{"STOP", 15}, {"RELOAD", 1}, {"DATA", 10}, {"STATS", 12}, {"JSON", 36}, {"STATS_CLEAR", 63}, {"TDUMP", 64},
	{"TDATA", 64},
}

const signalNames = "STOP, RELOAD, DATA, STATS, JSON, STATS_CLEAR, TDUMP"

// SignalNumber is the number that --signum prints.
func SignalNumber(name string) (int, bool) {
	for _, s := range signals {
		if s.name == name {
			return s.number, true
		}
	}
	return 0, false
}

// PidFiles are the files that a daemon writes its pids to.
type PidFiles struct{ Main, VRRP, Checkers string }

// The directories of keepalived's pid files.
const (
	pidDir       = "/run"
	sharedPidDir = "/run/keepalived"
)

// DefaultPid is the pid file of a daemon that is told nothing.
const DefaultPid = pidDir + "/keepalived.pid"

// PidFiles are those of the command line, and for the others what the words instance and
// use_pid_dir and the network namespace make of the default. As measured: with a namespace
// /run/keepalived/NAMESPACE/vrrp.pid, with an instance or use_pid_dir /run/keepalived, and
// an instance is in the file's name: vrrp_INSTANCE.pid.
func (o *Options) PidFiles(namespace, instance string, usePidDir bool) PidFiles {
	dir, suffix := pidDir, ".pid"
	if instance != "" {
		suffix = "_" + fileName(instance) + suffix
	}
	switch {
	case namespace != "":
		dir = path.Join(sharedPidDir, fileName(namespace))
	case instance != "" || usePidDir:
		dir = sharedPidDir
	}
	or := func(given, name string) string {
		if given != "" {
			return given
		}
		return path.Join(dir, name+suffix)
	}
	return PidFiles{or(o.Pid, "keepalived"), or(o.VRRPPid, "vrrp"), or(o.CheckersPid, "checkers")}
}

// fileName is a name without what a path is made of.
func fileName(name string) string { return strings.ReplaceAll(name, "/", "_") }

// DefaultRunDir is the run directory of a director that is told nothing.
const DefaultRunDir = "/run/director"

// RunDir is the run directory of the daemon with a pid file, given absolutely. It has the
// same length whatever the file's name is: the address of a socket has at most 107 bytes.
func RunDir(pid string) string {
	pid = path.Clean(pid)
	if rest, ok := strings.CutPrefix(pid, "/var/run/"); ok {
		pid = "/run/" + rest
	}
	if pid == DefaultPid {
		return DefaultRunDir
	}
	sum := sha256.Sum256([]byte(pid))
	return DefaultRunDir + "-" + hex.EncodeToString(sum[:8])
}

// Called says whether a program was called keepalived, as a link to it.
func Called(argv0 string) bool { return path.Base(argv0) == "keepalived" }

// IsMeant tells keepalived's way of calling from director's: it has no command, only flags.
func IsMeant(argv0 string, args []string) bool {
	if len(args) == 0 {
		return true
	}
	help := !Called(argv0) && (args[0] == "-h" || args[0] == "--help")
	return strings.HasPrefix(args[0], "-") && !help
}

// Arguments are those of a command line, with the command genhash if that is how the
// program was called: by that name, or as keepalived --genhash.
func Arguments(argv []string) []string {
	switch {
	case len(argv) == 0:
		return nil
	case path.Base(argv[0]) == "genhash":
		return append([]string{"genhash"}, argv[1:]...)
	case len(argv) > 1 && (argv[1] == "--genhash" || argv[1] == "-T"):
		return append([]string{"genhash"}, argv[2:]...)
	}
	return argv[1:]
}

// Identifier is what a process of a daemon is called in syslog; worker is empty for the
// supervisor.
func Identifier(worker, namespace, instance string) string {
	name := "Keepalived"
	switch worker {
	case "":
	case "vrrp":
		name += "_vrrp"
	default:
		name += "_healthcheckers"
	}
	for _, part := range []string{namespace, instance} {
		if part != "" {
			name += "_" + part
		}
	}
	return name
}

// maxProcessName is what the kernel keeps of a process's name, in bytes.
const maxProcessName = 15

// ProcessName is the name of a process; worker is empty for the supervisor. Where the
// configuration says nothing it is own, or keepalived when the program was called so.
func ProcessName(argv0, worker, own string, n conf.ProcessNames) string {
	name, all := n.Main, conf.MainProcess
	switch worker {
	case "":
	case "vrrp":
		name, all = n.VRRP, conf.VRRPProcess
	default:
		name, all = n.Checker, conf.CheckerProcess
	}
	switch {
	case name != "":
	case n.All:
		name = all
	case Called(argv0):
		name = conf.MainProcess
	default:
		name = own
	}
	return name[:min(len(name), maxProcessName)]
}
