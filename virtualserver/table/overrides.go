package table

import (
	"net/netip"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// Overrides finds the overrides of a real server.
type Overrides struct {
	byHost map[netip.Addr][]event.Override
	// Next is when the first of them is over; zero is never.
	Next time.Time
}

// NewOverrides indexes those of list that hold at a time. One that names nothing
// that can be a real server holds for nobody.
func NewOverrides(list []event.Override, now time.Time) Overrides {
	o := Overrides{byHost: make(map[netip.Addr][]event.Override)}
	for _, one := range list {
		host, ok := overridden(one.RealServer)
		if !ok || !one.Active(now) {
			continue
		}
		o.byHost[host] = append(o.byHost[host], one)
		if u := one.Until; !u.IsZero() && (o.Next.IsZero() || u.Before(o.Next)) {
			o.Next = u
		}
	}
	return o
}

// overridden is the address that an override names.
func overridden(text string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return unzoned(a), true
	}
	key, err := conf.ParseServerKey(text)
	return unzoned(key.Address), err == nil
}

// Of are the drain and the weight that hold for a real server; nil is none. Of
// several weights the latest one counts, of several drains the earliest, since it
// has waited for longest.
func (o Overrides) Of(vs *conf.VirtualServer, rs *conf.RealServer) (drain, weight *event.Override) {
	list := o.byHost[unzoned(rs.Key.Address)]
	for i := range list {
		one := &list[i]
		if !concerns(one, vs, rs) {
			continue
		}
		switch one.Kind {
		case event.Drain:
			if drain == nil || one.Since.Before(drain.Since) {
				drain = one
			}
		case event.SetWeight:
			if weight == nil || one.Later(*weight) {
				weight = one
			}
		}
	}
	return drain, weight
}

func concerns(o *event.Override, vs *conf.VirtualServer, rs *conf.RealServer) bool {
	if o.VirtualServer != "" && o.VirtualServer != vs.String() {
		return false
	}
	if _, err := netip.ParseAddr(strings.Trim(o.RealServer, "[]")); err == nil {
		return true
	}
	return o.RealServer == rs.String() || o.RealServer == rs.Key.String()
}
