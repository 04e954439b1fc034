package overrides

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/lvs-director/director/event"
)

// The halves compare what they have by sums: each record is in one of many buckets by its key, a
// bucket has the sum of its records, and the set that of its buckets. Halves that have the same
// tell each other one number; others their buckets, and what is in those that differ.

// buckets is how many there are: one has a hundred records of a full set.
const buckets = 1024

// Bounds of a Message.
const (
	someRecords = 200       // after as many no further bucket is begun,
	someBytes   = 256 << 10 // nor after as much
	mostRecords = 2000      // of a message that is taken in
)

// Message is what one half says to another. The zero value asks whether there is anything to tell.
type Message struct {
	Clock time.Time `json:"clock"` // of the sender
	// Sum is that of all that the sender has shared.
	Sum uint64 `json:"sum"`
	// Buckets are the sums of its parts, when they are needed. Answer says that they answer some.
	Buckets []byte `json:"buckets,omitempty"`
	Answer  bool   `json:"answer,omitempty"`
	// Records are what the receiver may lack. More says that there are more.
	Records []Record `json:"records,omitempty"`
	More    bool     `json:"more,omitempty"`
	// Has are stamps of records that came and that the sender has, or something later. Refused
	// says why it did not take others in.
	Has     []event.Stamp `json:"has,omitempty"`
	Refused string        `json:"refused,omitempty"`
}

// mostStamps bounds Message.Has of a message that is taken in.
const mostStamps = 2 * mostRecords

// ReadMessage reads what another half says. Lists are read one by one and end where a half that follows
// the rules ends them: a few megabytes of empty records would take hundreds in memory.
func ReadMessage(text []byte) (Message, error) {
	var m struct {
		Message
		Records list[Record]      `json:"records"`
		Has     list[event.Stamp] `json:"has"`
	}
	m.Records.most, m.Has.most = mostRecords, mostStamps
	if err := json.Unmarshal(text, &m); err != nil {
		return Message{}, fmt.Errorf("reading what another half says: %w", err)
	}
	m.Message.Records, m.Message.Has = m.Records.list, m.Has.list
	return m.Message, nil
}

// list is a list in JSON of at most so many elements.
type list[T any] struct {
	list []T
	most int
}

func (l *list[T]) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	if start, err := d.Token(); err != nil || start != json.Delim('[') {
		return err // null is none
	}
	l.list = nil
	for d.More() {
		var one T
		if len(l.list) == l.most {
			return fmt.Errorf("there are more than %d in a list", l.most)
		}
		if err := d.Decode(&one); err != nil {
			return err
		}
		l.list = append(l.list, one)
	}
	return nil
}

// Cursor is where a half goes on telling another one what it has.
type Cursor struct{ bucket int }

// mix changes the sums by a record that comes or goes.
func (s *Set) mix(k key, sum uint64) {
	if s.buckets == nil {
		s.buckets = make([]uint64, buckets)
	}
	s.buckets[bucketOf(k)] ^= sum
}

func bucketOf(k key) int {
	h := fnv.New32a()
	for _, text := range []string{k.virtualServer, k.realServer, k.source, string(k.kind)} {
		_, _ = h.Write([]byte(text)) // never fails
		_, _ = h.Write([]byte{0})
	}
	return int(h.Sum32() % buckets)
}

// Digest is a number that is the same on halves that have the same records. It is 0 of none.
func (s *Set) Digest() uint64 {
	h, empty := fnv.New64a(), true
	for n, sum := range s.buckets {
		if sum != 0 {
			empty = false
			_, _ = h.Write(binary.BigEndian.AppendUint64([]byte{byte(n >> 8), byte(n)}, sum)) // never fails
		}
	}
	if empty {
		return 0
	}
	return h.Sum64()
}

