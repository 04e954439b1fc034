package ipvs

import (
	"context"
	"os"
	"os/exec"
	"regexp"

	"github.com/lvs-director/director/virtualserver/table"
)

// modules loads what the kernel would load by itself, before it has to.
//
// The kernel loads a scheduler's module while all of IPVS is locked. The
// modules of lblc and lblcr wait there for network namespaces that are just
// going away, and these wait for IPVS: nothing of IPVS moves again until the
// next boot. So each module is asked for beforehand, once, with nothing locked.
type modules struct{ asked map[string]bool }

var moduleName = regexp.MustCompile(`^(ip_vs|nf_|nft_)[a-z0-9_]{0,32}$`)

func (m *modules) prepare(ops []table.Op) {
	for _, op := range ops {
		if op.Kind != table.NewService && op.Kind != table.SetService {
			continue
		}
		if op.Service.Scheduler != table.NoScheduler {
			m.ask("ip_vs_" + op.Service.Scheduler)
		}
		if op.Service.Engine != "" {
			m.ask("ip_vs_pe_" + op.Service.Engine)
		}
	}
}

// LoadModules asks for the modules of schedulers and persistence engines, by
// their names, and for others, before a driver does. A driver can only do it where its process may
// load modules, which a worker's may not.
func LoadModules(schedulers, engines, others []string) {
	var m modules
	for _, name := range schedulers {
		m.ask("ip_vs_" + name)
	}
	for _, name := range engines {
		m.ask("ip_vs_pe_" + name)
	}
	for _, name := range others {
		m.ask(name)
	}
}

// ask does not fail: the kernel may have it built in, or loads it itself.
func (m *modules) ask(name string) {
	if m.asked[name] || !moduleName.MatchString(name) {
		return
	}
	if m.asked == nil {
		m.asked = make(map[string]bool)
	}
	m.asked[name] = true
	// To start a program costs more than to look, and a worker that is started
	// again has no time to lose.
	if _, err := os.Stat("/sys/module/" + name); err == nil {
		return
	}
	modprobe(name)
}

func modprobe(name string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return exec.CommandContext(ctx, "modprobe", "-q", name).Run() == nil
}
