package front

import (
	"time"

	"github.com/lvs-director/director/event"
)

// Change is a frame to the front: Changes in JSON.
const Change Kind = 'e'

// DBus is the interface on the system bus, that of keepalived.
type DBus struct {
	Name      string `json:",omitempty"` // on the bus; empty is no interface
	Namespace string `json:",omitempty"` // net_namespace, a part of the paths of objects
	Instance  string `json:",omitempty"` // instance, likewise
	// NoInterface stands in paths for the interface of an instance that has none.
	NoInterface string `json:",omitempty"`
	// Generation is another one after each reload.
	Generation uint64         `json:",omitempty"`
	Instances  []DBusInstance `json:",omitempty"`
}

// DBusInstance is an instance of the configuration.
type DBusInstance struct {
	ID        string // its identity, in the form of conf.InstanceID
	Name      string
	Interface string
	VRID      uint8
	IPv6      bool
	State     event.VRRPState // as it was known last
	Since     time.Time
}

// About is the body of a request about an instance.
type About struct {
	Instance string // as DBusInstance's ID; empty is none
}

// MaxChanges bounds the transitions that wait to be told to the front.
const MaxChanges = 4096

// Changes are what has happened to instances, in its order. Each is told once: what a front has
// not been told when it dies, the next one finds as states in its settings.
type Changes struct {
	List []Transition
	// Stopped says that nothing follows: director ends.
	Stopped bool `json:",omitempty"`
}

// Transition is a new state of an instance.
type Transition struct {
	ID    string // as DBusInstance's
	State event.VRRPState
}
