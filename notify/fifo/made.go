package fifo

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/lvs-director/director/retry"
)

// A director that is killed, or whose host loses power, leaves its FIFOs behind. So that the next
// one removes them at its end, and nobody else's, it is noted which were made here: first that one is
// about to be made, then which file it is. A director may be killed between any two of these steps.

// Made is a FIFO that was made here. Fields are only added.
type Made struct {
	Path     string
	Dev, Ino uint64
	// Born is when it was made, in ns since 1970: another file that has its number later has another
	// time. 0 is not known: then only what was made since the start of the host is recognised.
	Born int64 `json:",omitempty"`
	Boot string
	// Announced says that it is about to be made, and since when, in ns since 1970; which file it is
	// is not known yet. It is then made for the user UID, or for us, in the minute that follows.
	Announced int64  `json:",omitempty"`
	UID       uint32 `json:",omitempty"`
}

// announcement is how long an announcement says which FIFO was made here. One is made in its first half.
const announcement = time.Minute

// mayMake says whether the FIFO may be made now: that it will be is noted, or cannot be noted in time.
func (p *pipe) mayMake(now time.Time) bool {
	m := &p.made
	if m.note == nil || at(p.path) != (identity{}) {
		return true // it is only opened
	}
	if p.about.Path != p.path || now.Sub(p.announced) > announcement/2 {
		p.about, p.announced = announce(p.path, p.reader()), now
	}
	return slices.Contains(m.written, p.about) || m.trouble != "" || now.Sub(p.announced) >= notePatience
}

// same says whether it is the same file.
func (m Made) same(o Made) bool {
	switch {
	case m.Path != o.Path || m.Ino != o.Ino:
		return false
	case m.Born != 0 || o.Born != 0:
		return m.Born == o.Born // the number of the device may be another after a start of the host
	}
	return m.Dev == o.Dev && m.Boot == o.Boot && m.Boot != ""
}

// Note keeps a text over the end of a director and the start of its host. It is called beside
// everything else, once at a time.
type Note interface {
	Read() ([]byte, error)   // nil when there is none
	Write(text []byte) error // nil removes it
}

// made is the note of which FIFOs were made here.
type made struct {
	note    Note // nil is none
	read    bool
	busy    bool
	earlier []Made // of a director before this one, not taken over yet
	written []Made
	again   retry.Retry
	trouble string // why it cannot be read or written
}

// keepNote reads and writes the note when that is due, and returns when to look again.
func (f *FIFOs) keepNote(now time.Time) time.Time {
	m := &f.made
	never := now.Add(time.Hour)
	if m.note == nil || m.busy || !f.configured && !f.stopping {
		return never
	}
	list := f.madeHere()
	if m.read && slices.Equal(list, m.written) {
		return never
	}
	if !m.again.Ready(now) {
		return m.again.Next()
	}
	m.busy = true
	if m.read {
		go f.writeNote(list)
	} else {
		go f.readNote()
	}
	return never
}

// isNoted says whether the note is as it should be, or cannot be written.
func (f *FIFOs) isNoted() bool {
	m := &f.made
	if m.note == nil || m.trouble != "" {
		return true
	}
	return m.read && !m.busy && slices.Equal(f.madeHere(), m.written)
}

// madeHere are all FIFOs that were made here and stand.
func (f *FIFOs) madeHere() []Made {
	list := slices.Clone(f.made.earlier)
	for _, p := range f.pipes {
		if p.file != nil && p.file.ours {
			list = append(list, p.file.made)
		}
		if p.file == nil && p.about.Path != "" {
			list = append(list, p.about)
		}
	}
	return list
}

func (f *FIFOs) writeNote(list []Made) {
	var text []byte
	var err error
	if len(list) > 0 {
		text, err = json.Marshal(list)
	}
	if err == nil {
		err = f.made.note.Write(text)
	}
	f.enqueue(func() {
		f.noted(err)
		if err == nil {
			f.made.written = list
		}
	})
}

func (f *FIFOs) readNote() {
	text, err := f.made.note.Read()
	f.enqueue(func() {
		f.noted(err)
		if err != nil {
			return
		}
		m := &f.made
		m.read = true
		if len(text) > 0 {
			if err := json.Unmarshal(text, &m.earlier); err != nil {
				f.log.Warn("the note of which FIFOs were made by director makes no sense: they stay", "error", err)
				m.earlier, m.written = nil, []Made{{}} // it is replaced
			} else {
				m.written = slices.Clone(m.earlier)
			}
		}
		f.reclaim()
	})
}

// noted takes in how reading or writing the note went.
func (f *FIFOs) noted(err error) {
	m := &f.made
	m.busy = false
	if err == nil {
		m.again, m.trouble = retry.Retry{}, ""
		return
	}
	m.again.Failed(time.Now())
	if text := err.Error(); text != m.trouble {
		m.trouble = text
		f.log.Warn("which FIFOs were made is not noted: if director is killed they stay; trying again", "error", text)
	}
}

// reclaim takes over what an earlier director has made: a FIFO of the configuration is ours again,
// another is removed.
func (f *FIFOs) reclaim() {
	f.made.earlier = slices.DeleteFunc(f.made.earlier, func(m Made) bool {
		index := slices.IndexFunc(f.pipes, func(p *pipe) bool { return p.path == m.Path })
		if index < 0 || f.stopping && f.held {
			remove(m)
			return true
		}
		switch p := f.pipes[index]; {
		case p.file == nil && stands(m): // it is not opened yet
			p.opening = retry.Retry{}
			return false
		case p.file != nil && !p.file.ours && (p.file.made.same(m) ||
			m.Announced != 0 && at(p.path) == p.file.id && stands(m)):
			p.file.ours = true
			p.give()
		}
		return true
	})
}
