package status

import (
	"github.com/lvs-director/director/supervisor/control"
)

// bfd has the sessions of the configuration.
func (m *maker) bfd() {
	for _, b := range m.Config.BFDs {
		k, known := m.Known.BFDs[b.ID()]
		if !known {
			m.r.BFDSessions = append(m.r.BFDSessions, control.BFDSession{
				Name: b.Name, Neighbor: b.Neighbor, Source: b.Source, Multihop: b.Multihop, State: "unknown",
				Reason: "the vrrp worker has not told yet",
			})
			continue
		}
		m.r.BFDSessions = append(m.r.BFDSessions, control.BFDSession{
			Name: b.Name, Neighbor: b.Neighbor, Source: b.Source, Multihop: b.Multihop, State: k.State, Since: k.Since,
			Reason: k.Why(), Diagnostic: k.Diagnostic, RemoteState: k.RemoteState, RemoteDiagnostic: k.RemoteDiagnostic,
			Discriminator: k.Discriminator, RemoteDiscriminator: k.RemoteDiscriminator,
			Interval: k.Interval.Seconds(), DetectionTime: k.Detection.Seconds(), Ups: k.Ups, Downs: k.Downs,
		})
		switch {
		case k.Error != "":
			m.problem(b.Name, "BFD session "+b.Name+": "+k.Error)
		case k.Settled && !k.IsUp():
			m.problem(b.Name, "BFD session "+b.Name+" is down: "+k.Why())
		}
	}
}

// countBFD notes what the sessions have counted.
func (k *Knowledge) countBFD(r *control.Status) {
	for _, c := range k.Counters.BFD {
		if c.Session == "" {
			r.BFDDropped = c.Dropped
			continue
		}
		for n := range r.BFDSessions {
			if r.BFDSessions[n].Name == c.Session {
				r.BFDSessions[n].Counters = &control.BFDCounters{
					Sent: c.Sent, SendErrors: c.Errors, Received: c.Received, Dropped: c.Dropped,
				}
			}
		}
	}
}
