package hostcheck

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/keepalived/commandline"
	"github.com/lvs-director/director/worker"
)

// ErrOnlyVRRP says that the virtual servers cannot be served now while VRRP can:
// the lvs worker tries again, and status says why.
var ErrOnlyVRRP = errors.New("the virtual servers are not served")

// errRefused says that the kernel refuses IPVS to this process although it may do
// everything else: IPVS wants CAP_NET_ADMIN of the first user namespace, which a
// container without privileges does not have.
var errRefused = errors.New("the kernel refuses IPVS in this user namespace (a container without privileges)")

// other is another load balancer's main process in our network namespace.
type other struct {
	pid     int
	program string       // "keepalived" or "director"
	file    string       // its configuration, as we can reach it
	cfg     *conf.Config // nil when it could not be read
}

func (o other) String() string { return fmt.Sprintf("%s (pid %d, %s)", o.program, o.pid, o.file) }

// Conflicts looks for other load balancers that serve what cfg serves: two
// masters of one host fight over its addresses and its table. configID is as
// for load.Options.
func Conflicts(cfg *conf.Config, configID string) (conflicts []error, err error) {
	others, err := findOthers(configID)
	if err != nil {
		return nil, err
	}
	for _, o := range others {
		if what := conflict(cfg, o.cfg); what != "" {
			conflicts = append(conflicts, fmt.Errorf("%s runs here with %s", o, what))
		}
	}
	return conflicts, nil
}

// conflict names the first thing that both configurations serve. One that
// could not be read is assumed to serve anything.
func conflict(a, b *conf.Config) string {
	if b == nil {
		return "a configuration that cannot be read, so that it may serve the same"
	}
	type router struct {
		vrid uint8
		link string
		ipv6 bool
	}
	routers := make(map[router]bool)
	for _, i := range b.Instances {
		routers[router{i.VRID, i.Interface, isIPv6(i)}] = true
	}
	for _, i := range a.Instances {
		if routers[router{i.VRID, i.Interface, isIPv6(i)}] {
			return fmt.Sprintf("the same virtual_router_id %d on %s", i.VRID, i.Interface)
		}
	}
	services := make(map[conf.ServiceKey]bool)
	for _, vs := range b.VirtualServers {
		services[vs.Key] = true
	}
	for _, vs := range a.VirtualServers {
		if services[vs.Key] {
			return "the same virtual server " + vs.String()
		}
	}
	return ""
}

func isIPv6(i *conf.Instance) bool {
	return len(i.Addresses) > 0 && i.Addresses[0].Prefix.Addr().Is6()
}

// process is one of /proc.
type process struct {
	name string   // /proc/PID/comm, which a director sets
	argv []string // its command line
	ours bool     // it runs the same file as we do
}

// loadBalancer recognises the main process of a load balancer, and says which
// configuration it was given. Workers and commands that end by themselves are
// none, whatever file or link they were started by.
func (p process) loadBalancer() (program, file string, ok bool) {
	if len(p.argv) == 0 {
		return "", "", false
	}
	program = p.argv[0][strings.LastIndexByte(p.argv[0], '/')+1:]
	switch {
	case strings.HasPrefix(p.name, worker.ProcessName("")+": "): // a worker
		return "", "", false
	case p.ours || p.name == worker.ProcessName(""):
		program = "director"
	}
	args := p.argv[1:]
	command := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		command = args[0]
	}
	switch program {
	case "keepalived":
		if command != "" { // keepalived has no commands: this is director by another name
			return "", "", false
		}
		file = load.DefaultFiles[1]
	case "director":
		if command != "" && command != "run" {
			return "", "", false
		}
	default:
		return "", "", false
	}
	if o, err := commandline.Parse(args); command == "" && err == nil {
		if o.Test || o.Version || o.Help || o.AskSignal {
			return "", "", false
		}
		return program, cmp.Or(o.File, file), true
	}
	// director run, or a keepalived that has other flags than we know.
	for i, a := range args {
		value, attached := strings.CutPrefix(a, "--use-file=")
		if !attached {
			value, attached = strings.CutPrefix(a, "--file=")
		}
		switch {
		case attached:
			file = value
		case oneShot[a]:
			return "", "", false
		case strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--") && strings.Contains(a, "f"):
			// -f FILE, -nlf FILE or -fFILE: f takes what follows it.
			if rest := a[strings.IndexByte(a, 'f')+1:]; rest != "" {
				file = rest
			} else if i+1 < len(args) {
				file = args[i+1]
			}
		case (a == "--use-file" || a == "--file") && i+1 < len(args):
			file = args[i+1]
		}
	}
	return program, file, true
}

// runDir is the run directory that a director was started with.
func (p process) runDir(otherwise worker.RunDir) worker.RunDir {
	args := p.argv[1:]
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		switch o, err := commandline.Parse(args); {
		case err != nil:
		case o.RunDir != "":
			return worker.RunDir(o.RunDir)
		case o.Pid != "":
			return worker.RunDir(commandline.RunDir(o.Pid))
		}
		return otherwise
	}
	for i, a := range args {
		if value, ok := strings.CutPrefix(a, "--run-dir="); ok {
			return worker.RunDir(value)
		}
		if a == "--run-dir" && i+1 < len(args) {
			return worker.RunDir(args[i+1])
		}
	}
	return otherwise
}

// oneShot are the flags with which neither program goes on running.
var oneShot = map[string]bool{
	"-t": true, "--config-test": true, "-v": true, "--version": true, "-h": true, "--help": true,
}
