package load

import (
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/announces"
	"github.com/lvs-director/director/conf/load/value"
	"github.com/lvs-director/director/conf/syntax"
)

// finish does what can only be done when all files are read: references,
// defaults, inheritance, and what blocks must not have together.
func (l *loader) finish() {
	l.finishGlobal()
	for _, in := range l.Config.Instances {
		l.finishInstance(in)
	}
	l.duplicateVRIDs()
	l.finishDelays()
	l.finishGroups()
	l.finishBFDs()
	l.finishTracking()
	l.finishStatic()
	l.sharedRoutes()
	l.finishServers()
	l.finishClients()
	l.finishSettings()
	l.finishTrackedServers()
	l.finishHeld()
	l.unreachableServers()
	l.movingPeers()
	announces.Finish(l.Loader)
	l.sharedListeners()
	l.scriptSecurity()
	l.notes()
}

func (l *loader) finishGlobal() {
	g := &l.Config.Global
	said := func(keyword string) bool { return l.Sources.Has(g, keyword) }
	if !l.MinGARP {
		if !said("vrrp_garp_lower_prio_delay") {
			g.GARP.LowerPrioDelay = g.GARP.MasterDelay
		}
		if !said("vrrp_garp_lower_prio_repeat") {
			g.GARP.LowerPrioRepeat = g.GARP.MasterRepeat
		}
	}
	if g.LVSSync.Interface == "" {
		g.LVSSync = l.OldSync
	}
	if inst := g.LVSSync.Instance; inst != "" && l.Instances[inst] == nil {
		l.Warn(l.SyncNode, "not-found",
			"lvs_sync_daemon follows vrrp_instance %s, which is not defined: the sync daemon does not run", value.Clip(inst))
		g.LVSSync = conf.LVSSync{}
	}
	l.sharedFIFOs(g)
	for _, f := range []struct {
		fifo    *conf.FIFO
		keyword string
	}{{&g.FIFO, "notify_fifo"}, {&g.VRRPFIFO, "vrrp_notify_fifo"}, {&g.LVSFIFO, "lvs_notify_fifo"}} {
		if f.fifo.Path == "" && !f.fifo.Script.IsZero() {
			src, _ := l.Sources.Source(g, f.keyword+"_script")
			l.Report(conf.Warning, src.Pos, nil, "missing-fifo", "%s_script has no %s to read: it is ignored", f.keyword,
				f.keyword)
			f.fifo.Script = conf.Script{}
		}
	}
}

// sharedFIFOs has each line written once into a FIFO that two keywords name, and one program read it, as
// keepalived does: notify_fifo has the lines of the others, and of two scripts the one of vrrp_notify_fifo runs.
func (l *loader) sharedFIFOs(g *conf.Global) {
	at := func(keyword string) conf.Pos {
		src, _ := l.Sources.Source(g, keyword)
		return src.Pos
	}
	for _, f := range []struct {
		fifo    *conf.FIFO
		keyword string
	}{{&g.VRRPFIFO, "vrrp_notify_fifo"}, {&g.LVSFIFO, "lvs_notify_fifo"}} {
		if f.fifo.Path != "" && f.fifo.Path == g.FIFO.Path {
			l.Report(conf.Warning, at(f.keyword), nil, "shared-fifo", "%s %s is notify_fifo too, which gets all lines: %s "+
				"and its script are ignored", f.keyword, value.Clip(f.fifo.Path), f.keyword)
			*f.fifo = conf.FIFO{}
		}
	}
	if g.LVSFIFO.Path != "" && g.LVSFIFO.Path == g.VRRPFIFO.Path &&
		!g.LVSFIFO.Script.IsZero() && !g.VRRPFIFO.Script.IsZero() {
		l.Report(conf.Warning, at("lvs_notify_fifo_script"), nil, "shared-fifo", "lvs_notify_fifo and vrrp_notify_fifo "+
			"are one FIFO, which one program can read: lvs_notify_fifo_script is ignored")
		g.LVSFIFO.Script = conf.Script{}
	}
}

// said tells whether a keyword was said in the block, also when its value
// could not be used.
func said(n *syntax.Node, keywords ...string) *syntax.Node {
	var last *syntax.Node
	for _, c := range n.Children() {
		for _, k := range keywords {
			if c.Keyword.Text == k {
				last = c
			}
		}
	}
	return last
}

// warnAtKeyword is a warning at the line of a keyword of the block, or at the
// block when it is not there.
func (l *loader) warnAtKeyword(block any, keyword, code, format string, args ...any) *conf.Finding {
	n := l.Node(block)
	if c := said(n, keyword); c != nil {
		return l.Warn(c, code, format, args...)
	}
	return l.Warn(n, code, format, args...)
}

