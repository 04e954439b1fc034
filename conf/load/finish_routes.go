package load

import (
	"reflect"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
)

// routeKey is what the kernel knows a route by.
type routeKey struct {
	destination   string
	table, metric uint32
	tos           uint8
}

// sharedRoutes notes routes of two owners that are one to the kernel and lead
// elsewhere: the one that is put there last holds. keepalived says nothing.
func (l *loader) sharedRoutes() {
	type owner struct {
		name  string
		route conf.Route
	}
	first := make(map[routeKey]owner)
	see := func(block any, name string, routes []conf.Route) {
		for _, r := range routes {
			k := routeKey{r.Destination.String(), r.Table, r.Metric, r.TOS}
			o, there := first[k]
			if !there {
				first[k] = owner{name, r}
				continue
			}
			a, b := o.route, r
			a.Text, a.NoTrack, a.TrackGroup = b.Text, b.NoTrack, b.TrackGroup
			if o.name == name || reflect.DeepEqual(a, b) {
				continue
			}
			f := l.Note(l.Node(block), "shared-route",
				"the kernel keeps one route to %s for %s and %s, and theirs differ: the last one that is added counts",
				r.Destination, name, o.name)
			f.Hint = "give them different metrics or tables"
		}
	}
	for _, in := range l.Config.Instances {
		see(in, "vrrp_instance "+value.Clip(in.Name), in.Routes)
	}
}
