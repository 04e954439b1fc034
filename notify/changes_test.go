package notify_test

import (
	"bytes"
	"encoding/gob"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify"
)

// A worker that was started again reports the state of each instance and group
// anew, from INIT on. Whatever the role, scripts are told only of what differs
// from what they were told before.
func TestAWorkerThatIsStartedAgainTellsChangesOnly(t *testing.T) {
	for _, role := range []event.VRRPState{event.Master, event.Backup, event.Fault} {
		for _, quiet := range []bool{false, true} {
			t.Run(role.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					cfg := instances(conf.NotifyScripts{Any: script("/any/0s")})
					cfg.SyncGroups = []*conf.SyncGroup{{Name: "G", Notify: conf.NotifyScripts{Any: script("/any/0s")}}}
					l := newLab()
					l.Apply(cfg)
					report := func(s event.VRRPState, quiet bool) {
						now := time.Now()
						l.Instance(event.InstanceState{Instance: "VI_1", State: s, Since: now, Priority: 100, Quiet: quiet})
						l.Group(event.GroupState{Group: "G", State: s, Since: now, Quiet: quiet})
						pause(time.Second)
					}
					report(role, false)
					started := len(l.seen)
					report(event.Init, false) // the next worker
					report(role, quiet)
					if len(l.seen) != started {
						t.Errorf("the state was told again: %v", l.seen[started:])
					}
					report(event.Stop, false)
					if len(l.seen) != started+2 {
						t.Errorf("a change was not told: %v", l.seen)
					}
					stop(t, l)
				})
			})
		}
	}
}

// A reload that gives an instance another name, or swaps those of two, changes
// nothing that scripts are told of.
func TestARenamedGroupIsToldNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		named := func(group, member string) *conf.Config {
			return &conf.Config{
				Instances: []*conf.Instance{{Name: member, Interface: "eth0", VRID: 51}},
				SyncGroups: []*conf.SyncGroup{
					{Name: group, Members: []string{member}, Notify: conf.NotifyScripts{Any: script("/any/1s")}},
				},
			}
		}
		l := newLab()
		report := func(group string, s event.VRRPState) {
			l.Group(event.GroupState{Group: group, State: s, Since: time.Now()})
			pause(5 * time.Second)
		}
		l.Apply(named("G1", "VI_1"))
		report("G1", event.Master)
		l.Apply(named("G2", "VI_X")) // the member has another name as well
		report("G2", event.Init)
		report("G2", event.Master)
		report("G2", event.Backup)
		diff(t, "scripts", []string{"0s /any/1s GROUP G1 MASTER 0", "15s /any/1s GROUP G2 BACKUP 0"}, l.seen)
		stop(t, l)
	})
}

func TestARenameTellsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		scripts := conf.NotifyScripts{Any: script("/any/1s"), Fault: script("/fault/1s"), Deleted: script("/deleted/1s")}
		named := func(one, two string) *conf.Config {
			return &conf.Config{Instances: []*conf.Instance{
				{Name: one, Interface: "eth0", VRID: 51, Notify: scripts},
				{Name: two, Interface: "eth1", VRID: 51, Notify: scripts},
			}}
		}
		var l *lab
		report := func(cfg *conf.Config, k int, s event.VRRPState) {
			i := cfg.Instances[k]
			l.Instance(event.InstanceState{Instance: i.Name, ID: i.ID().String(), State: s, Since: time.Now(), Priority: 100})
			pause(5 * time.Second)
		}
		l = newLab()
		first, renamed := named("VI_1", "VI_2"), named("VI_X", "VI_2")
		l.Apply(first)
		report(first, 0, event.Master)
		l.Apply(renamed)
		report(first, 0, event.Master) // the worker has not taken the name yet
		report(renamed, 0, event.Master)
		report(renamed, 1, event.Backup)
		swapped := named("VI_2", "VI_X")
		l.Apply(swapped)
		report(swapped, 0, event.Master)
		report(swapped, 1, event.Backup)
		if last := l.Last(); len(last) != 2 || last[0].Object != "INSTANCE VI_2" || last[0].State != "MASTER" {
			t.Errorf("the last scripts are shown as %+v", last)
		}
		report(swapped, 1, event.Master)
		diff(t, "scripts", []string{
			"0s /any/1s INSTANCE VI_1 MASTER 100",
			"15s /any/1s INSTANCE VI_2 BACKUP 100",
			"30s /any/1s INSTANCE VI_X MASTER 100",
		}, l.seen)

		// What is known of it goes through an upgrade under the same identity.
		if list := l.Hold(t.Context()); len(list) != 0 {
			t.Fatalf("scripts run: %v", list)
		}
		exported := l.Export()
		stop(t, l)
		next := newLab()
		next.Apply(swapped)
		next.Import(overWire(t, exported))
		l = next
		report(swapped, 0, event.Master)
		report(swapped, 1, event.Master)
		diff(t, "scripts after an upgrade", []string{}, next.seen)
		stop(t, next)
	})
}

// overWire is what the next program reads of what this one has written.
func overWire(t *testing.T, s notify.State) (read notify.State) {
	t.Helper()
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(s); err != nil {
		t.Fatal(err)
	}
	if err := gob.NewDecoder(&b).Decode(&read); err != nil {
		t.Fatal(err)
	}
	return read
}
