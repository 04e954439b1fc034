package table

import (
	"net/netip"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// DaemonRole is what a sync daemon does (IP_VS_STATE_*).
type DaemonRole uint32

// The roles.
const (
	SyncMaster DaemonRole = 1
	SyncBackup DaemonRole = 2
)

// String is "master" or "backup".
func (r DaemonRole) String() string {
	if r == SyncMaster {
		return "master"
	}
	return "backup"
}

// Daemon is one of the kernel's two sync daemons. It is comparable. Fields that are
// 0 leave the kernel its default, which it then tells.
type Daemon struct {
	Role      DaemonRole
	Interface string
	ID        int // 0..255
	MaxLen    int // bytes of a message
	Port      uint16
	TTL       uint8
	Group     netip.Addr
}

// WantedDaemons are the sync daemons that should run: the master daemon while the
// instance that they follow is MASTER and the backup daemon otherwise, so that a
// director that has just started learns connections; both when they follow none.
func WantedDaemons(s conf.LVSSync, followed event.VRRPState) []Daemon {
	if s.Interface == "" {
		return nil
	}
	d := Daemon{Interface: s.Interface, ID: s.ID, MaxLen: s.MaxLen, Port: s.Port, TTL: s.TTL, Group: s.Group}
	master, backup := d, d
	master.Role, backup.Role = SyncMaster, SyncBackup
	switch {
	case s.Instance == "":
		return []Daemon{master, backup}
	case followed == event.Master:
		return []Daemon{master}
	}
	return []Daemon{backup}
}

// sameLength says whether the kernel's length is what it makes of the wanted one: a
// backup daemon takes messages of 1024 bytes at least, and none is longer than a
// datagram without its headers (start_sync_thread in ip_vs_sync.c).
func (d Daemon) sameLength(have int) bool {
	want := d.MaxLen
	if d.Role == SyncBackup {
		want = max(want, 1024)
	}
	const headers = 128 // at most
	return want == have || want > have && have > 65535-headers
}

// Runs says whether a daemon of the kernel's is as wanted. Where nothing is wanted
// everything is right.
func (d Daemon) Runs(have Daemon) bool {
	return d.Role == have.Role && d.Interface == have.Interface && d.ID == have.ID &&
		(d.MaxLen == 0 || have.MaxLen == 0 || d.sameLength(have.MaxLen)) &&
		(d.Port == 0 || d.Port == have.Port) && (d.TTL == 0 || d.TTL == have.TTL) &&
		(!d.Group.IsValid() || d.Group == have.Group)
}
