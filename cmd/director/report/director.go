package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/lvs-director/director/cmd/director/screen"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/effective"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/doctor"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/directors"
	"github.com/lvs-director/director/supervisor/events"
	"github.com/lvs-director/director/supervisor/history"
	"github.com/lvs-director/director/supervisor/hostcheck"
	"github.com/lvs-director/director/words"
)

// parts are gathered in this order: what changes soonest comes first, and what others need.
var parts = []part{
	{"status", status},
	{"configuration", configuration},
	{"events", keptEvents},
	{"goroutines", goroutines},
	{"processes", processes},
	{"ipvs", ipvsTable},
	{"network", network},
	{"nftables", nftTables},
	{"settings", settings},
	{"counters", counters},
	{"versions", versions},
	{"history", configurations},
	{"directors", others},
	{"doctor", findings},
}

// patience is how long the director may take to answer: a little less than a part has. One that has not
// told its status is not waited for as long again.
func (g *gathered) patience() time.Duration {
	if g.asked && g.status == nil {
		return 3 * time.Second
	}
	return 9 * time.Second
}

// status is what director status shows.
func status(g gathered, out *output) error {
	var s control.Status
	out.learn(func(g *gathered) { g.asked = true })
	if err := control.Ask(g.RunDir, http.MethodGet, "/v1/status", g.patience(), nil, &s); err != nil {
		return err
	}
	out.learn(func(g *gathered) { g.asked, g.status = true, &s })
	var text bytes.Buffer
	screen.Status(&text, s, time.Now())
	if _, err := out.file("status.txt").Write(text.Bytes()); err != nil && !errors.Is(err, errFull) {
		return err
	}
	return control.Write(out.file("status.json"), s, true)
}

// configuration is the effective one, masked, and what is to be said of its file.
func configuration(g gathered, out *output) error {
	name := g.File
	if name == "" && g.status != nil {
		name = directors.File(*g.status)
	}
	path, err := load.FindFile(name)
	if err != nil {
		return err
	}
	out.learn(func(g *gathered) { g.path = path })
	cfg, list := load.Load(path, g.Load)
	_ = conf.WriteFindings(out.file("check.txt"), list, false) // what does not fit is said
	if conf.HasErrors(list) {
		return fmt.Errorf("%s has errors: there is no effective configuration", path)
	}
	out.learn(func(g *gathered) { g.path, g.config = path, cfg })
	return effective.Render(out.file("configuration.txt"), cfg)
}

// stateDir is where the director keeps its files.
func (g *gathered) stateDir() string {
	if g.status != nil {
		return g.status.StateDir
	}
	return g.StateDir
}

// mostEvents is how many events are in a report, the latest ones.
const mostEvents = 10_000

// keptEvents are the latest ones, as director events --json prints them.
func keptEvents(g gathered, out *output) error {
	q := control.EventsRequest{Limit: mostEvents}
	var r control.EventsReport
	err := control.Ask(g.RunDir, http.MethodPost, "/v1/events", g.patience(), q, &r)
	if err != nil { // its files can be read all the same
		out.file("events-not-told.txt")
		fmt.Fprintln(out, err)
		dir := events.Dir(g.stateDir(), g.path)
		if _, err := os.Stat(dir); err != nil {
			return fmt.Errorf("no events are kept: %w", err)
		}
		if r, err = events.Answer(dir, q, control.EventsReport{}); err != nil {
			return err
		}
	}
	return control.Write(out.file("events.json"), r, true)
}

// goroutines are those of the supervisor. The workers are not asked: what stops all goroutines of
// the vrrp worker at once may delay an advertisement.
func goroutines(g gathered, out *output) error {
	var r control.Goroutines
	if err := control.Ask(g.RunDir, http.MethodGet, "/v1/goroutines", g.patience(), nil, &r); err != nil {
		return err
	}
	_, err := out.file("goroutines.txt").Write([]byte(r.Text))
	return err
}

// processes are limits, capabilities and memory of the director's processes.
func processes(g gathered, out *output) error {
	pids, names, err := g.processes()
	if err != nil {
		return err
	}
	out.file("processes.txt")
	show := func(name string, pid int) {
		dir := filepath.Join("/proc", strconv.Itoa(pid))
		fmt.Fprintf(out, "=== %s, pid %d\n", name, pid)
		copyFiles(out, dir+"/status", dir+"/limits", dir+"/cgroup", dir+"/oom_score_adj", dir+"/schedstat", dir+"/wchan")
		open, err := os.ReadDir(dir + "/fd")
		fmt.Fprintf(out, "--- open files: %d (%v)\n", len(open), err)
	}
	for i, pid := range pids {
		show(names[i], pid)
	}
	return nil
}