func (l *loader) finishGroups() {
	kept := l.Config.SyncGroups[:0]
	for _, g := range l.Config.SyncGroups {
		var members []string
		for _, m := range l.Members[g] {
			c, name := m.Node, m.Name
			in := l.Instances[name]
			switch {
			case in == nil:
				names := make([]string, 0, len(l.Config.Instances))
				for _, in := range l.Config.Instances {
					names = append(names, in.Name)
				}
				l.Warn(c, "not-found", "vrrp_instance %s of sync group %s is not defined: it is ignored%s", value.Clip(name),
					value.Clip(g.Name), value.DidYouMean(name, names))
			case in.SyncGroup == g.Name:
				l.Warn(c, "repeated", "vrrp_instance %s is in sync group %s twice", value.Clip(name), value.Clip(g.Name))
			case in.SyncGroup != "":
				l.Warn(c, "repeated", "vrrp_instance %s is already in sync group %s: it does not join %s", value.Clip(name),
					value.Clip(in.SyncGroup), value.Clip(g.Name))
			default:
				in.SyncGroup = g.Name
				members = append(members, name)
			}
		}
		g.Members = members
		switch len(members) {
		case 0:
			l.AtEnd(l.Node(g), "empty-group", "sync group %s has no members: it is removed", value.Clip(g.Name))
			continue
		case 1:
			l.Warn(l.Node(g), "single-member", "sync group %s has a single member: a group is for two or more",
				value.Clip(g.Name))
		}
		if g.SMTPAlert == conf.Unset {
			g.SMTPAlert = l.alertVRRP()
		}
		kept = append(kept, g)
	}
	l.Config.SyncGroups = kept
}

// alertVRRP is whether mail is sent for instances that do not say.
func (l *loader) alertVRRP() conf.Choice {
	g := &l.Config.Global
	if g.SMTPAlertVRRP != conf.Unset {
		return g.SMTPAlertVRRP
	}
	if g.SMTPAlert != conf.Unset {
		return g.SMTPAlert
	}
	return conf.No
}

func (l *loader) finishStatic() {
	known := map[string]bool{}
	for _, g := range l.Config.TrackGroups {
		known[g.Name] = true
	}
	for _, a := range l.Addresses[l.Config] {
		if a.Device == "" {
			a.Device = l.Config.Global.DefaultInterface
		}
		if a.TrackGroup != "" && !known[a.TrackGroup] {
			l.Warn(a.Node, "not-found", "track_group %s is not defined: it is ignored", value.Clip(a.TrackGroup))
			a.TrackGroup = ""
		}
		l.Config.StaticAddresses = append(l.Config.StaticAddresses, a.Address)
	}
}

// scriptSecurity says what keepalived says of tracking scripts that root runs.
func (l *loader) scriptSecurity() {
	g := &l.Config.Global
	if g.ScriptSecurity {
		if src, ok := l.Sources.Source(g, "enable_script_security"); ok && g.ScriptUser == "" {
			l.Report(conf.Note, src.Pos, nil, "script-user",
				"script_user is not set: scripts run only if this host has a user keepalived_script")
		}
		return
	}
	used := map[string]bool{}
	for _, in := range l.Config.Instances {
		for _, t := range in.TrackScripts {
			used[t.Name] = true
		}
	}
	for _, sg := range l.Config.SyncGroups {
		for _, t := range sg.TrackScripts {
			used[t.Name] = true
		}
	}
	for _, a := range l.Config.Announces {
		for _, t := range a.TrackScripts {
			used[t.Name] = true
		}
	}
	for _, s := range l.Config.Scripts {
		user := s.Script.User
		if user == "" {
			user = g.ScriptUser
		}
		if !used[s.Name] || user != "" && user != "root" {
			continue
		}
		f := l.warnAtKeyword(s, "script", "script-security",
			"scripts run without enable_script_security, as root unless this host has a user keepalived_script")
		f.Hint = "set enable_script_security and script_user in global_defs"
		return
	}
}

// finishDelays names delays that are as long as other routers wait for the
// master: the lost link is still up here when another takes over there.
func (l *loader) finishDelays() {
	for _, line := range l.Delays {
		for _, in := range l.Config.Instances {
			limit := time.Duration(in.DownTimerAdverts-1) * in.AdvertInterval
			if in.Interface == line.Delay.Interface && line.Delay.Down >= limit && line.Delay.Down > 0 {
				l.WarnArg(line.Node, 0, "long-delay",
					"(%s) %s counts as down only after %s s: by then another router is MASTER, and this one still has the addresses",
					value.Clip(in.Name), value.Clip(in.Interface), value.Seconds(line.Delay.Down)).Hint = "set it to " +
					"less than " + value.Seconds(limit)
				break
			}
		}
	}
}
