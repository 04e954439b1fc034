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

// writer changes the table by generic netlink. Its connection is opened when
// it is needed and thrown away when it does not answer.
type writer struct {
	generic *genetlink.Conn
	conn    *netlink.Conn // the same socket: genetlink sends one message at a time
	family  genetlink.Family
}

func (w *writer) open() error {
	if w.conn != nil {
		return nil
	}
	conn, err := netlink.Dial(genetlink.Protocol, nil)
	if err != nil {
		return fmt.Errorf("open a netlink socket: %w", err)
	}
	w.conn, w.generic = conn, genetlink.NewConn(conn)
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		w.close()
		return err
	}
	if w.family, err = w.generic.GetFamily("IPVS"); err != nil {
		w.close()
		return fmt.Errorf("ask the kernel for IPVS: %w", err)
	}
	return nil
}

func (w *writer) close() {
	if w.conn != nil {
		w.conn.Close()
		w.conn, w.generic = nil, nil
	}
}

// apply answers each operation with the kernel's errno, or with why it could
// not be asked.
func (w *writer) apply(ops []table.Op) []error {
	errs := make([]error, len(ops))
	for start := 0; start < len(ops); start += batch {
		end := min(start+batch, len(ops))
		if err := w.exchange(ops[start:end], errs[start:end]); err != nil {
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

// exchange sends one batch and reads its answers. The kernel works in order
// and answers failures always, success only where it is asked to: at the last.
func (w *writer) exchange(ops []table.Op, errs []error) error {
	if err := w.open(); err != nil {
		return err
	}
	messages := make([]netlink.Message, len(ops))
	for i, op := range ops {
		data, err := encode(op, w.family.Version)
		if err != nil {
			return fmt.Errorf("encode: %w", err)
		}
		messages[i].Header.Type = netlink.HeaderType(w.family.ID)
		messages[i].Header.Flags = netlink.Request
		messages[i].Data = data
	}
	messages[len(messages)-1].Header.Flags |= netlink.Acknowledge

	if err := w.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	sent, err := w.conn.SendMessages(messages)
	if err != nil {
		return err
	}
	first, last := sent[0].Header.Sequence, sent[len(sent)-1].Header.Sequence
	for {
		answered, refusal, err := w.receive()
		if err != nil {
			return err
		}
		// Unsigned: a foreign number, smaller or larger, is out of range.
		if i := answered - first; i <= last-first {
			errs[i] = refusal
		}
		if answered == last {
			return nil
		}
	}
}

// receive reads one answer: the number of the message it belongs to and the
// kernel's refusal, if it is one.
func (w *writer) receive() (answered uint32, refusal, err error) {
	replies, err := w.conn.Receive()
	var op *netlink.OpError
	switch {
	case err == nil && len(replies) == 0:
		return 0, nil, nil
	case err == nil:
		return replies[len(replies)-1].Header.Sequence, nil, nil
	case errors.As(err, &op) && op.Sequence != 0:
		return op.Sequence, op.Err, nil
	case op != nil && op.Timeout():
		return 0, nil, errNoAnswer
	}
	return 0, nil, err
}
