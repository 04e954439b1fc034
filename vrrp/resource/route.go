package resource

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/vrrp/link"
)

// Route is a virtual or static route.
type Route struct{ conf.Route }

// RouteKey is what the kernel knows a route by, and whose kind it is.
type RouteKey struct {
	link.RouteKey
	Protocol uint8
}

// KeyOfRoute is the key of a route.
func KeyOfRoute(r conf.Route) RouteKey { return RouteKey{link.KeyOf(r), r.Protocol} }

// Kind implements Key.
func (RouteKey) Kind() Kind { return KindRoute }

// routeFormat is a route in the journal and the log.
const routeFormat = "%s table %d metric %d tos %d protocol %d"

func (k RouteKey) text() string {
	return fmt.Sprintf(routeFormat, k.Destination, k.Table, k.Metric, k.TOS, k.Protocol)
}

// Journal implements Key.
func (k RouteKey) Journal() string { return "route " + k.text() }

// Attrs implements Key.
func (k RouteKey) Attrs() []any { return []any{"route", k.text()} }

// String implements Key.
func (k RouteKey) String() string { return k.Journal() }

func parseRoute(rest string) (Route, bool) {
	var to string
	var r conf.Route
	n, err := fmt.Sscanf(rest, routeFormat, &to, &r.Table, &r.Metric, &r.TOS, &r.Protocol)
	if err != nil || n != 5 {
		return Route{}, false
	}
	if r.Destination, err = netip.ParsePrefix(to); err != nil {
		return Route{}, false
	}
	r.Text = rest
	return Route{r}, KeyOfRoute(r).text() == rest
}

// Key implements Resource.
func (r Route) Key() Key { return KeyOfRoute(r.Route) }

// Tracked implements Resource.
func (r Route) Tracked() bool { return !r.NoTrack }

// TrackGroup implements Resource.
func (r Route) TrackGroup() string { return r.Route.TrackGroup }

// Devices implements Resource.
func (r Route) Devices() []string {
	list := named(r.Device)
	for _, n := range r.NextHops {
		list = append(list, named(n.Device)...)
	}
	return list
}

func (r Route) same(other Resource) bool {
	o, ok := other.(Route)
	o.NoTrack, o.Route.TrackGroup, o.Text = r.NoTrack, r.Route.TrackGroup, r.Text
	return ok && reflect.DeepEqual(r.Route, o.Route)
}

func (r Route) create(k *Kernel) error { return k.Routes.AddRoute(r.Route) }

// remove is for a route that is known to be there; see Reconciler.remove.
func (r Route) remove(k *Kernel) error { return k.Routes.RemoveRoute(link.KeyOf(r.Route), r.Protocol) }

// dependsOn says whether the kernel may drop the route when an address, or any
// address of an interface, goes.
func (r Route) dependsOn(a AddressKey) bool {
	on := r.Devices()
	return len(on) == 0 || slices.Contains(on, a.Device) || r.Source == a.Prefix.Addr()
}

// wayOf is where a route leads.
func wayOf(r conf.Route) string {
	switch {
	case len(r.NextHops) > 0:
		return fmt.Sprintf("by %d next hops", len(r.NextHops))
	case r.Via.IsValid():
		return "via " + r.Via.String() + " dev " + r.Device
	case r.Type != "unicast":
		return r.Type
	}
	return "dev " + r.Device
}