// processes are those of the director: what it has told, or, when it did not answer, the one that holds
// the lock of the run directory and its children, which are scripts too.
func (g *gathered) processes() (pids []int, names []string, err error) {
	if g.status != nil {
		pids, names = []int{g.status.Pid}, []string{"supervisor"}
		for _, w := range g.status.Workers {
			if w.Pid != 0 {
				pids, names = append(pids, w.Pid), append(names, w.Name)
			}
		}
		return pids, names, nil
	}
	found, err := hostcheck.Directors()
	if err != nil {
		return nil, nil, err
	}
	for _, d := range found {
		if d.RunDir != g.RunDir && d.Reach != g.RunDir {
			continue
		}
		pids, names = append(pids, d.Pid), append(names, "supervisor, which did not answer")
		lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", d.Pid)) // the pattern is good
		for _, list := range lists {
			text, _ := os.ReadFile(list) // the thread may have ended
			for _, word := range strings.Fields(string(text)) {
				if pid, err := strconv.Atoi(word); err == nil && len(pids) < mostProcesses {
					pids, names = append(pids, pid), append(names, "a child of it")
				}
			}
		}
	}
	if len(pids) == 0 {
		return nil, nil, errors.New("there is no process of a director with this run directory")
	}
	return pids, names, nil
}

// mostProcesses is how many are looked at.
const mostProcesses = 50

// configurations are those of the history, without their texts.
func configurations(g gathered, out *output) error {
	store, err := history.Look(g.stateDir(), g.path)
	if err != nil {
		return err
	}
	list, err := store.List()
	if err != nil {
		return err
	}
	unreadable, err := store.Unreadable()
	if err != nil {
		return err
	}
	var now control.ConfigState
	if g.status != nil {
		now = g.status.ConfigState
	}
	return control.Write(out.file("history.json"), control.NewHistory(list, unreadable, now), true)
}

// others are the directors of this host.
func others(_ gathered, out *output) error {
	list, err := directors.List()
	if err != nil {
		return err
	}
	var doc control.List
	for _, d := range list {
		doc.Directors = append(doc.Directors, d.Listed)
	}
	return control.Write(out.file("directors.json"), doc, true)
}

// findings are those of director doctor.
func findings(g gathered, out *output) error {
	if g.path == "" {
		return errors.New("there is no configuration to look at")
	}
	list, err := Diagnose(g.config, g.status)
	if err != nil {
		return err
	}
	return control.Write(out.file("doctor.json"), control.DoctorReport{File: g.path, Findings: list}, true)
}

// Diagnose looks for what keeps a director from serving cfg. s is what it says of itself; nil is nothing.
func Diagnose(cfg *conf.Config, s *control.Status) ([]doctor.Finding, error) {
	facts, err := hostcheck.Symptoms(cfg)
	if err != nil {
		return nil, err
	}
	if s != nil {
		for _, x := range s.Strangers {
			facts.Strangers = append(facts.Strangers, fmt.Sprintf("%s on %s advertises VRID %d with priority %d: %s",
				x.Sender, x.Interface, x.VRID, x.Priority, x.Reason))
		}
		facts.Roles = roles(s)
	}
	return doctor.Examine(facts), nil
}

// Findings writes them for people.
func Findings(w io.Writer, list []doctor.Finding) error {
	for _, f := range list {
		fmt.Fprintf(w, "%s: %s\n  seen: %s\n  cure: %s\n", f.Severity, f.Cause, f.Evidence, f.Cure)
	}
	_, err := fmt.Fprintln(w, words.Count(len(list), "finding"))
	return err
}

// versions are those of director, Go, the kernel and the distribution, and the modules of IPVS and
// of nftables.
func versions(g gathered, out *output) error {
	fmt.Fprintf(out.file("versions.txt"), "this program: director %s, %s %s/%s\n", g.Version, runtime.Version(),
		runtime.GOOS, runtime.GOARCH)
	if g.status != nil {
		fmt.Fprintf(out, "running: director %s, since %s\n", g.status.Version, g.status.Since.Format(time.RFC3339))
	}
	copyFiles(out, "/proc/version", "/etc/os-release", "/proc/uptime", "/proc/loadavg", "/proc/meminfo")
	modules, err := os.ReadFile("/proc/modules")
	if err != nil { // a kernel without modules
		_, err = fmt.Fprintln(out, "--- modules:", err)
		return err
	}
	fmt.Fprintln(out, "--- modules")
	for line := range strings.Lines(string(modules)) {
		for _, prefix := range []string{"ip_vs", "nf", "xt_", "ip_tables", "macvlan", "ipvlan", "bonding", "bridge",
			"8021q"} {
			if strings.HasPrefix(line, prefix) {
				fmt.Fprint(out, line)
				break
			}
		}
	}
	return nil
}

// roles are the states of the instances, here and on connected peers.
func roles(s *control.Status) map[string]doctor.Role {
	m, vrids := make(map[string]doctor.Role, len(s.Instances)), make(map[uint8]int)
	for _, i := range s.Instances {
		vrids[i.VRID]++
	}
	for _, i := range s.Instances {
		r := doctor.Role{State: i.State, Priority: i.Priority}
		for _, p := range s.Peers {
			for _, other := range p.Instances {
				if p.Up && other.State == event.Master && other.VRID == i.VRID &&
					(other.Name == i.Name || vrids[i.VRID] == 1) { // the halves may have names of their own
					r.Elsewhere = strings.TrimSpace(fmt.Sprintf("%s (peer %s)", p.Host, p.Address))
				}
			}
		}
		m[i.Name] = r
	}
	return m
}
