package track

import (
	"strings"

	"github.com/lvs-director/director/conf"
)

// DeviceFault is what keeps an instance in FAULT because of an interface that one
// of its addresses, routes or rules is for; empty is nothing. What says no_track,
// and the instance's own interface, which Primary is about, are no part of it.
// carrier is the interface that carries one: the parent of a virtual MAC interface,
// else itself. The engine and Ready both ask here.
func DeviceFault(i *conf.Instance, carrier func(name string) string, exists, isUp func(name string) bool) string {
	fault := func(what string, names ...string) string {
		for _, name := range names {
			on := carrier(name)
			switch {
			case name == "" || on == i.Interface || isUp(on):
			case exists(on):
				return "interface " + on + " of " + what + " is down"
			default:
				return "interface " + on + " of " + what + " does not exist"
			}
		}
		return ""
	}
	for _, list := range [][]conf.Address{i.Addresses, i.ExcludedAddresses} {
		for _, a := range list {
			if text := fault("address "+a.Prefix.String(), a.Device); text != "" && !a.NoTrack {
				return text
			}
		}
	}
	for _, r := range i.Routes {
		names := []string{r.Device}
		for _, hop := range r.NextHops {
			names = append(names, hop.Device)
		}
		if text := fault("the route to "+r.Destination.String(), names...); text != "" && !r.NoTrack {
			return text
		}
	}
	for _, r := range i.Rules {
		if text := fault("the rule "+strings.TrimSpace(r.String()), r.InputIf, r.OutputIf); text != "" && !r.NoTrack {
			return text
		}
	}
	return ""
}
