package dump

import (
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// globals writes the settings of global_defs that people look for.
func (t *text) globals(f *Facts) {
	g := &f.Config.Global
	t.section("Global definitions")
	t.line(1, "Network namespace = %s", or(f.Config.NetworkNamespace, "(default)"))
	t.line(1, "Network namespace ipvs = %s", or(f.Config.IPVSNamespace, "(main namespace)"))
	t.line(1, "Router ID = %s", clean(g.RouterID))
	t.line(1, "Program = director %s", clean(f.Version))
	if g.SMTPServer != "" {
		t.line(1, "Smtp server = %s", clean(g.SMTPServer))
		t.line(1, "Smtp server port = %d", g.SMTPPort)
	}
	if g.MailFrom != "" {
		t.line(1, "Email notification from = %s", clean(g.MailFrom))
	}
	if len(g.MailTo) > 0 {
		t.line(1, "Email notification to:")
		for _, m := range g.MailTo {
			t.line(3, "%s", clean(m))
		}
	}
	t.line(1, "Default smtp_alert = %s", choice(g.SMTPAlert))
	t.line(1, "Default smtp_alert_vrrp = %s", choice(g.SMTPAlertVRRP))
	t.line(1, "Default smtp_alert_checker = %s", choice(g.SMTPAlertChecks))
	t.line(1, "Dynamic interfaces = true") // director always lets them be absent
	t.line(1, "LVS flush = %t", g.LVSFlush)
	t.line(1, "VRRP IPv4 mcast group = %s", g.MulticastGroup4)
	t.line(1, "VRRP IPv6 mcast group = %s", g.MulticastGroup6)
	t.announcing(g.GARP, 1, "refresh timer")
	t.line(1, "Num adverts before down = %d", g.DownTimerAdverts)
	t.line(1, "Send advert after receive lower priority advert = %t", !g.LowerPrioNoAdvert)
	t.line(1, "Send advert after receive higher priority advert = %t", g.HigherPrioSendAdvert)
	t.line(1, "Gratuitous ARP interval = %s", fraction(g.GARPInterval))
	t.line(1, "Gratuitous NA interval = %s", fraction(g.NAInterval))
	t.line(1, "VRRP default protocol version = %d", g.VRRPVersion)
	t.line(1, "VRRP check unicast_src = %t", g.CheckUnicastSource)
	t.line(1, "VRRP skip check advert addresses = %t", g.SkipCheckAdvertAddr)
	t.line(1, "VRRP strict mode = %t", g.Strict)
	t.line(1, "Script security %s", enabled(g.ScriptSecurity))
	if g.ScriptUser != "" {
		t.line(1, "Default script user = %s", clean(g.ScriptUser))
	}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return clean(s)
}

func choice(c conf.Choice) string {
	switch c {
	case conf.Yes:
		return "on"
	case conf.No:
		return "off"
	}
	return "unset"
}

func (t *text) groups(f *Facts) {
	if len(f.Config.SyncGroups) == 0 {
		return
	}
	t.section("VRRP Sync groups")
	for _, g := range f.Config.SyncGroups {
		fault, initial := 0, 0
		for n := range f.Instances {
			if f.Instances[n].Config.SyncGroup != g.Name {
				continue
			}
			switch f.Instances[n].State.State {
			case event.Fault:
				fault++
			case event.Init:
				initial++
			}
		}
		t.line(1, "VRRP Sync Group = %s, %s", clean(g.Name), f.Groups[g.Name].State)
		t.line(3, "Num member fault %d, num member init %d", fault, initial)
		t.line(3, "VRRP member instances :")
		for _, m := range g.Members {
			t.line(5, "%s", clean(m))
		}
		t.line(3, "Using smtp notification = %s", yesNo(g.SMTPAlert.Bool(false)))
		t.notifyScripts(&g.Notify)
	}
}

// user is one of the instances that track something, with its weight.
type user struct {
	name   string
	weight int
}

// users are the instances that track a thing.
func (f *Facts) users(of func(*conf.Instance) []conf.Track, name string) (list []user) {
	for _, i := range f.Config.Instances {
		for _, k := range of(i) {
			if k.Name == name {
				list = append(list, user{i.Name, k.Weight})
			}
		}
	}
	return list
}

func (t *text) users(list []user) {
	t.line(3, "Tracking instances :")
	for _, u := range list {
		t.line(5, "%s, weight %d", clean(u.name), u.weight)
	}
}

func (t *text) scripts(f *Facts) {
	if len(f.Config.Scripts) == 0 {
		return
	}
	t.section("VRRP Scripts")
	for _, s := range f.Config.Scripts {
		k := f.Scripts[s.Name]
		good := k.good()
		result := 0
		if good {
			result = s.Rise + s.Fall - 1 // as keepalived counts
		}
		t.line(1, "VRRP Script = %s", clean(s.Name))
		t.line(3, "Command = %s", command(s.Script))
		t.line(3, "Interval = %d sec", seconds(s.Interval))
		t.line(3, "Timeout = %d sec", seconds(s.Timeout))
		t.line(3, "Weight = %d%s", s.Weight, reverse(s.Reverse))
		t.line(3, "Rise = %d", s.Rise)
		t.line(3, "Fall = %d", s.Fall)
		t.line(3, "Result = %d", result)
		t.line(3, "Insecure = %s", yesNo(k.State.Ignored))
		t.line(3, "Init state = %s", map[bool]string{true: "failed", false: "unknown"}[s.InitFail])
		t.line(3, "Status = %s", map[bool]string{true: "GOOD", false: "BAD"}[good])
		if s.Script.User != "" {
			t.line(3, "Script user = %s", clean(s.Script.User))
		}
		t.users(f.users(func(i *conf.Instance) []conf.Track { return i.TrackScripts }, s.Name))
		t.line(3, "State = %s", map[bool]string{true: "running", false: "idle"}[k.Running])
	}
}

// good says whether a script counts as good: one that is not run lowers nothing.
func (k Tracker) good() bool { return k.Known && (k.State.Up || k.State.Ignored) }

func (t *text) files(f *Facts) {
	if len(f.Config.Files) == 0 {
		return
	}
	t.section("VRRP Track files")
	for _, s := range f.Config.Files {
		t.line(1, "Track file = %s", clean(s.Name))
		t.line(3, "File = %s", clean(s.Path))
		t.line(3, "Status = %d", f.Files[s.Name].State.Value)
		t.line(3, "Weight = %d%s", s.Weight, reverse(s.Reverse))
		t.users(f.users(func(i *conf.Instance) []conf.Track { return i.TrackFiles }, s.Name))
	}
}

func (t *text) processes(f *Facts) {
	if len(f.Config.Processes) == 0 {
		return
	}
	t.section("VRRP Track processes")
	for _, s := range f.Config.Processes {
		t.line(1, "VRRP Track process = %s", clean(s.Name))
		t.line(3, "Process = %s", clean(strings.Join(conf.MaskArguments(s.Argv), " ")))
		t.line(3, "Min processes = %d", s.Quorum)
		if s.QuorumMax > 0 {
			t.line(3, "Max processes = %d", s.QuorumMax)
		}
		t.line(3, "Have quorum = %t", f.Processes[s.Name].State.Up)
		t.line(3, "Weight = %d%s", s.Weight, reverse(s.Reverse))
		t.line(3, "Terminate delay = %ss", fraction(s.TerminateDelay))
		t.line(3, "Fork delay = %ss", fraction(s.ForkDelay))
		t.line(3, "Full command = %t", s.FullCommand)
		t.users(f.users(func(i *conf.Instance) []conf.Track { return i.TrackProcesses }, s.Name))
	}
}

func (t *text) links(f *Facts) {
	t.section("Interfaces")
	for _, l := range f.Links {
		four, six := "(none)", "(none)"
		for _, a := range l.Addresses {
			switch {
			case a.Addr().Is4() && four == "(none)":
				four = a.Addr().String()
			case a.Addr().IsLinkLocalUnicast() && a.Addr().Is6() && six == "(none)":
				six = a.Addr().WithZone("").String()
			}
		}
		state := "UP, RUNNING"
		if !l.Up {
			state = "not UP, not RUNNING"
		}
		t.line(1, "Name = %s", clean(l.Name))
		t.line(3, "index = %d", l.Index)
		t.line(3, "IPv4 address = %s", four)
		t.line(3, "IPv6 address = %s", six)
		if l.MAC != "" {
			t.line(3, "MAC = %s", l.MAC)
		}
		t.line(3, "State = %s", state)
		t.line(3, "MTU = %d", l.MTU)
	}
}
