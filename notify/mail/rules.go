package mail

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify"
)

// News is one thing that people are told.
type News struct {
	At      time.Time
	Subject string // keepalived's, without the router: "VRRP Instance VI_1 - Entering MASTER state"
	Body    string // keepalived's line: "=> VRRP Instance is now owning VRRP VIPs <="
	Detail  string // why, for people; empty is not known
	// Urgent is news of VRRP: a list of many is named after it.
	Urgent bool
}

// Rules decide of what happens which is mailed, and in which words. They know neither a clock nor a
// server. The zero value is not usable; see NewRules.
type Rules struct {
	global     conf.Global
	configured bool // a configuration was applied
	stopping   bool
	instances  map[string]*router // by conf.InstanceID
	groups     map[string]*router // by name
	services   map[conf.ServiceID]*service
}

// router is an instance or a sync group. One that is gone from the configuration is kept until the
// next one: that it is gone is told after the configuration.
type router struct {
	alert, gone bool
	mailed      event.VRRPState // the last state that was, or would have been but for smtp_alert
}

// service is a virtual server.
type service struct {
	conf *conf.VirtualServer
	gone bool
	told bool   // something was
	by   quorum // as was heard last
}

// quorum is what a quorum was decided by.
type quorum struct {
	limit, hysteresis uint32
	weights           uint64
}

// NewRules are rules without a configuration.
func NewRules() *Rules {
	return &Rules{
		instances: make(map[string]*router), groups: make(map[string]*router),
		services: make(map[conf.ServiceID]*service),
	}
}

// Apply replaces the configuration, which must not be changed afterwards.
func (r *Rules) Apply(cfg *conf.Config) {
	r.global = cfg.Global
	leave(r.instances)
	for _, c := range cfg.Instances {
		enter(r.instances, c.ID().String(), c.SMTPAlert)
	}
	leave(r.groups)
	for _, c := range cfg.SyncGroups {
		enter(r.groups, c.Name, c.SMTPAlert)
	}
	for id, s := range r.services {
		if s.gone {
			delete(r.services, id)
		}
		s.gone = true
	}
	for _, c := range cfg.VirtualServers {
		s := r.services[c.ID()]
		if s == nil {
			s = &service{told: r.configured}
			r.services[c.ID()] = s
		}
		s.conf, s.gone = c, false
	}
	r.configured = true
}

// leave forgets the routers that were gone before, and takes all others for gone.
func leave(routers map[string]*router) {
	for id, i := range routers {
		if i.gone {
			delete(routers, id)
		}
		i.gone = true
	}
}

// enter notes that a router is in the configuration.
func enter(routers map[string]*router, id string, alert conf.Choice) {
	i := routers[id]
	if i == nil {
		i = &router{}
		routers[id] = i
	}
	i.alert, i.gone = alert.Bool(false), false
}

// Stop says that what is told from now on is told because director stops.
func (r *Rules) Stop() { r.stopping = true }

// Told takes what has happened. news is false when nobody is to be mailed.
func (r *Rules) Told(h notify.Happening) (n News, news bool) {
	if h.Again {
		return n, false
	}
	switch h.Kind {
	case notify.Instance:
		n, news = r.router(r.instances[h.ID], "VRRP Instance", h)
	case notify.Group:
		n, news = r.router(r.groups[h.Name], "VRRP Group", h)
	case notify.VirtualServer:
		n, news = r.service(h)
	case notify.RealServer:
		n, news = r.server(h)
	}
	n.At, n.Detail = h.At, h.Reason
	return n, news
}

// deleted is the state of an instance that has left the configuration, with notify_deleted.
const deleted = "DELETED"

func (r *Rules) router(i *router, kind string, h notify.Happening) (News, bool) {
	n := News{Urgent: true}
	if i == nil {
		return n, false
	}
	subject := "Entering " + h.State + " state"
	switch h.State {
	case deleted:
		subject, n.Body = "Deleted", "=> VRRP Deleted at reload <="
	case event.Stop.String():
		subject = "Stopping"
		fallthrough
	default:
		state, known := stateOf(h.State)
		first := i.mailed == event.Init
		if !known || state == i.mailed || state == event.Fault && r.global.NoMailFaults {
			return n, false
		}
		i.mailed = state
		if first && state == event.Backup {
			return n, false // every instance begins so
		}
		n.Body = bodyOf(kind, state)
	}
	n.Subject = fmt.Sprintf("%s %s - %s", kind, h.Name, subject)
	return n, i.alert
}

