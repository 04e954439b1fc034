package machine

import "time"

// The blocks of announcements that can be pending at once; GARPTimer is set
// to the earlier one.
const (
	garpMaster = iota // garp_master_delay after becoming MASTER
	garpLower         // garp_lower_prio_delay after a losing advertisement
	garpAgain         // at the end of an interval in which more of those were heard
	garpBlocks
)

type garpBlock struct {
	at    time.Time // zero: none is pending
	count int
}

func (m *Machine) announce(count int, effects []Effect) []Effect {
	if count <= 0 {
		return effects
	}
	return append(effects, Effect{Kind: Announce, Count: count})
}

// announceShared is for a group whose traffic another may have drawn to itself.
func (m *Machine) announceShared(count int, effects []Effect) []Effect {
	if count <= 0 {
		return effects
	}
	return append(effects, Effect{Kind: Announce, Count: count, Shared: true})
}

// announceLater plans a block of announcements, if it is one.
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

// announceDue sends what is due; of two blocks due together the longer one does.
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

// announceAgainstLower answers a losing advertisement: its sender may have
// drawn the traffic to itself. At most once in an advertisement interval, so
// that a flood of such advertisements is not multiplied by all addresses; the
// last one is answered all the same, at the end of the interval. A pending second
// block is not put off.
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
