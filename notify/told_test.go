package notify_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify"
)

// recorder is a Listener that remembers.
type recorder struct {
	applied int
	told    []string
}

func (r *recorder) Apply(*conf.Config) { r.applied++ }

func (r *recorder) Told(h notify.Happening) {
	text := fmt.Sprint(h.Kind, " ", h.Name, " ", h.State, " ", h.Priority)
	if h.VirtualServer != "" {
		text += " of " + h.VirtualServer
	}
	r.told = append(r.told, text)
}

// TestListenersAreToldEverything: with scripts or without, in the order of happening, and
// nothing twice.
func TestListenersAreToldEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := servers(2, "", "", false)
		cfg.Global.InitNotifies = true
		cfg.Instances = []*conf.Instance{{Name: "VI_1", NotifyPriorityChanges: true}, {Name: "VI_2", VRID: 2}}
		cfg.SyncGroups = []*conf.SyncGroup{{Name: "G"}}
		r := &recorder{}
		l := newLabWith(notify.Options{Listeners: []notify.Listener{r}})
		l.Apply(cfg)
		server := func(n byte, up, initial bool) {
			s := conf.ServerKey{Address: netip.AddrFrom4([4]byte{10, 0, 1, n}), Port: 80}
			l.RealServer(event.RealServerState{VirtualServer: "[10.0.0.1]:tcp:80", Up: up, Initial: initial,
				RealServer: (&conf.RealServer{Key: s, Protocol: conf.TCP}).String()})
		}
		server(1, true, true)
		server(1, true, true) // of a worker that was started again
		server(2, true, true)
		l.VirtualServer(event.VirtualServerState{VirtualServer: "[10.0.0.1]:tcp:80", Quorum: true})
		l.tell(event.Backup)
		l.Group(event.GroupState{Group: "G", State: event.Backup})
		for _, priority := range []int{100, 90} {
			l.Instance(event.InstanceState{Instance: "VI_1", State: event.Backup, Priority: priority, Quiet: true})
			l.Instance(event.InstanceState{Instance: "VI_2", State: event.Backup, Priority: priority, Quiet: true})
		}
		l.LowerHeard(event.LowerHeard{Instance: "VI_1"}) // is not MASTER
		l.tell(event.Master)
		l.LowerHeard(event.LowerHeard{Instance: "VI_1"})
		server(1, false, false)
		l.VirtualServer(event.VirtualServerState{VirtualServer: "[10.0.0.1]:tcp:80"})
		pause(time.Second)
		l.Apply(&conf.Config{Instances: cfg.Instances[1:]})
		stop(t, l)
		diff(t, "told", []string{
			"3 [10.0.1.1]:tcp:80 UP 0 of [10.0.0.1]:tcp:80", "3 [10.0.1.2]:tcp:80 UP 0 of [10.0.0.1]:tcp:80",
			"2 [10.0.0.1]:tcp:80 UP 0", "0 VI_1 BACKUP 100", "1 G BACKUP 0", "0 VI_1 BACKUP_PRIORITY 90",
			"0 VI_1 MASTER 100", "0 VI_1 MASTER_RX_LOWER_PRI 100",
			"3 [10.0.1.1]:tcp:80 DOWN 0 of [10.0.0.1]:tcp:80", "2 [10.0.0.1]:tcp:80 DOWN 0",
			"0 VI_1 FAULT 100", "0 VI_2 STOP 90",
		}, r.told)
		if r.applied != 2 {
			t.Errorf("%d configurations, want 2", r.applied)
		}
	})
}

// TestStatesAreToldInOrder: scripts that are quick enough are told every state. What is left
// out because they are not is counted in the log.
func TestStatesAreToldInOrder(t *testing.T) {
	for _, test := range []struct {
		name, took     string
		states, missed int
	}{
		{"a burst", "100ms", 20, 0},
		{"more than may wait", "10ms", 101, 68}, // one runs, 32 wait
		{"too slow", "2s", 6, 2},                // the fourth begins 6 s after it happened
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab()
				l.Apply(instances(conf.NotifyScripts{Any: script("/any/" + test.took)}))
				for n := range test.states {
					l.tell([]event.VRRPState{event.Master, event.Backup}[n%2])
				}
				pause(time.Minute)
				var states []string
				for _, line := range l.list() {
					states = append(states, strings.Fields(line)[4])
				}
				if want := test.states - test.missed; len(states) != want {
					t.Errorf("told %d states, want %d", len(states), want)
				}
				last := []string{"BACKUP", "MASTER"}[test.states%2]
				if states[len(states)-1] != last {
					t.Errorf("the last one is %s, want %s", states[len(states)-1], last)
				}
				missed := 0
				for _, line := range strings.Split(l.log.String(), "\n") {
					var n int
					if _, after, ok := strings.Cut(line, " states="); ok {
						fmt.Sscan(after, &n)
					}
					missed += n
				}
				if missed != test.missed {
					t.Errorf("the log says that %d were not told, want %d:\n%s", missed, test.missed, l.log.String())
				}
				stop(t, l)
			})
		})
	}
}
