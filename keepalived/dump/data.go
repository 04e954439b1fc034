package dump

import (
	"strconv"
	"time"

	"github.com/lvs-director/director/conf"
)

// Data is keepalived.data: the settings, then every instance, group, script, file, process and
// interface. A reader finds an instance by its name, and its State within six lines of the title.
func Data(f *Facts) []byte {
	t := &text{}
	t.globals(f)
	t.section("VRRP Topology")
	for n := range f.Instances {
		t.instance(&f.Instances[n])
	}
	t.groups(f)
	t.scripts(f)
	t.files(f)
	t.processes(f)
	t.links(f)
	return t.Bytes()
}

// Parent is keepalived_parent.data: the settings that are no process's own.
func Parent(f *Facts) []byte {
	t := &text{}
	t.globals(f)
	return t.Bytes()
}

// instance writes one; every line of it has an indent of three or more, but for the first.
func (t *text) instance(i *Instance) {
	c := i.Config
	t.line(1, "VRRP Instance = %s", clean(c.Name))
	t.line(3, "VRRP Version = %d", c.Version)
	if c.IPv6 {
		t.line(3, "Using Native IPv6")
	}
	if c.SyncGroup != "" {
		t.line(3, "Sync group = %s", clean(c.SyncGroup))
	}
	t.line(3, "State = %s", i.State.State)
	if len(c.UnicastPeers) > 0 {
		t.line(3, "Flags:")
		t.line(5, "Using unicast")
	} else {
		t.line(3, "Flags: none")
	}
	t.line(3, "Wantstate = %s", i.wanted())
	t.line(3, "Number of config faults = 0")
	t.line(3, "Number of interface and track script faults = %d", i.Failed)
	t.line(3, "Number of track scripts init = %d", i.Unknown)
	t.line(3, "Last transition = %s", moment(i.State.Since))
	t.line(3, "Master down timer = %d usecs", i.masterDown().Microseconds())
	if i.Device != c.Interface && i.Device != "" {
		t.line(3, "Use VMAC, i/f name %s, xmit_base = %t", clean(i.Device), c.VMACXmit)
		t.line(3, "Interface = %s, vmac on %s", clean(i.Device), clean(c.Interface))
	} else {
		t.line(3, "Interface = %s", clean(c.Interface))
	}
	switch {
	case c.SourceAddress.IsValid():
		t.line(3, "Using src_ip = %s (from configuration)", c.SourceAddress)
	case i.Source.IsValid():
		t.line(3, "Using src_ip = %s", i.Source)
	default:
		t.line(3, "Using src_ip = (none)")
	}
	if len(c.UnicastPeers) == 0 && c.MulticastGroup.IsValid() {
		t.line(3, "Multicast address %s", c.MulticastGroup)
	}
	t.announcing(c.GARP, 3, "refresh")
	t.line(3, "Down timer adverts = %d", c.DownTimerAdverts)
	t.line(3, "Send advert after receive lower priority advert = %t", !c.LowerPrioNoAdvert)
	t.line(3, "Send advert after receive higher priority advert = %t", c.HigherPrioSendAdvert)
	t.line(3, "Virtual Router ID = %d", c.VRID)
	t.line(3, "Priority = %d", c.Priority)
	t.line(3, "Effective priority = %d", i.effective())
	t.line(3, "Total priority = %d", i.effective())
	t.line(3, "Advert interval = %s", interval(c))
	t.line(3, "Accept = %s", enabled(!c.NoAccept))
	t.line(3, "Preempt = %s", enabled(c.Preempt))
	if c.PreemptDelay > 0 {
		t.line(3, "Preempt delay = %s secs", strconv.FormatFloat(c.PreemptDelay.Seconds(), 'f', -1, 64))
	}
	t.line(3, "Promote_secondaries = %s", enabled(c.PromoteSecondaries))
	if c.Version == 2 {
		t.authentication(c)
	}
	t.addresses(i)
	t.unicast(c)
	t.routes(c)
	t.tracked(c)
	t.notifications(c)
}

// interval is the pause between advertisements: in seconds in version 2, which has no shorter ones.
func interval(c *conf.Instance) string {
	if c.Version == 2 {
		return strconv.Itoa(seconds(c.AdvertInterval)) + " sec"
	}
	return strconv.FormatInt(c.AdvertInterval.Milliseconds(), 10) + " milli-sec"
}

