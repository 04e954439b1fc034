package ipvs

import (
	"errors"
	"fmt"
	"time"

	"github.com/lvs-director/director/virtualserver/table"
	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
)

// batch is how many operations go to the kernel in one send. More gain
// nothing, and 64 refusals still fit into a socket's receive buffer.
const batch = 64

// messageRoom is how many bytes the message of an operation has, or more; one that has more finds room.
const messageRoom = 160

// writer changes the table by generic netlink. Its connection is opened when
// it is needed and thrown away when it does not answer.
type writer struct {
	family  uint16
	version uint8
	conn    *netlink.Conn
	guard   guard
}

func (w *writer) open() (err error) {
	if w.conn == nil {
		if w.conn, err = netlink.Dial(genetlink.Protocol, nil); err != nil {
			return fmt.Errorf("open a netlink socket: %w", err)
		}
	}
	return nil
}

func (w *writer) close() {
	if w.conn != nil {
		conn := w.conn
		w.guard.close(func() { conn.Close() })
		w.conn = nil
	}
}

// apply answers each operation with the kernel's errno, or with why it could
// not be asked.
func (w *writer) apply(ops []table.Op) []error {
	errs := make([]error, len(ops))
	for start, end := 0, 0; start < len(ops); start = end {
		end = start + table.Cut(ops[start:], batch)
		answers, err := w.send(ops[start:end])
		copy(errs[start:], answers)
		if err != nil {
			w.close()
			// What was sent may have been done: whoever asked has to look.
			for i := start; i < len(ops); i++ {
				if errs[i] == nil {
					errs[i] = err
				}
			}
			return errs
		}
	}
	return errs
}

// send has one batch carried out under guard.
func (w *writer) send(ops []table.Op) ([]error, error) {
	if err := w.open(); err != nil {
		return nil, err
	}
	conn := w.conn
	var answers []error
	var err error
	if stuck := w.guard.do(func() { answers, err = w.exchange(conn, ops) }); stuck != nil {
		return nil, stuck
	}
	return answers, err
}

// exchange sends one batch and reads its answers. The kernel works in order
// and answers failures always, success only where it is asked to: at the last.
func (w *writer) exchange(conn *netlink.Conn, ops []table.Op) ([]error, error) {
	errs := make([]error, len(ops))
	messages := make([]netlink.Message, len(ops))
	all := make([]byte, 0, len(ops)*messageRoom)
	for i, op := range ops {
		start := len(all)
		all = appendOp(all, op, w.version)
		messages[i].Header.Type = netlink.HeaderType(w.family)
		messages[i].Header.Flags = netlink.Request
		messages[i].Data = all[start:]
	}
	messages[len(messages)-1].Header.Flags |= netlink.Acknowledge

	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	sent, err := conn.SendMessages(messages)
	if err != nil {
		return nil, err
	}
	first, last := sent[0].Header.Sequence, sent[len(sent)-1].Header.Sequence
	for {
		answered, refusal, err := receive(conn)
		if err != nil {
			return errs, err
		}
		// Unsigned: a foreign number, smaller or larger, is out of range.
		if i := answered - first; i <= last-first {
			errs[i] = refusal
		}
		if answered == last {
			return errs, nil
		}
	}
}

// receive reads one answer: the number of the message it belongs to and the
// kernel's refusal, if it is one.
func receive(conn *netlink.Conn) (answered uint32, refusal, err error) {
	replies, err := conn.Receive()
	var op *netlink.OpError
	switch {
	case err == nil && len(replies) == 0:
		return 0, nil, nil
	case err == nil:
		return replies[len(replies)-1].Header.Sequence, nil, nil
	case errors.As(err, &op) && op.Sequence != 0:
		return op.Sequence, op.Err, nil
	case op != nil && op.Timeout():
		return 0, nil, ErrNoAnswer
	}
	return 0, nil, err
}
