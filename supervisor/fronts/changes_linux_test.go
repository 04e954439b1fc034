package fronts_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/fronts"
	"github.com/lvs-director/director/worker/front"
)

// TestChanges: a front is told each transition once and in its order, and nothing that is none.
func TestChanges(t *testing.T) {
	r := keeping(t, "listens")
	at := time.Unix(1000, 0)
	of := func(s event.VRRPState, second int) event.InstanceState {
		return event.InstanceState{State: s, Since: at.Add(time.Duration(second) * time.Second)}
	}
	r.Apply(front.Settings{DBus: front.DBus{Name: "x", Instances: []front.DBusInstance{
		{ID: "eth0/ipv4/51", State: event.Backup, Since: at}}}})
	r.until("it runs", func(s fronts.State) bool { return s.Pid != 0 && !s.Heard.IsZero() })
	r.Changed("eth0/ipv4/51", of(event.Backup, 0)) // its priority, say
	r.Changed("eth9/ipv4/51", of(event.Master, 1)) // of a configuration before
	quiet := of(event.Backup, 2)
	quiet.Quiet = true
	r.Changed("eth0/ipv4/51", quiet)
	for n, s := range []event.VRRPState{event.Master, event.Fault, event.Backup, event.Master} {
		r.Changed("eth0/ipv4/51", of(s, 3+n))
	}
	const want = "MASTER FAULT BACKUP MASTER"
	r.until("it is told", func(s fronts.State) bool { return strings.Join(s.Problems, " ") == want })
}

// listen is a front that says which states it was told.
func listen(conn *front.Conn) error {
	var told []string
	for {
		kind, body, err := conn.Receive(front.MaxToFront)
		if err != nil {
			os.Exit(0)
		}
		if kind == front.Change {
			var c front.Changes
			unmarshal(body, &c)
			for _, s := range c.List {
				told = append(told, s.State.String())
			}
		}
		text := marshal(front.Report{Problems: []string{strings.Join(told, " ")}})
		if err := conn.Send(front.Alive, text, time.Minute); err != nil {
			return err
		}
	}
}
