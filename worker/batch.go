package worker

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"fmt"

	"github.com/lvs-director/director/event"
)

// batchFrom is how many messages in a row are sent as one batch at least. Reading one costs
// as much as reading some messages in JSON, whatever is in it.
const batchFrom = 32

// batch is many messages of the lvs worker in one frame, which take a tenth of the time to
// read: a table that is filled, or a host whose checks fail, has tens of thousands to tell.
type batch struct {
	First uint64 // Seq of the first one; the others follow
	// Kinds are those of the messages in their order; each list has its own ones.
	Kinds          []byte
	RealServers    []event.RealServerState
	Checks         []event.CheckResult
	VirtualServers []event.VirtualServerState
	InTable        []event.ServersInTable
}

// The kinds of messages in a batch.
const (
	batchRealServer = 'r'
	batchCheck      = 'c'
	batchVirtual    = 'v'
	batchInTable    = 't'
)

// batchable says whether a message may be in a batch.
func (m *Message) batchable() bool {
	return m.LeftOut == 0 && (m.RealServer != nil || m.Check != nil || m.VirtualServer != nil || m.InTable != nil)
}

// batched is how many messages at the start of a list may be one batch.
func batched(list []Message) int {
	for i := range list {
		if !list[i].batchable() {
			return i
		}
	}
	return len(list)
}

func (b *batch) add(m *Message) {
	switch {
	case m.RealServer != nil:
		b.Kinds, b.RealServers = append(b.Kinds, batchRealServer), append(b.RealServers, *m.RealServer)
	case m.Check != nil:
		b.Kinds, b.Checks = append(b.Kinds, batchCheck), append(b.Checks, *m.Check)
	case m.VirtualServer != nil:
		b.Kinds, b.VirtualServers = append(b.Kinds, batchVirtual), append(b.VirtualServers, *m.VirtualServer)
	case m.InTable != nil:
		b.Kinds, b.InTable = append(b.Kinds, batchInTable), append(b.InTable, *m.InTable)
	}
}

// messages are those of the batch.
func (b *batch) messages() ([]Message, error) {
	list := make([]Message, len(b.Kinds))
	for i, kind := range b.Kinds {
		m := &list[i]
		m.Seq = b.First + uint64(i)
		switch {
		case kind == batchRealServer && len(b.RealServers) > 0:
			m.RealServer, b.RealServers = &b.RealServers[0], b.RealServers[1:]
		case kind == batchCheck && len(b.Checks) > 0:
			m.Check, b.Checks = &b.Checks[0], b.Checks[1:]
		case kind == batchVirtual && len(b.VirtualServers) > 0:
			m.VirtualServer, b.VirtualServers = &b.VirtualServers[0], b.VirtualServers[1:]
		case kind == batchInTable && len(b.InTable) > 0:
			m.InTable, b.InTable = &b.InTable[0], b.InTable[1:]
		default:
			return nil, fmt.Errorf("a batch has no message %d of kind %q", i, kind)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("a batch is empty")
	}
	return list, nil
}

// encodeBatch appends messages as one batch to what is to be sent.
func (c *Conn) encodeBatch(list []Message) error {
	b := batch{First: c.seq + 1}
	for i := range list {
		b.add(&list[i])
	}
	begin := c.w.Len()
	c.w.Write([]byte{0, 0, 0, 0, inBatch})
	err := gob.NewEncoder(&c.w).Encode(b)
	size := c.w.Len() - begin - 4
	if err == nil && size > MaxFrame {
		err = fmt.Errorf("they have %d bytes: at most %d are allowed", size, MaxFrame)
	}
	if err != nil {
		c.w.Truncate(begin)
		return fmt.Errorf("encoding a batch of %d messages: %w", len(list), err)
	}
	c.seq += uint64(len(list))
	binary.BigEndian.PutUint32(c.w.Bytes()[begin:], uint32(size))
	return nil
}

func decodeBatch(body []byte) ([]Message, error) {
	var b batch
	if err := gob.NewDecoder(bytes.NewReader(body)).Decode(&b); err != nil {
		return nil, err
	}
	return b.messages()
}
