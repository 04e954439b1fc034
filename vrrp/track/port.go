package track

// Port says that an interface is a port of a bridge, bond or team. Packets that
// arrive on it are the master's: no socket on the port itself hears them, while
// what is sent from it leaves. The zero value is no such port; one that is in a
// VRF, or a port of Open vSwitch, is none.
type Port struct {
	Kind   string // bridge, bond or team
	Master string // its name
}

// Fault says why an instance cannot work on the interface name; empty when it can.
func (p Port) Fault(name string) string {
	if p.Kind == "" {
		return ""
	}
	return "interface " + name + " is a port of " + p.Kind + " " + p.Master + ": name " + p.Master + " in `interface`"
}
