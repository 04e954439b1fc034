package notify

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify/program"
)

// Call is a script of the configuration as it is called for one object. All objects with the same
// program at the same keyword are one Call.
type Call struct {
	Object  string // "INSTANCE VI_1"; a present one if there is any
	Others  int    // objects beside it
	Script  string // the keyword: "notify_master"
	State   string // what is told
	Command program.Command
	// Present: this is what the scripts of the object were told last. To call it again changes nothing.
	Present bool
	// Ran says that Repeat has called it, and Exit how that ended.
	Ran  bool
	Exit program.Exit
}

// called is a Call with its object.
type called struct {
	Call
	o *object
}

// kind is what makes two calls one.
type kind struct{ script, program, user, group string }

func (c *Call) kind() kind {
	return kind{c.Script, c.Command.Argv[0], c.Command.User, c.Command.Group}
}

// Calls are all scripts of the configuration, in the order of keywords and objects.
func (n *Notifier) Calls() (list []Call) {
	n.answer(func() {
		for _, c := range n.calls() {
			list = append(list, c.Call)
		}
	})
	return list
}

// Repeat calls those that are Present again, each behind what waits for its object, and waits for
// their ends, or for that of ctx.
func (n *Notifier) Repeat(ctx context.Context, list []Call) []Call {
	list = slices.Clone(list)
	began := make(map[int]*object)
	since := time.Now()
	n.answer(func() {
		if n.held || n.stopped != nil {
			return
		}
		now := make(map[kind]*called)
		for _, c := range n.calls() {
			now[c.kind()] = c
		}
		for i := range list {
			c := now[list[i].kind()]
			if c == nil || !c.Present || !list[i].Present { // it may have changed meanwhile
				list[i].Present = false
				continue
			}
			list[i], began[i] = c.Call, c.o
			n.tellBeside(c.o, step{script: c.Script, state: c.State, cmd: c.Command})
		}
	})
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for len(began) > 0 {
		select {
		case <-look.C:
		case <-ctx.Done():
			return list
		}
		if !n.answer(func() {
			for i, o := range began {
				l := o.last[list[i].Script]
				if l != nil && !l.Running && !l.Exit.Started.Before(since) {
					list[i].Ran, list[i].Exit = true, l.Exit
					delete(began, i)
				}
			}
		}) {
			return list
		}
	}
	return list
}

// TellAgain tells the listeners, the FIFOs, the present state of one object of VRRP and of one of
// IPVS, if there is one whose state is known, and returns what it told.
func (n *Notifier) TellAgain() (list []Happening) {
	n.answer(func() {
		if n.stopped != nil {
			return
		}
		list = append(n.presentRouter(), n.presentServer()...)
		for _, h := range list {
			n.happened(h)
		}
	})
	return list
}

// presentRouter is the present state of the first instance, else of the first group.
func (n *Notifier) presentRouter() []Happening {
	for _, i := range n.routers() {
		if i.last.State != event.Init {
			h := i.happening(i.last.State.String())
			h.Again = true
			return []Happening{h}
		}
	}
	return nil
}

// presentServer is the present state of the first virtual server that has its quorum, else of the
// first real server.
func (n *Notifier) presentServer() []Happening {
	for _, s := range sorted(n.services, func(s *service) *object { return &s.object }) {
		if !s.gone && s.holds {
			return []Happening{{Kind: VirtualServer, Name: s.name, State: "UP", Reason: s.reason, Again: true}}
		}
	}
	for _, s := range sorted(n.servers, func(s *server) *object { return &s.object }) {
		if !s.gone && s.began {
			h := Happening{
				Kind: RealServer, Name: s.real, VirtualServer: s.virtual, State: "DOWN", Reason: s.reason, Again: true,
			}
			if s.alive {
				h.State = "UP"
			}
			return []Happening{h}
		}
	}
	return nil
}

// routers are the instances and then the groups, each in the order of their names.
func (n *Notifier) routers() []*instance {
	of := func(i *instance) *object { return &i.object }
	list := append(sorted(n.instances, of), sorted(n.groups, of)...)
	return slices.DeleteFunc(list, func(i *instance) bool { return i.gone })
}

func sorted[K comparable, V any](m map[K]V, of func(V) *object) []V {
	list := make([]V, 0, len(m))
	for _, v := range m {
		list = append(list, v)
	}
	slices.SortFunc(list, func(a, b V) int { return cmp.Compare(of(a).name, of(b).name) })
	return list
}

// calls makes the list.
func (n *Notifier) calls() (list []*called) {
	known := make(map[kind]*called)
	add := func(o *object, script, state string, present bool, s conf.Script, arguments ...string) {
		if s.IsZero() {
			return
		}
		c := &called{Call{
			Object: o.name, Script: script, State: state, Present: present, Command: program.Of(s, n.global, arguments...),
		}, o}
		first := known[c.kind()]
		switch {
		case first == nil:
			known[c.kind()] = c
			list = append(list, c)
		case present && !first.Present:
			c.Others = first.Others + 1
			*first = *c
		default:
			first.Others++
		}
	}
	for _, i := range n.routers() {
		n.callsOf(i, add)
	}
	for _, s := range sorted(n.services, func(s *service) *object { return &s.object }) {
		if !s.gone {
			add(&s.object, "quorum_up", "UP", s.holds, s.up)
			add(&s.object, "quorum_down", "DOWN", s.heard && !s.holds, s.down)
		}
	}
	for _, s := range sorted(n.servers, func(s *server) *object { return &s.object }) {
		if !s.gone {
			add(&s.object, "notify_up", "UP", s.began && s.alive, s.up)
			add(&s.object, "notify_down", "DOWN", s.began && !s.alive, s.down)
		}
	}
	around := newObject("director")
	add(&around, "startup_script", "", false, n.global.StartupScript)
	add(&around, "shutdown_script", "", false, n.global.ShutdownScript)
	slices.SortStableFunc(list, func(a, b *called) int {
		return cmp.Compare(slices.Index(keywords, a.Script), slices.Index(keywords, b.Script))
	})
	return list
}

// keywords are those of scripts, in the order of Calls.
var keywords = strings.Fields("notify_master notify_backup notify_fault notify_stop notify_deleted notify " +
	"notify_master_rx_lower_pri notify_release quorum_up quorum_down notify_up notify_down startup_script shutdown_script")

func (n *Notifier) callsOf(i *instance, add func(*object, string, string, bool, conf.Script, ...string)) {
	s, is := &i.scripts, i.last.State
	add(&i.object, "notify_master", "MASTER", is == event.Master, s.Master)
	add(&i.object, "notify_backup", "BACKUP", is == event.Backup, s.Backup)
	add(&i.object, "notify_fault", "FAULT", is == event.Fault, s.Fault)
	add(&i.object, "notify_stop", "STOP", false, s.Stop)
	add(&i.object, "notify_deleted", "DELETED", false, s.Deleted)
	add(&i.object, "notify_master_rx_lower_pri", MasterRxLowerPri, false, s.RxLowerPriority)
	add(&i.object, "notify_release", "RELEASE", false, s.Release)
	state, known := is.String(), is != event.Init
	if !known {
		state = event.Backup.String()
	}
	add(&i.object, "notify", state, known && is != event.Stop, s.Any, i.word, i.name, state, strconv.Itoa(i.last.Priority))
}

// answer runs f in the goroutine and waits for it; false when the notifier has ended.
func (n *Notifier) answer(f func()) bool {
	done := make(chan struct{})
	if !n.enqueue(func() { f(); close(done) }) {
		return false
	}
	select {
	case <-done:
		return true
	case <-n.ended:
		return false
	}
}
