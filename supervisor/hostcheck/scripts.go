package hostcheck

import (
	"cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/notify/program"
	"github.com/lvs-director/director/words"
)

// scripts looks at every program that the configuration has run, and at the
// users that run them.
func (c *hostCheck) scripts() {
	g := &c.cfg.Global
	found := false
	look := func(block any, owner, keyword string, s conf.Script) {
		if s.IsZero() {
			return
		}
		found = true
		c.script(block, owner+keyword, keyword, "", s)
	}
	notify := func(block any, owner string, n conf.NotifyScripts) {
		for _, s := range []struct {
			keyword string
			script  conf.Script
		}{
			{"notify_master", n.Master}, {"notify_backup", n.Backup}, {"notify_fault", n.Fault}, {"notify_stop", n.Stop},
			{"notify_deleted", n.Deleted}, {"notify_master_rx_lower_pri", n.RxLowerPriority}, {"notify", n.Any},
			{"notify_release", n.Release},
		} {
			look(block, owner, s.keyword, s.script)
		}
	}
	look(g, "", "startup_script", g.StartupScript)
	look(g, "", "shutdown_script", g.ShutdownScript)
	look(g, "", "notify_fifo_script", g.FIFO.Script)
	look(g, "", "vrrp_notify_fifo_script", g.VRRPFIFO.Script)
	look(g, "", "lvs_notify_fifo_script", g.LVSFIFO.Script)
	if s := &c.cfg.StatusSocket; s.Group != "" && !c.host.group(s.Group) {
		c.say(conf.Error, s, "group", "unknown-group", "name a group of this host, or make it",
			"status_socket: this host has no group "+s.Group)
	}
	if w := &c.cfg.Web; w.Socket != "" && w.Group != "" && !c.host.group(w.Group) {
		c.say(conf.Error, w, "group", "unknown-group", "name a group of this host, or make it",
			"web: this host has no group "+w.Group)
	}
	for _, i := range c.cfg.Instances {
		notify(i, i.Name+": ", i.Notify)
	}
	for _, s := range c.cfg.SyncGroups {
		notify(s, s.Name+": ", s.Notify)
	}
	for _, t := range c.cfg.Scripts {
		look(t, "vrrp_script "+t.Name+": ", "script", t.Script)
	}
	for _, v := range c.cfg.VirtualServers {
		look(v, v.String()+": ", "quorum_up", v.QuorumUp)
		look(v, v.String()+": ", "quorum_down", v.QuorumDown)
		for _, r := range v.RealServers {
			look(r, ofServer(v, r), "notify_up", r.NotifyUp)
			look(r, ofServer(v, r), "notify_down", r.NotifyDown)
		}
	}
	found = c.checkPrograms() || found
	if found && g.ScriptUser == "" && !c.host.user(program.DefaultUser) {
		c.say(conf.Note, g, "script_user", "no-user", "set script_user in global_defs",
			"this host has no user "+program.DefaultUser+": scripts that name no user run as the user director runs as")
	}
	if found && g.ScriptUser != "" {
		c.user(g, "script_user", "script_user", g.ScriptUser, g.ScriptGroup)
	}
}

// checkPrograms looks at the programs of MISC_CHECK, and says whether there are any. One often checks
// many servers: it is named once, with the first of them.
func (c *hostCheck) checkPrograms() bool {
	type programOf struct{ path, user, group string }
	of := func(m *conf.MiscCheckParams) programOf {
		return programOf{m.Script.Argv[0], m.Script.User, m.Script.Group}
	}
	checks := make(map[programOf]int)
	each := func(do func(v *conf.VirtualServer, r *conf.RealServer, check *conf.Checker)) {
		for _, v := range c.cfg.VirtualServers {
			for _, r := range v.RealServers {
				for n := range r.Checkers {
					if m := r.Checkers[n].Misc; m != nil && !m.Script.IsZero() {
						do(v, r, &r.Checkers[n])
					}
				}
			}
		}
	}
	each(func(_ *conf.VirtualServer, _ *conf.RealServer, check *conf.Checker) { checks[of(check.Misc)]++ })
	looked := make(map[programOf]bool)
	each(func(v *conf.VirtualServer, r *conf.RealServer, check *conf.Checker) {
		program := of(check.Misc)
		if looked[program] {
			return
		}
		looked[program] = true
		others := ""
		if n := checks[program] - 1; n > 0 {
			others = " (and " + words.Count(n, "more check") + ")"
		}
		c.script(check, ofServer(v, r)+"misc_path", "misc_path", others, check.Misc.Script)
	})
	return len(looked) > 0
}

// script looks at a program; what begins the findings about it, and others ends them.
func (c *hostCheck) script(block any, what, keyword, others string, s conf.Script) {
	if s.User != "" {
		c.user(block, what, keyword, s.User, s.Group)
	}
	missing, unsafe := c.host.program(s.Argv[0])
	switch {
	case missing != nil:
		c.say(conf.Warning, block, keyword, "no-program", "", what+": "+missing.Error()+others)
	case unsafe == nil:
	case c.cfg.Global.ScriptSecurity && c.runsAsRoot(s):
		c.say(conf.Warning, block, keyword, "unsafe-program",
			"make root the owner of it and of every directory above it, and let nobody else write to them",
			what+": it is not run: "+unsafe.Error()+others)
	default:
		c.say(conf.Note, block, keyword, "unsafe-program", "enable_script_security refuses to run it as root",
			what+": users other than root can replace it: "+unsafe.Error()+others)
	}
}

func (c *hostCheck) runsAsRoot(s conf.Script) bool {
	name := cmp.Or(s.User, c.cfg.Global.ScriptUser)
	if name == "" && c.host.user(program.DefaultUser) {
		name = program.DefaultUser
	}
	return name == "" || name == "root" || name == "0"
}

func (c *hostCheck) user(block any, what, keyword, user, group string) {
	if !c.host.user(user) {
		c.say(conf.Warning, block, keyword, "no-user", "",
			what+": this host has no user "+user+": the script does not run")
	}
	if group != "" && !c.host.group(group) {
		c.say(conf.Warning, block, keyword, "no-group", "",
			what+": this host has no group "+group+": the script does not run")
	}
}
