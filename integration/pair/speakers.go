//go:build linux

package pair

import (
	"os"
	"path/filepath"
	"time"

	"github.com/lvs-director/director/integration/lab"
)

// Speakers are routing daemons that speak BGP and BFD, unpacked from Debian's packages.
type Speakers struct {
	Zebra, BGPd, BFDd string // FRR's
	FRREnv            []string
	BIRD, BIRDC       string
	BIRDEnv           []string
}

// Routing is a routing daemon on a host: one process, or several of FRR.
type Routing struct {
	processes []*lab.Process
}

// StartFRRouting starts FRR's zebra and bgpd, and bfdd when it has a configuration, on a host.
func (s Speakers) StartFRRouting(t lab.Reporter, h *lab.Host, bgpd, bfdd string) *Routing {
	t.Helper()
	run := filepath.Join(h.RunDir(), "frr")
	if err := os.MkdirAll(run, 0o755); err != nil {
		t.Fatalf("start FRR on %s: %v", h.Name, err)
	}
	socket := filepath.Join(run, "zserv.api")
	os.Remove(socket)
	r := &Routing{}
	add := func(name, path, conf string, more ...string) {
		argv, err := private(h, append([]string{
			path, "-f", h.WriteFile("frr/"+name+".conf", conf), "--vty_socket", run, "-z", socket,
			"-i", filepath.Join(run, name+".pid"), "-u", "root", "-g", "root", "-P", "0",
		}, more...))
		if err != nil {
			t.Fatalf("start %s on %s: %v", name, h.Name, err)
		}
		r.processes = append(r.processes, h.StartCommand(lab.Command{Name: name, Argv: argv, Env: s.FRREnv}))
	}
	add("zebra", s.Zebra, "log stdout\n")
	for deadline := time.Now().Add(60 * time.Second); ; {
		if _, err := os.Stat(socket); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("zebra on %s does not listen", h.Name)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if bfdd != "" {
		add("bfdd", s.BFDd, "log stdout\n"+bfdd, "--bfdctl", filepath.Join(run, "bfdd.sock"))
	}
	add("bgpd", s.BGPd, "frr defaults traditional\nlog stdout\n"+bgpd)
	return r
}

// StartBIRDRouting starts BIRD on a host.
func (s Speakers) StartBIRDRouting(t lab.Reporter, h *lab.Host, conf string) *Routing {
	t.Helper()
	if err := os.MkdirAll(h.RunDir(), 0o755); err != nil {
		t.Fatalf("start BIRD on %s: %v", h.Name, err)
	}
	return &Routing{[]*lab.Process{h.StartCommand(lab.Command{Name: "bird", Env: s.BIRDEnv, Argv: []string{
		s.BIRD, "-f", "-c", h.WriteFile("bird.conf", conf), "-s", filepath.Join(h.RunDir(), "bird.ctl"),
		"-P", filepath.Join(h.RunDir(), "bird.pid")}})}}
}

// Running says whether all of its processes run.
func (r *Routing) Running() bool {
	for _, p := range r.processes {
		if !p.Running() {
			return false
		}
	}
	return true
}
