package rollout

// Which worker has which generation: the table first, then the addresses.

// deploy gives another generation to the workers that run. One that does not
// run gets it when it starts.
func (m *Machine) deploy(generation uint64) {
	m.generation, m.undeployed = generation, true
	if lvs := m.find(LVS); lvs != nil {
		m.hand(lvs, false)
		if m.table == tableFirst {
			m.awaitTable(tableFirst)
		} else {
			m.awaitTable(tableNext)
		}
		return
	}
	if vrrp := m.find(VRRP); vrrp != nil {
		m.hand(vrrp, false)
	}
}

func (m *Machine) awaitTable(t table) { m.table, m.tableUntil = t, m.now.Add(TablePatience) }

// hand gives a running worker the generation in force, or, a vrrp worker that
// has just been started, the one that the table is loaded for.
func (m *Machine) hand(p *process, fresh bool) {
	if p.phase != Running || m.Stopping() {
		return
	}
	h := Hand{Worker: p.name, Generation: m.generation, Fresh: fresh}
	if fresh && p.name == VRRP && m.table == tableNext {
		if p.given != 0 {
			h.Generation = p.given
		} else {
			m.table = tableFirst // there is no generation before: nothing may come up yet
		}
	}
	switch {
	case fresh && p.resumable:
		h.Predecessor = Predecessor{Died: p.died, LastSent: p.watch.lastSent}
	case fresh:
		h.Predecessor.Silenced = p.silenced
	}
	p.given, p.left = h.Generation, true
	m.emit(h)
}

// tableLoaded lets the addresses follow the table.
func (m *Machine) tableLoaded(t Table) {
	m.loaded = t
	if t.Generation == m.generation && t.Problem == "" {
		m.proceed()
	}
}

// proceedWithoutTable lets the addresses go on when the table takes too long.
func (m *Machine) proceedWithoutTable() {
	if m.table == tableReady || m.now.Before(m.tableUntil) || m.Stopping() {
		return
	}
	m.emit(TableNotLoaded{})
	m.proceed()
}

func (m *Machine) proceed() {
	before := m.table
	m.table = tableReady
	vrrp := m.find(VRRP)
	if vrrp == nil || vrrp.phase != Running {
		return // it is told when it starts
	}
	if before == tableFirst {
		m.emit(Proceed{})
	}
	if vrrp.given != m.generation {
		m.hand(vrrp, false)
	}
}

func (m *Machine) applied(in Applied) {
	p := m.find(in.Worker)
	if p == nil || p.phase != Running && p.phase != Finishing {
		return
	}
	p.applied, p.problem, p.early = in.Generation, in.Problem, 0
}
