package hostcheck

import (
	"cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/notify/program"
)

// scripts looks at every program that the configuration has run, and at the
// users that run them.
func (c *hostCheck) scripts() {
	g := &c.cfg.Global
	found := false
	type programOf struct{ path, user, group string }
	looked := make(map[programOf]bool)
	look := func(block any, keyword string, s conf.Script) {
		if s.IsZero() {
			return
		}
		found = true
		c.script(block, keyword, s)
	}
	notify := func(block any, n conf.NotifyScripts) {
		for _, s := range []struct {
			keyword string
			script  conf.Script
		}{
			{"notify_master", n.Master}, {"notify_backup", n.Backup}, {"notify_fault", n.Fault}, {"notify_stop", n.Stop},
			{"notify_deleted", n.Deleted}, {"notify_master_rx_lower_pri", n.RxLowerPriority}, {"notify", n.Any},
			{"notify_release", n.Release},
		} {
			look(block, s.keyword, s.script)
		}
	}
	look(g, "startup_script", g.StartupScript)
	look(g, "shutdown_script", g.ShutdownScript)
	look(g, "notify_fifo_script", g.FIFO.Script)
	look(g, "vrrp_notify_fifo_script", g.VRRPFIFO.Script)
	look(g, "lvs_notify_fifo_script", g.LVSFIFO.Script)
	for _, i := range c.cfg.Instances {
		notify(i, i.Notify)
	}
	for _, s := range c.cfg.SyncGroups {
		notify(s, s.Notify)
	}
	for _, t := range c.cfg.Scripts {
		look(t, "script", t.Script)
	}
	for _, v := range c.cfg.VirtualServers {
		look(v, "quorum_up", v.QuorumUp)
		look(v, "quorum_down", v.QuorumDown)
		for _, r := range v.RealServers {
			look(r, "notify_up", r.NotifyUp)
			look(r, "notify_down", r.NotifyDown)
			for n := range r.Checkers {
				// One program often checks many servers: it is named once.
				m := r.Checkers[n].Misc
				if m == nil || m.Script.IsZero() || looked[programOf{m.Script.Argv[0], m.Script.User, m.Script.Group}] {
					continue
				}
				looked[programOf{m.Script.Argv[0], m.Script.User, m.Script.Group}] = true
				look(&r.Checkers[n], "misc_path", m.Script)
			}
		}
	}
	if found && g.ScriptUser == "" && !c.host.user(program.DefaultUser) {
		c.say(conf.Note, g, "script_user", "no-user", "set script_user in global_defs",
			"this host has no user "+program.DefaultUser+": scripts that name no user run as the user director runs as")
	}
	if found && g.ScriptUser != "" {
		c.user(g, "script_user", g.ScriptUser, g.ScriptGroup)
	}
}

func (c *hostCheck) script(block any, keyword string, s conf.Script) {
	if s.User != "" {
		c.user(block, keyword, s.User, s.Group)
	}
	missing, unsafe := c.host.program(s.Argv[0])
	switch {
	case missing != nil:
		c.say(conf.Warning, block, keyword, "no-program", "", keyword+": "+missing.Error())
	case unsafe == nil:
	case c.cfg.Global.ScriptSecurity && c.runsAsRoot(s):
		c.say(conf.Warning, block, keyword, "unsafe-program",
			"make root the owner of it and of every directory above it, and let nobody else write to them",
			keyword+": it is not run: "+unsafe.Error())
	default:
		c.say(conf.Note, block, keyword, "unsafe-program", "enable_script_security refuses to run it as root",
			keyword+": users other than root can replace it: "+unsafe.Error())
	}
}

func (c *hostCheck) runsAsRoot(s conf.Script) bool {
	name := cmp.Or(s.User, c.cfg.Global.ScriptUser)
	if name == "" && c.host.user(program.DefaultUser) {
		name = program.DefaultUser
	}
	return name == "" || name == "root" || name == "0"
}

func (c *hostCheck) user(block any, keyword, user, group string) {
	if !c.host.user(user) {
		c.say(conf.Warning, block, keyword, "no-user", "",
			keyword+": this host has no user "+user+": the script does not run")
	}
	if group != "" && !c.host.group(group) {
		c.say(conf.Warning, block, keyword, "no-group", "",
			keyword+": this host has no group "+group+": the script does not run")
	}
}