// digests are the sums of the buckets.
func (s *Set) digests() []byte {
	text := make([]byte, 0, 8*buckets)
	for n := range buckets {
		sum := uint64(0)
		if s.buckets != nil {
			sum = s.buckets[n]
		}
		text = binary.BigEndian.AppendUint64(text, sum)
	}
	return text
}

// Hello is what a half says from time to time, and when another one comes.
func (s *Set) Hello(now time.Time) Message { return Message{Clock: now, Sum: s.Digest()} }

// Tell is what a half says when it has changed something: the records of those stamps.
func (s *Set) Tell(now time.Time, stamps []event.Stamp) Message {
	m := s.Hello(now)
	if len(stamps) > someRecords {
		m.Buckets = s.digests()
		return m
	}
	wanted := make(map[event.Stamp]bool, len(stamps))
	for _, stamp := range stamps {
		wanted[stamp] = true
	}
	for _, e := range s.shared {
		if wanted[e.Stamp] {
			m.Records = append(m.Records, e.Record)
		}
	}
	return m
}

// Records are all records of the set, the ended ones too.
func (s *Set) Records() []Record {
	list := make([]Record, 0, len(s.shared))
	for _, e := range s.shared {
		list = append(list, e.Record)
	}
	return list
}

// differing are records of buckets whose sums are others, from the cursor on.
func (s *Set) differing(theirs []byte, c *Cursor) (list []Record, more bool) {
	wanted := make(map[int]bool)
	for n := range s.buckets {
		if s.buckets[n] != binary.BigEndian.Uint64(theirs[8*n:]) {
			wanted[n] = true
		}
	}
	if len(wanted) == 0 {
		return nil, false
	}
	content := make(map[int][]Record, len(wanted))
	for k, e := range s.shared {
		if n := bucketOf(k); wanted[n] {
			content[n] = append(content[n], e.Record)
		}
	}
	size, from := 0, c.bucket // others than last time: some may be refused for ever
	for n := range buckets {
		at := (from + n) % buckets
		if len(content[at]) == 0 {
			continue
		}
		if len(list) >= someRecords || size >= someBytes {
			return list, true
		}
		list = append(list, content[at]...)
		for _, r := range content[at] {
			size += len(r.VirtualServer) + len(r.RealServer) + len(r.Reason) + len(r.By) + len(r.Stamp.Host)
		}
		c.bucket = (at + 1) % buckets
	}
	return list, false
}

// Heard is what became of a message.
type Heard struct {
	Merged
	// Answer is what to say to the half that said it; nil is nothing.
	Answer *Message
	// Kept says that the set is another than before, and has to be saved.
	Kept bool
}

// Hear takes in a message of another half. The cursor is kept for each half, and answers lead to
// no more than a few further ones unless they bring something new.
func (s *Set) Hear(now time.Time, m Message, c *Cursor) (h Heard) {
	if !m.Clock.IsZero() {
		h.Kept = s.Restamp(now, m.Clock)
	}
	records := m.Records[:min(len(m.Records), mostRecords)]
	h.Merged = s.Merge(now, records)
	h.Kept = h.Kept || len(h.Changes) > 0
	a := s.Hello(now)
	a.Has = h.Has
	if h.Refused != nil {
		a.Refused = h.Refused.Error()
	}
	switch {
	case len(m.Buckets) == 8*buckets && m.Sum != a.Sum:
		a.Records, a.More = s.differing(m.Buckets, c)
		if !m.Answer {
			a.Buckets, a.Answer = s.digests(), true
		}
	case len(m.Buckets) == 0 && len(records) == 0 && len(m.Has) == 0 && m.Refused == "" && m.Sum != a.Sum:
		a.Buckets = s.digests() // they have something else
	}
	if m.More && len(h.Changes) > 0 && len(a.Buckets) == 0 {
		a.Buckets = s.digests() // the rest, please
	}
	if len(a.Records)+len(a.Has)+len(a.Buckets) > 0 || a.Refused != "" {
		h.Answer = &a
	}
	return h
}