// announcing writes the settings of gratuitous ARP.
func (t *text) announcing(g conf.GARP, indent int, refresh string) {
	t.line(indent, "Gratuitous ARP delay = %d", seconds(g.MasterDelay))
	t.line(indent, "Gratuitous ARP repeat = %d", g.MasterRepeat)
	t.line(indent, "Gratuitous ARP %s = %d", refresh, seconds(g.MasterRefresh))
	t.line(indent, "Gratuitous ARP refresh repeat = %d", g.RefreshRepeat)
	t.line(indent, "Gratuitous ARP lower priority delay = %d", seconds(g.LowerPrioDelay))
	t.line(indent, "Gratuitous ARP lower priority repeat = %d", g.LowerPrioRepeat)
}

func (t *text) authentication(c *conf.Instance) {
	switch c.Auth.Type {
	case conf.PassAuth:
		t.line(3, "Authentication type = SIMPLE_PASSWORD")
	case conf.AHAuth:
		t.line(3, "Authentication type = IPSEC_AH")
	default:
		t.line(3, "Authentication type = none")
		return
	}
	t.line(3, "Password = %s", stars)
}

// stars stand in the place of a password, however long it is.
const stars = conf.Mask

func (t *text) addresses(i *Instance) {
	if len(i.Addresses) > 0 {
		t.line(3, "Virtual IP (%d):", len(i.Addresses))
		for n := range i.Addresses {
			t.line(5, "%s", i.Addresses[n].words())
		}
	}
	if len(i.Excluded) > 0 {
		t.line(3, "Virtual IP Excluded :")
		for n := range i.Excluded {
			t.line(5, "%s", i.Excluded[n].words())
		}
	}
}

func (t *text) unicast(c *conf.Instance) {
	if len(c.UnicastPeers) == 0 {
		return
	}
	ttl := c.UnicastTTL
	if ttl < 0 {
		ttl = 255
	}
	t.line(3, "Unicast TTL = %d", ttl)
	t.line(3, "Check unicast src : %s", yesNo(c.CheckUnicastSource))
	t.line(3, "Unicast Peer :")
	for _, p := range c.UnicastPeers {
		least, most := max(p.MinTTL, 0), p.MaxTTL
		if most < 0 {
			most = 255
		}
		t.line(5, "%s min_ttl %d max_ttl %d", p.Address, least, most)
	}
}

func (t *text) routes(c *conf.Instance) {
	if len(c.Routes) > 0 {
		t.line(3, "Virtual Routes :")
		for n := range c.Routes {
			t.line(5, "%s", route(&c.Routes[n]))
		}
	}
	if len(c.Rules) > 0 {
		t.line(3, "Virtual Rules :")
		for _, r := range c.Rules {
			t.line(5, "%s", rule(r))
		}
	}
}

func (t *text) tracked(c *conf.Instance) {
	if len(c.TrackInterfaces) > 0 {
		t.line(3, "Tracked interfaces :")
		for _, i := range c.TrackInterfaces {
			t.line(5, "%s weight %d%s", clean(i.Name), i.Weight, reverse(i.Reverse))
		}
	}
	for _, k := range []struct {
		title, between string
		list           []conf.Track
	}{
		{"Tracked scripts :", "", c.TrackScripts}, {"Tracked files :", ",", c.TrackFiles},
		{"Tracked processes :", ",", c.TrackProcesses}, {"Tracked virtual servers :", ",", c.TrackVirtualServers},
	} {
		if len(k.list) > 0 {
			t.line(3, "%s", k.title)
		}
		for _, i := range k.list {
			t.line(5, "%s%s weight %d%s", clean(i.Name), k.between, i.Weight, reverse(i.Reverse))
		}
	}
}

func reverse(yes bool) string {
	if yes {
		return " reverse"
	}
	return ""
}

func (t *text) notifications(c *conf.Instance) {
	t.line(3, "Using smtp notification = %s", yesNo(c.SMTPAlert.Bool(false)))
	deleted := "Fault"
	if c.Notify.SayDeleted {
		deleted = "Deleted"
	}
	t.line(3, "Notify deleted = %s", deleted)
	t.notifyScripts(&c.Notify)
	t.line(3, "Notify priority changes = %t", c.NotifyPriorityChanges)
}

func (t *text) notifyScripts(n *conf.NotifyScripts) {
	for _, s := range []struct {
		of     string
		script conf.Script
	}{
		{"Backup state transition", n.Backup}, {"Master state transition", n.Master},
		{"Fault state transition", n.Fault}, {"Stop state transition", n.Stop},
		{"Deleted state transition", n.Deleted}, {"Master rx lower priority", n.RxLowerPriority},
		{"Generic state transition", n.Any},
	} {
		if s.script.IsZero() {
			continue
		}
		user := ""
		if s.script.User != "" {
			user = ", user " + clean(s.script.User)
		}
		t.line(3, "%s script = %s%s", s.of, command(s.script), user)
	}
}

// fraction is a time in seconds with six digits.
func fraction(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 6, 64) }