// stateOf is a state by its name; others than states happen too (MASTER_RX_LOWER_PRI).
func stateOf(name string) (s event.VRRPState, ok bool) {
	err := s.UnmarshalText([]byte(name))
	return s, err == nil && s != event.Init
}

// bodyOf is keepalived's line about a state.
func bodyOf(kind string, state event.VRRPState) string {
	switch {
	case kind == "VRRP Group" && state == event.Stop:
		return "=> All VRRP group instances are now stopping <="
	case kind == "VRRP Group":
		return "=> All VRRP group instances are now in " + state.String() + " state <="
	case state == event.Master:
		return "=> VRRP Instance is now owning VRRP VIPs <="
	case state == event.Stop:
		return "=> VRRP Instance stopping <="
	}
	return "=> VRRP Instance is no longer owning VRRP VIPs <="
}

// checkLine is keepalived's line about the check that decided: "=> TCP CHECK failed on service <=".
func checkLine(reason string, up bool) string {
	result := "failed"
	if up {
		result = "succeed"
	}
	check, _, _ := strings.Cut(reason, " ")
	switch conf.CheckKind(strings.TrimSuffix(check, ":")) {
	case conf.TCPCheck:
		check = "TCP CHECK "
	case conf.UDPCheck:
		check = "UDP CHECK "
	case conf.PingCheck:
		check = "ICMP CHECK "
	case conf.MiscCheck:
		check = "MISC CHECK "
	case conf.DNSCheck:
		check = "DNS_CHECK: "
	default:
		check = "CHECK "
	}
	return "=> " + check + result + " on service <="
}

// server is the news about a real server.
func (r *Rules) server(h notify.Happening) (n News, news bool) {
	id, err := conf.ParseRealServer(h.VirtualServer, h.Name)
	s := r.services[id.Service]
	if err != nil || s == nil {
		return n, false
	}
	at := slices.IndexFunc(s.conf.RealServers, func(rs *conf.RealServer) bool { return s.conf.ServerID(rs) == id })
	alert := at < 0 || s.conf.RealServers[at].SMTPAlert.Bool(true) // one that a reload has removed
	n.Subject = fmt.Sprintf("Realserver %s of virtual server %s - %s", h.Name, h.VirtualServer, h.State)
	switch {
	case r.stopping:
		n.Body = "=> Shutting down <="
	case s.gone || at < 0:
		n.Body = "=> Removing <="
	default:
		n.Body = checkLine(h.Reason, h.State == up)
	}
	return n, alert
}

// up is the state of a server that is not down.
const up = "UP"

// service is the news about the quorum of a virtual server.
func (r *Rules) service(h notify.Happening) (n News, news bool) {
	id, err := conf.ParseServiceID(h.Name)
	s := r.services[id]
	if err != nil || s == nil {
		return n, false
	}
	first := !s.told
	s.told = true
	n.Subject = fmt.Sprintf("Virtualserver %s - %s", h.Name, h.State)
	switch {
	case r.stopping:
		n.Body = "=> Shutting down <="
	case s.gone:
		n.Body = "=> Removing <="
	case h.State == up && first:
		n.Body = s.by.words("Starting with quorum up", true)
	case h.State == up:
		n.Body = s.by.words("Gained quorum", true)
	default:
		n.Body = s.by.words("Lost quorum", false)
	}
	return n, s.conf.SMTPAlert.Bool(false)
}

// VirtualServer takes what a quorum is decided by. What follows from it is told by Told.
func (r *Rules) VirtualServer(e event.VirtualServerState) {
	id, err := conf.ParseServiceID(e.VirtualServer)
	if s := r.services[id]; err == nil && s != nil {
		s.by = quorum{e.Limit, e.Hysteresis, e.Weights}
	}
}

// words are keepalived's line, as its log has it: "=> Gained quorum 1+0=1 <= 2 <=".
func (q quorum) words(text string, gained bool) string {
	limit, hysteresis := int64(q.limit), int64(q.hysteresis)
	switch {
	case q.limit == 0: // an older worker does not tell it
	case gained:
		text += fmt.Sprintf(" %d+%d=%d <= %d", limit, hysteresis, limit+hysteresis, q.weights)
	default:
		text += fmt.Sprintf(" %d-%d=%d > %d", limit, hysteresis, limit-hysteresis, q.weights)
	}
	return "=> " + text + " <="
}
