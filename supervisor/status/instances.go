package status

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/vrrp/track"
)

// instances reports on the VRRP instances.
func (m *maker) instances() {
	groups := make(map[string]*conf.SyncGroup)
	for _, g := range m.Config.SyncGroups {
		groups[g.Name] = g
	}
	virtual := make(map[netip.Addr]bool)
	for _, i := range m.Config.Instances {
		for _, a := range addresses(i) {
			virtual[a.Prefix.Addr()] = true
		}
	}
	placed := Place(m.Config, m.Host.Interfaces)
	for n, i := range m.Config.Instances {
		r := m.Known.InstanceReport(i)
		r.VirtualAddresses = placed[n].virtualAddresses()
		ready := track.Ready(i, groups[i.SyncGroup], m.Host, func(a netip.Addr) bool { return virtual[a] })
		r.Base, r.SyncGroup, r.Fault = int(i.Priority), i.SyncGroup, ready.Fault
		for n := range ready.Items {
			r.Tracked = append(r.Tracked, tracked(&ready.Items[n]))
		}
		if o, ok := m.Orders[i.Name]; ok {
			r.HandedOver = &o
		}
		m.instanceProblems(i, &r)
		m.r.Instances = append(m.r.Instances, r)
	}
}

// instanceProblems are those of one instance.
func (m *maker) instanceProblems(i *conf.Instance, r *control.Instance) {
	if r.Missing != "" && !m.hostProblem(i.Name, event.Missing) {
		m.problem(i.Name, i.Name+": "+r.Missing)
	}
	if r.Holding != "" && !m.hostProblem(i.Name, event.Holding) {
		m.problem(i.Name, i.Name+": still holding: "+r.Holding)
	}
	var failed []string
	for _, t := range r.Tracked {
		if t.Failed {
			failed = append(failed, trackedText(t))
		}
	}
	if len(failed) > 0 && r.State != event.Fault {
		m.problem(i.Name, fmt.Sprintf("%s: effective priority %d, base %d: %s", i.Name, r.Priority, r.Base,
			strings.Join(failed, ", ")))
	}
	if lower, ok := m.Known.lowerOf(i); ok && r.State == event.Master && m.Now.Sub(lower.At) < window(i) {
		m.problem(i.Name, fmt.Sprintf("%s: two routers are MASTER: this one, and %s with priority %d, heard %s ago",
			i.Name, lower.Sender, lower.Priority, m.Now.Sub(lower.At).Round(time.Millisecond)))
	}
}

// window is how long a second master counts as there after it was heard.
func window(i *conf.Instance) time.Duration { return max(3*i.AdvertInterval, 5*time.Second) }

// tracked is a thing as status shows it.
func tracked(t *track.Item) control.Tracked {
	change := t.Change()
	r := control.Tracked{
		Object: t.What, State: [...]string{"unknown", "up", "down", "ignored"}[t.Status%4], Reason: t.Why, Weight: t.Weight,
		Change: change, Failed: change < 0 || t.Fault() != "",
	}
	if t.Counted {
		r.State = fmt.Sprintf("value %d", t.Value)
	}
	// A positive weight that is not there is a loss as well.
	if !t.Counted && t.Status == track.Down && t.Weight > 0 && !t.Reverse {
		r.Failed = true
	}
	return r
}

// trackedText is "script chk is down (exit status 1): -10", and of a file "file f
// has value 5, weight -2: -10".
func trackedText(t control.Tracked) string {
	text := t.Object + " is " + t.State
	if strings.HasPrefix(t.State, "value ") {
		if t.Weight == 1 && t.Change != 0 {
			return fmt.Sprintf("%s: %+d", t.Object, t.Change) // its value
		}
		text = fmt.Sprintf("%s has %s", t.Object, t.State)
		if t.Change != 0 {
			text += fmt.Sprintf(", weight %d", t.Weight)
		}
	} else if t.Reason != "" {
		text += " (" + t.Reason + ")"
	}
	switch {
	case t.Change != 0:
		text += fmt.Sprintf(": %+d", t.Change)
	case t.Weight != 0:
		text += fmt.Sprintf(": %+d is missing", t.Weight)
	}
	return text
}

func addresses(i *conf.Instance) []conf.Address {
	return append(i.Addresses[:len(i.Addresses):len(i.Addresses)], i.ExcludedAddresses...)
}

// groups reports on the sync groups.
func (m *maker) groups() {
	for _, g := range m.Config.SyncGroups {
		s := m.Known.Groups[g.Name]
		r := control.SyncGroup{Name: g.Name, State: s.State, Since: s.Since, Reason: s.Reason}
		for _, i := range m.Config.Instances {
			if i.SyncGroup == g.Name {
				r.Instances = append(r.Instances, i.Name)
			}
		}
		m.r.SyncGroups = append(m.r.SyncGroups, r)
	}
}

// hostProblem says whether the vrrp worker has told of a problem of that kind.
func (m *maker) hostProblem(instance string, kind event.ProblemKind) bool {
	return slices.ContainsFunc(m.Known.Host.Problems, func(p event.Problem) bool {
		return p.Kind == kind && slices.Contains(p.Instances, instance)
	})
}

// host has what the vrrp worker cannot get right in the kernel.
func (m *maker) host() {
	for _, p := range m.Known.Host.Problems {
		object := ""
		if len(p.Instances) > 0 {
			object = p.Instances[0]
		}
		m.problem(object, p.String())
	}
}

// senders has what peers say that is refused or odd: the routers that send advertisements for one
// of our virtual routers
// which are refused: this host and they do not see each other, so both are MASTER.
func (m *maker) senders() {
	configured := make(map[string]*conf.Instance)
	for _, i := range m.Config.Instances {
		configured[i.Name] = i
	}
	for _, s := range m.Known.Counters.Strangers {
		i := configured[s.Instance]
		if i == nil || m.Now.Sub(s.Last) >= window(i) {
			continue
		}
		text := "%s: %s advertises the same virtual router with priority %d and is refused (%s)"
		if is, _ := m.Known.Of(i); is.State == event.Master {
			text += ": two routers are MASTER"
		}
		m.problem(i.Name, fmt.Sprintf(text, i.Name, s.Sender, s.Priority, s.Reason))
	}
	for _, i := range m.Config.Instances {
		o := m.Known.Counters.Instances[i.Name].Odd
		// The rest is how some routers are (keepalived over IPv6), and costs nothing.
		if o == nil || m.Now.Sub(o.Last) >= window(i) || !strings.Contains(o.Reason, "address-mismatch") {
			continue
		}
		text := fmt.Sprintf("%s: the advertisements of %s do not agree with this host's configuration: %s", i.Name, o.Sender,
			o.Reason)
		if o.Detail != "" {
			text += " (" + o.Detail + ")"
		}
		m.problem(i.Name, text)
	}
}
