package virtualserver

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/retry"
	"github.com/lvs-director/director/virtualserver/table"
)

// host is what IPVS has besides its table: sync daemons, timeouts of connections and
// settings below net.ipv4.vs.
type host struct {
	sync        conf.LVSSync
	followed    event.VRRPState
	timeouts    conf.LVSTimeouts
	settings    []conf.Sysctl
	flushAtStop bool // everything, others' services too

	// before are the values that settings had before we changed them, and roles the
	// sync daemons that we started: as the journal has them.
	before map[string]string
	roles  map[table.DaemonRole]bool
	// daemons is when sync daemons that failed are tried again, undone when those that
	// something else stopped are; running are those that ran as wanted in the last round,
	// and fights the settings that were put back.
	daemons retry.Retry
	undone  retry.Retry
	running []table.Daemon
	fights  map[string]*retry.Retry
	due     int               // rounds until the settings are compared again
	errs    map[string]string // what cannot be had, and why
	// untracked is why connections are not tracked, without which full NAT serves nobody.
	untracked string
}

const (
	settingDir    = "/proc/sys/net/ipv4/vs/"
	settingNote   = "setting net.ipv4.vs."
	daemonNote    = "syncdaemon "
	settingRounds = reconcileRound
)

// readJournal takes in a key of an earlier loop: "setting net.ipv4.vs.NAME VALUE" and
// "syncdaemon ROLE".
func (h *host) readJournal(text string) {
	if rest, ok := strings.CutPrefix(text, settingNote); ok {
		if name, value, ok := strings.Cut(rest, " "); ok && !strings.ContainsAny(name, "/.") {
			h.remember(name, value)
		}
	}
	if role, ok := strings.CutPrefix(text, daemonNote); ok {
		for _, r := range []table.DaemonRole{table.SyncMaster, table.SyncBackup} {
			if r.String() == role {
				h.own(r)
			}
		}
	}
}

func (h *host) remember(name, value string) {
	if h.before == nil {
		h.before = make(map[string]string)
	}
	h.before[name] = value
}

func (h *host) own(role table.DaemonRole) {
	if h.roles == nil {
		h.roles = make(map[table.DaemonRole]bool)
	}
	h.roles[role] = true
}

func (h *host) configure(cfg *conf.Config) {
	h.sync, h.timeouts, h.settings = cfg.Global.LVSSync, cfg.Global.LVSTimeouts, cfg.IPVSSettings()
	h.flushAtStop = cfg.Global.LVSFlushOn == "all"
	h.due = 0
	h.fights = nil // what differs now is our own doing
	h.hurry()
}

// hurry has sync daemons started or stopped at once: others are wanted now.
func (h *host) hurry() {
	h.daemons.Now()
	h.undone.Now()
}

// idle says that there is nothing to do and nothing to undo. Settings and timeouts
// alone do not load IPVS.
func (h *host) idle() bool { return h.sync.Interface == "" && len(h.before) == 0 && len(h.roles) == 0 }

// problem is the first of what cannot be had; empty is none.
func (h *host) problem() string {
	text := ""
	for _, t := range h.errs {
		if text == "" || t < text {
			text = t
		}
	}
	return text
}

// applyHost brings what IPVS has besides its table in line. Nothing is done before
// IPVS is there: its settings exist only then.
func (r *reconciler) applyHost() {
	if r.driver == nil || r.unreadable != "" {
		return
	}
	r.applyDaemons()
	if r.host.due--; r.host.due > 0 {
		return
	}
	r.host.due = settingRounds
	r.applySettings()
	r.applyTimeouts()
}

// trouble notes what cannot be had, and logs each error once.
func (r *reconciler) trouble(what string, err error) {
	h := &r.host
	text := ""
	if err != nil {
		text = err.Error()
	}
	if h.errs[what] == text {
		return
	}
	if err == nil {
		delete(h.errs, what)
		return
	}
	if h.errs == nil {
		h.errs = make(map[string]string)
	}
	h.errs[what] = text
	r.Log.Error("failed to configure IPVS, trying again", "error", text)
}

// applyDaemons has the sync daemons run that should, and no others of ours.
func (r *reconciler) applyDaemons() {
	h := &r.host
	if h.sync.Interface == "" && len(h.roles) == 0 {
		return
	}
	want := table.WantedDaemons(h.sync, h.followed)
	now := time.Now()
	if !h.daemons.Ready(now) || !h.undone.Ready(now) {
		return
	}
	have, err := r.driver.Daemons()
	if err != nil {
		h.daemons.Failed(now)
		r.trouble("daemons", err)
		return
	}
	var errs []error
	if slices.ContainsFunc(want, func(w table.Daemon) bool {
		return slices.Contains(h.running, w) && !slices.ContainsFunc(have, w.Runs)
	}) {
		h.undone.Repaired(now)
	}
	h.running = nil
	for _, d := range have {
		wanted := slices.ContainsFunc(want, func(w table.Daemon) bool { return w.Runs(d) })
		if wanted || h.sync.Interface == "" && !h.roles[d.Role] {
			continue // as wanted, or somebody else's while we want none
		}
		if err := r.driver.StopDaemon(d.Role); err != nil {
			errs = append(errs, err)
			continue
		}
		r.Log.Info("sync daemon stopped", "role", d.Role.String(), "interface", d.Interface, "id", d.ID)
	}
	for role := range h.roles {
		if !slices.ContainsFunc(want, func(w table.Daemon) bool { return w.Role == role }) && len(errs) == 0 {
			delete(h.roles, role)
			_ = r.Journal.Release(daemonNote + role.String())
		}
	}
	for _, w := range want {
		if !h.roles[w.Role] {
			h.own(w.Role)
			_ = r.Journal.Claim(daemonNote + w.Role.String())
		}
		if slices.ContainsFunc(have, w.Runs) {
			h.running = append(h.running, w)
			continue
		}
		if err := r.driver.StartDaemon(w); err != nil {
			errs = append(errs, err)
			continue
		}
		h.running = append(h.running, w)
		r.Log.Info("sync daemon started", "role", w.Role.String(), "interface", w.Interface, "id", w.ID)
	}
	if len(errs) > 0 {
		h.daemons.Failed(now)
	} else {
		h.daemons = retry.Retry{}
	}
	if h.undone.Times > retry.FreeRepairs && !h.undone.IsCalm(now) {
		errs = append(errs, errors.New("something else stops or changes the sync daemon again and again: "+
			"look for another keepalived, or a script with ipvsadm --stop-daemon"))
	}
	r.trouble("daemons", errors.Join(errs...))
}

