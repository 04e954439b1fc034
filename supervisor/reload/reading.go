package reload

import (
	"slices"
	"time"
)

// Reasons to refuse a request without reading anything for it.
const (
	refusedReading  = "another configuration is being read: ask again"
	refusedSignal   = "a signal asked for the file at the same time: ask again"
	refusedUpgrade  = "an upgrade is under way: ask again"
	refusedStopping = "director is stopping"
	refusedExpect   = "the text has changed since the plan was made: look at the plan again"
	refusedMany     = "too many requests wait for the file: ask again"
)

// maxWaiting bounds the requests that wait.
const maxWaiting = 256

func (m *Machine) asked(r Request) {
	switch m.phase {
	case idle:
		if r.signal() && m.progress == deploying { // whoever signals all the time keeps no generation from its workers
			if m.signalled.IsZero() {
				m.signalled = m.now.Add(SignalPause)
			}
			return
		}
		m.readForAll(r)
	case readingFile, readingFileAgain:
		if r.Number != 0 {
			m.refuse(r, nil, refusedReading)
			return
		}
		if len(m.waiting)+len(m.applying) >= maxWaiting && !r.signal() {
			m.refuse(r, nil, refusedMany)
			return
		}
		if !r.signal() || !slices.ContainsFunc(m.waiting, Request.signal) {
			m.waiting = append(m.waiting, r)
		}
		m.phase = readingFileAgain
	case readingHistory, readingHistoryInVain:
		m.refuse(r, nil, refusedReading)
		if r.signal() {
			m.phase = readingHistoryInVain
		}
	case held, heldSignalled:
		m.refuse(r, nil, refusedUpgrade)
		if r.signal() {
			m.phase = heldSignalled
		}
	case stopped:
		m.refuse(r, nil, refusedStopping)
	}
}

// readForAll begins to read what one asks for, and for the signal that waits for the workers too.
func (m *Machine) readForAll(r Request) {
	m.waiting = append(m.waiting, r)
	if r.Number == 0 && !m.signalled.IsZero() {
		m.signalled = time.Time{}
		m.waiting = append(m.waiting, Request{})
	}
	m.startReading(r.Number)
}

func (m *Machine) startReading(number int) {
	m.tellReloading()
	if number != 0 {
		m.phase = readingHistory
		m.emit(ReadHistory{number})
		return
	}
	m.phase = readingFile
	m.emit(ReadFile{})
}

// tellReloading is said for every reload, also in the middle of another: the
// service manager counts from the last one.
func (m *Machine) tellReloading() {
	m.reloading = true
	m.emit(TellReloading{})
}

func (m *Machine) refuse(r Request, c Config, why string) {
	m.answer(r, Outcome{Refused: why, Config: c})
}

func (m *Machine) answer(r Request, o Outcome) {
	if r.signal() {
		return
	}
	o.Generation = m.generation
	m.emit(Answer{r.ID, o})
}

func (m *Machine) read(in Read) {
	switch m.phase {
	case readingFileAgain:
		m.startReading(0)
	case readingHistoryInVain:
		for _, r := range m.waiting {
			m.refuse(r, nil, refusedSignal)
		}
		m.waiting = []Request{{}}
		m.startReading(0)
	case readingFile:
		m.finishReading(in, FromFile)
	case readingHistory:
		m.finishReading(in, FromHistory)
	}
}

// finishReading puts what was read in force when somebody still wants it.
func (m *Machine) finishReading(in Read, reason Reason) {
	requests := m.waiting
	m.phase, m.waiting = idle, nil
	refused := ""
	var of []uint64
	wanted := slices.DeleteFunc(requests, func(r Request) bool {
		why := in.Refused
		switch {
		case why != "":
		case in.Loss != "" && !r.AcceptLoss:
			why = in.Loss
		case r.Expect != "" && r.Expect != in.Config.Digest():
			m.refuse(r, in.Config, refusedExpect)
			return true
		}
		if why != "" {
			refused, of = why, append(of, r.ID)
			m.refuse(r, in.Config, why)
		}
		return why != ""
	})
	if refused != "" {
		m.emit(Refused{in.Config, refused, of})
	}
	if len(wanted) > 0 {
		m.apply(in.Config, reason, wanted)
	}
}

// idsOf are those of requests.
func idsOf(requests []Request) (ids []uint64) {
	for _, r := range requests {
		ids = append(ids, r.ID)
	}
	return ids
}
