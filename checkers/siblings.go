package checkers

import (
	"maps"
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

// siblingsOf is a virtual server of a configuration, at first without real servers, and those that
// it had in the configuration before or has already: conf reports one that is there twice.
func (s *Schedule) siblingsOf(vs *conf.VirtualServer, before *siblings) (*siblings, map[conf.ServerKey]*server) {
	b := s.services[vs.ID()]
	if b == nil {
		b = &siblings{service: vs.ID(), servers: make([]*server, 0, len(vs.RealServers))}
		s.services[b.service] = b
	}
	there := b.byKey()
	if before != nil {
		b.lines = before.lines
		maps.Copy(there, before.byKey())
	}
	return b, there
}

// byKey are the real servers by their identity within the virtual server.
func (b *siblings) byKey() map[conf.ServerKey]*server {
	all := make(map[conf.ServerKey]*server, len(b.servers))
	for _, sv := range b.servers {
		all[sv.conf.Key] = sv
	}
	return all
}

// take takes a real server in.
func (b *siblings) take(sv *server) {
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
