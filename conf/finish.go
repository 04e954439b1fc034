package conf

import (
	"github.com/lvs-director/director/conf/syntax"
)

// finish does what can only be done when all files are read: references,
// defaults, inheritance, and what blocks must not have together.
func (l *loader) finish() {
	l.finishGlobal()
	for _, in := range l.cfg.Instances {
		l.finishInstance(in)
	}
	l.duplicateVRIDs()
	l.finishDelays()
	l.finishGroups()
	l.finishTracking()
	l.finishStatic()
	l.sharedRoutes()
	l.finishServers()
	l.unreachableServers()
	l.finishTrackedServers()
	l.scriptSecurity()
}

func (l *loader) finishGlobal() {
	g := &l.cfg.Global
	said := func(keyword string) bool { return l.cfg.sources.has(g, keyword) }
	if !l.minGARP {
		if !said("vrrp_garp_lower_prio_delay") {
			g.GARP.LowerPrioDelay = g.GARP.MasterDelay
		}
		if !said("vrrp_garp_lower_prio_repeat") {
			g.GARP.LowerPrioRepeat = g.GARP.MasterRepeat
		}
	}
	if g.LVSSync.Interface == "" {
		g.LVSSync = l.oldSync
	}
	if inst := g.LVSSync.Instance; inst != "" && l.instances[inst] == nil {
		l.warn(l.syncNode, "not-found", "lvs_sync_daemon follows vrrp_instance %s, which is not defined: the sync daemon does not run", clip(inst))
		g.LVSSync = LVSSync{}
	}
	for _, f := range []struct {
		fifo    *FIFO
		keyword string
	}{{&g.FIFO, "notify_fifo"}, {&g.VRRPFIFO, "vrrp_notify_fifo"}, {&g.LVSFIFO, "lvs_notify_fifo"}} {
		if f.fifo.Path == "" && !f.fifo.Script.IsZero() {
			src, _ := l.cfg.sources.find(g, f.keyword+"_script")
			l.report(Warning, src.Pos, nil, "missing-fifo", "%s_script has no %s to read: it is ignored", f.keyword, f.keyword)
			f.fifo.Script = Script{}
		}
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
func (l *loader) warnAtKeyword(block any, keyword, code, format string, args ...any) *Finding {
	n := l.node(block)
	if c := said(n, keyword); c != nil {
		return l.warn(c, code, format, args...)
	}
	return l.warn(n, code, format, args...)
}

func (l *loader) finishGroups() {
	kept := l.cfg.SyncGroups[:0]
	for _, g := range l.cfg.SyncGroups {
		var members []string
		for i, name := range g.Members {
			c := l.memberNodes[memberKey{g, i}]
			in := l.instances[name]
			switch {
			case in == nil:
				names := make([]string, 0, len(l.cfg.Instances))
				for _, in := range l.cfg.Instances {
					names = append(names, in.Name)
				}
				l.warn(c, "not-found", "vrrp_instance %s of sync group %s is not defined: it is ignored%s", clip(name), clip(g.Name), didYouMean(name, names))
			case in.SyncGroup == g.Name:
				l.warn(c, "repeated", "vrrp_instance %s is in sync group %s twice", clip(name), clip(g.Name))
			case in.SyncGroup != "":
				l.warn(c, "repeated", "vrrp_instance %s is in sync group %s already: it is not in %s", clip(name), clip(in.SyncGroup), clip(g.Name))
			default:
				in.SyncGroup = g.Name
				members = append(members, name)
			}
		}
		g.Members = members
		switch len(members) {
		case 0:
			l.atEnd(l.node(g), "empty-group", "sync group %s has no members: it is removed", clip(g.Name))
			continue
		case 1:
			l.warn(l.node(g), "single-member", "sync group %s has a single member, which is probably not what is wanted", clip(g.Name))
		}
		if g.SMTPAlert == Unset {
			g.SMTPAlert = l.alertVRRP()
		}
		kept = append(kept, g)
	}
	l.cfg.SyncGroups = kept
}

// alertVRRP is whether mail is sent for instances that do not say.
func (l *loader) alertVRRP() Choice {
	g := &l.cfg.Global
	if g.SMTPAlertVRRP != Unset {
		return g.SMTPAlertVRRP
	}
	if g.SMTPAlert != Unset {
		return g.SMTPAlert
	}
	return No
}

func (l *loader) finishStatic() {
	for i := range l.cfg.StaticAddresses {
		if a := &l.cfg.StaticAddresses[i]; a.Device == "" {
			a.Device = l.cfg.Global.DefaultInterface
		}
	}
	known := map[string]bool{}
	for _, g := range l.cfg.TrackGroups {
		known[g.Name] = true
	}
	for i, a := range l.cfg.StaticAddresses {
		if a.TrackGroup != "" && !known[a.TrackGroup] {
			l.warn(l.addressNodes[l.cfg][i], "not-found", "track_group %s is not defined: it is ignored", clip(a.TrackGroup))
			l.cfg.StaticAddresses[i].TrackGroup = ""
		}
	}
}

// scriptSecurity says what keepalived says of tracking scripts that root runs.
func (l *loader) scriptSecurity() {
	g := &l.cfg.Global
	if g.ScriptSecurity {
		if src, ok := l.cfg.sources.find(g, "enable_script_security"); ok && g.ScriptUser == "" {
			l.report(Note, src.Pos, nil, "script-user", "without a script_user there must be a user keepalived_script, or no script runs")
		}
		return
	}
	used := map[string]bool{}
	for _, in := range l.cfg.Instances {
		for _, t := range in.TrackScripts {
			used[t.Name] = true
		}
	}
	for _, sg := range l.cfg.SyncGroups {
		for _, t := range sg.TrackScripts {
			used[t.Name] = true
		}
	}
	for _, s := range l.cfg.Scripts {
		user := s.Script.User
		if user == "" {
			user = g.ScriptUser
		}
		if !used[s.Name] || user != "" && user != "root" {
			continue
		}
		f := l.warnAtKeyword(s, "script", "script-security", "scripts are run without enable_script_security, by root unless there is a user keepalived_script")
		f.Hint = "set enable_script_security and script_user in global_defs"
		return
	}
}
