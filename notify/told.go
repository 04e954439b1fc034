package notify

import (
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// Kind is what sort of object something has happened to.
type Kind uint8

// The kinds.
const (
	Instance      Kind = iota // vrrp_instance
	Group                     // vrrp_sync_group
	VirtualServer             // virtual_server: its quorum
	RealServer                // real_server of a virtual server
)

// LVS says that it is an object of IPVS rather than of VRRP.
func (k Kind) LVS() bool { return k == VirtualServer || k == RealServer }

// Happening is something that happened to one object, as scripts, FIFOs and mail are told.
type Happening struct {
	At   time.Time
	Kind Kind
	// Name is that of the configuration (an instance, a group) or the text of events
	// ("[10.0.0.1]:tcp:80", "FWM 5", a real server's "[10.0.0.2]:tcp:80").
	Name string
	// ID is an instance's identity (conf.InstanceID); empty for the others.
	ID string
	// VirtualServer is that of a real server; empty for the others.
	VirtualServer string
	// State is MASTER, BACKUP, FAULT, STOP or DELETED of an instance or a group, which
	// also have the events of the constants below, and UP or DOWN of a server.
	State    string
	Priority int    // of an instance, 0..255; of a group 0
	Reason   string // for people; may be empty
	// Again says that the state was told before: it is no transition.
	Again bool
}

// What happens to an instance besides its states, in keepalived's words.
const (
	MasterRxLowerPri = "MASTER_RX_LOWER_PRI" // it heard a losing advertisement as MASTER
	MasterPriority   = "MASTER_PRIORITY"     // its priority changed while it was MASTER
	BackupPriority   = "BACKUP_PRIORITY"     // its priority changed while it was BACKUP
)

// Listener is told what happens, beside the scripts. Its methods are called in the order of
// happening by the one goroutine that owns a Notifier: they must not block, nor call the
// Notifier.
type Listener interface {
	// Apply gives it a configuration, before anything that happens under it. It must
	// not change it.
	Apply(cfg *conf.Config)
	// Told is called once for everything that happens, whether a script is configured
	// for it or not.
	Told(h Happening)
}

// happened tells the listeners.
func (n *Notifier) happened(h Happening) {
	if h.At.IsZero() {
		h.At = time.Now()
	}
	for _, l := range n.listeners {
		l.Told(h)
	}
}

// happening is what happened to an instance or a group.
func (i *instance) happening(state string) Happening {
	h := Happening{
		Kind: Instance, Name: i.name, ID: i.last.ID, State: state, Priority: i.last.Priority, Reason: i.last.Reason,
	}
	if i.word == "GROUP" {
		h.Kind, h.ID = Group, ""
	}
	return h
}

// prioritised tells that the priority of an instance has changed without a transition.
func (n *Notifier) prioritised(i *instance) {
	state := BackupPriority
	switch {
	case !i.priorities:
		return
	case i.last.State == event.Master:
		state = MasterPriority
	case i.last.State != event.Backup:
		return
	}
	n.happened(i.happening(state))
}
