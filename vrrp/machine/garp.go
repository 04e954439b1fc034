package machine

import "time"

// The blocks of gratuitous ARP that can be pending at the same time. GARPTimer
// is set to the earliest one. A losing advertisement is one with a lower
// priority than ours, received while we are MASTER.
const (
	garpMaster = iota // garp_master_delay after becoming MASTER
	garpLower         // garp_lower_prio_delay after a losing advertisement
	garpAgain         // at the end of an interval with more than one losing advertisement
	garpBlocks
)

type garpBlock struct {
	at    time.Time // zero: not pending
	count int
}

func (m *Machine) announce(count int, effects []Effect) []Effect {
	if count <= 0 {
		return effects
	}
	return append(effects, Effect{Kind: Announce, Count: count})
}

// announceShared announces for all members of the sync group: another router
// may have drawn the traffic of each to itself.
func (m *Machine) announceShared(count int, effects []Effect) []Effect {
	if count <= 0 {
		return effects
	}
	return append(effects, Effect{Kind: Announce, Count: count, Shared: true})
}

// announceLater schedules a block after delay, if count and delay are positive.
func (m *Machine) announceLater(now time.Time, block, count int, delay time.Duration, effects []Effect) []Effect {
	if count <= 0 || delay <= 0 {
		return effects
	}
	m.garp[block] = garpBlock{at: now.Add(delay), count: count}
	return m.setGARPTimer(effects)
}

func (m *Machine) setGARPTimer(effects []Effect) []Effect {
	var at time.Time
	for _, block := range m.garp {
		if !block.at.IsZero() && (at.IsZero() || block.at.Before(at)) {
			at = block.at
		}
	}
	if at.IsZero() {
		return m.stopTimer(GARPTimer, effects)
	}
	if at.Equal(m.deadlines[GARPTimer]) {
		return effects
	}
	return m.setTimer(GARPTimer, at, effects)
}

// announceDue sends the blocks that are due. For several blocks due together it
// sends the largest count once.
func (m *Machine) announceDue(now time.Time, effects []Effect) []Effect {
	count, shared := 0, false
	for i := range m.garp {
		block := &m.garp[i]
		if !block.at.IsZero() && !block.at.After(now) {
			count = max(count, block.count)
			*block = garpBlock{}
			shared = shared || i != garpMaster
		}
	}
	if shared {
		m.lowerAnnounced = now
		effects = m.announceShared(count, effects)
	} else {
		effects = m.announce(count, effects)
	}
	return m.setGARPTimer(effects)
}

// announceAgainstLower answers a losing advertisement with gratuitous ARP,
// because its sender may have drawn the traffic to itself. It announces at most
// once in an advertisement interval, so that a flood of losing advertisements
// is not multiplied by the number of addresses, and once more at the end of the
// interval if further ones arrived. It does not postpone a pending second block.
func (m *Machine) announceAgainstLower(now time.Time, effects []Effect) []Effect {
	g := m.p.GARP
	if since := now.Sub(m.lowerAnnounced); !m.lowerAnnounced.IsZero() && since < m.p.AdvertInterval {
		if m.garp[garpAgain].at.IsZero() {
			effects = m.announceLater(now, garpAgain, g.LowerPrioRepeat, m.p.AdvertInterval-since, effects)
		}
		return effects
	}
	m.lowerAnnounced = now
	if !m.garp[garpAgain].at.IsZero() {
		m.garp[garpAgain] = garpBlock{}
		effects = m.setGARPTimer(effects)
	}
	effects = m.announceShared(g.LowerPrioRepeat, effects)
	if m.garp[garpLower].at.IsZero() {
		effects = m.announceLater(now, garpLower, g.LowerPrioRepeat, g.LowerPrioDelay, effects)
	}
	return effects
}