// applySettings makes the settings of the configuration and restores the others that
// were made by us.
func (r *reconciler) applySettings() {
	h := &r.host
	var errs []error
	wanted := make(map[string]bool, len(h.settings))
	untracked := ""
	for _, s := range h.settings {
		wanted[s.Name] = true
		err := r.applySetting(s)
		if errs = append(errs, err); err != nil && s.Name == "conntrack" {
			untracked = "full NAT needs connection tracking: " + err.Error()
		}
	}
	if untracked != h.untracked {
		h.untracked = untracked
		r.markAllChanged()
	}
	for name, value := range h.before {
		if wanted[name] {
			continue
		}
		if err := r.WriteFile(settingDir+name, value); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("restore net.ipv4.vs.%s: %w", name, err))
			continue
		}
		delete(h.before, name)
		_ = r.Journal.Release(settingNote + name + " " + value)
		r.Log.Info("kernel setting restored", "setting", "net.ipv4.vs."+name, "value", value)
	}
	r.trouble("settings", errors.Join(errs...))
}

func (r *reconciler) applySetting(s conf.Sysctl) error {
	data, err := r.ReadFile(settingDir + s.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("this kernel has no setting net.ipv4.vs.%s", s.Name)
	}
	if err != nil {
		return fmt.Errorf("read net.ipv4.vs.%s: %w", s.Name, err)
	}
	now := strings.Join(strings.Fields(string(data)), " ")
	fight := r.host.fight(s.Name)
	if now == strings.Join(strings.Fields(s.Value), " ") {
		return r.host.lost(s, fight)
	}
	_, ours := r.host.before[s.Name]
	if !ours {
		if err := r.Journal.Claim(settingNote + s.Name + " " + now); err != nil {
			return fmt.Errorf("adding net.ipv4.vs.%s to the journal: %w", s.Name, err)
		}
		r.host.remember(s.Name, now)
	}
	if err := r.WriteFile(settingDir+s.Name, s.Value); err != nil {
		return fmt.Errorf("set net.ipv4.vs.%s to %s: %w", s.Name, s.Value, err)
	}
	if ours {
		fight.Repaired(time.Now())
	}
	if fight.Times <= retry.FreeRepairs {
		r.Log.Info("kernel setting changed", "setting", "net.ipv4.vs."+s.Name, "value", s.Value, "before", now)
	}
	return r.host.lost(s, fight)
}

func (h *host) fight(name string) *retry.Retry {
	if h.fights == nil {
		h.fights = make(map[string]*retry.Retry)
	}
	if h.fights[name] == nil {
		h.fights[name] = &retry.Retry{}
	}
	return h.fights[name]
}

// lost is the problem of a setting that something else changes again and again.
func (h *host) lost(s conf.Sysctl, fight *retry.Retry) error {
	if fight.Times <= retry.FreeRepairs || fight.IsCalm(time.Now()) {
		return nil
	}
	return fmt.Errorf("something else sets net.ipv4.vs.%s again and again, director to %s: look for it in sysctl.d and "+
		"in scripts, or take it out of ipvs { }", s.Name, s.Value)
}

// applyTimeouts sets the timeouts of lvs_timeouts. keepalived leaves them when it
// stops, and so do we: the connections that are left have them.
func (r *reconciler) applyTimeouts() {
	want := r.host.timeouts
	if want == (conf.LVSTimeouts{}) {
		return
	}
	have, err := r.driver.Timeouts()
	if err == nil && (want.TCP != 0 && want.TCP != have.TCP || want.TCPFin != 0 && want.TCPFin != have.TCPFin ||
		want.UDP != 0 && want.UDP != have.UDP) {
		err = r.driver.SetTimeouts(want)
	}
	r.trouble("timeouts", err)
}

// flushAtStart empties the table before it is read for the first time (lvs_flush).
func (r *reconciler) flushAtStart(a *application) {
	if a.known.Fresh && a.config.Global.LVSFlush && !r.looked && r.open() {
		r.flush()
	}
}

// flush empties the table, others' services too.
func (r *reconciler) flush() {
	if err := r.driver.Flush(); err != nil {
		r.Log.Error("failed to empty the IPVS table", "error", err)
		return
	}
	r.Log.Info("IPVS table emptied (lvs_flush)")
	clear(r.have)
}
