package hostcheck

import (
	"fmt"
	"strings"

	"github.com/lvs-director/director/conf"
)

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

// otherProgram recognises a load balancer by its command line, and says which
// configuration it was given. Workers and one-shot commands are none.
func otherProgram(argv []string) (program, file string, ok bool) {
	if len(argv) == 0 {
		return "", "", false
	}
	program = argv[0][strings.LastIndexByte(argv[0], '/')+1:]
	args := argv[1:]
	switch program {
	case "keepalived":
		file = conf.DefaultFiles[1]
	case "director":
		if len(args) > 0 && !strings.HasPrefix(args[0], "-") && args[0] != "run" {
			return "", "", false
		}
	default:
		return "", "", false
	}
	for i, a := range args {
		value, attached := strings.CutPrefix(a, "--use-file=")
		if !attached {
			value, attached = strings.CutPrefix(a, "--file=")
		}
		switch {
		case attached:
			file = value
		case a == "-t" || a == "--config-test" || a == "-v" || a == "-h" || a == "--help":
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
