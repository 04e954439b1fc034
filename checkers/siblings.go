package checkers

import (
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// siblings are the real servers of one virtual server.
type siblings struct {
	service conf.ServiceID
	servers []*server
	alive   int  // index of one that was not dead when it was looked at last
	judged  bool // all are dead, and whether they failed together was looked at
	lines   logPace
}

// allDead looks at few servers in most cases: it begins with one that was not dead.
func (b *siblings) allDead() bool {
	for range b.servers {
		if st := &b.servers[b.alive].state; st.Up || st.Initial {
			return false
		}
		b.alive = (b.alive + 1) % len(b.servers)
	}
	return len(b.servers) > 0
}

// take takes a real server in, which leaves the siblings that it had in an earlier configuration.
func (b *siblings) take(sv *server) {
	if old := sv.siblings; old != nil {
		b.lines = old.lines
	}
	sv.siblings = b
	b.servers = append(b.servers, sv)
}

// noticeTogether logs that all real servers of a virtual server have failed within a short time:
// what they have in common is more likely the cause than each of them. That it is over is in the
// line of the real server that is up.
func (s *Schedule) noticeTogether(sv *server, now time.Time) {
	b := sv.siblings
	if !b.allDead() {
		b.judged = false
		return
	}
	if b.judged {
		return
	}
	b.judged = true
	states := make([]event.RealServerState, len(b.servers))
	for i, one := range b.servers {
		states[i] = one.state
	}
	if text := event.FailedTogether(states); text != "" && b.lines.may(now) {
		s.opts.Log.Warn("all real servers have failed together", "virtual_server", sv.state.VirtualServer, "in_common", text)
	}
}
