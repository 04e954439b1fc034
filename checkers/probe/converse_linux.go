package probe

import (
	"context"
	"io"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxBrief is how much of an answer the loop keeps, in bytes. A longer one goes on in a
	// goroutine of its own.
	maxBrief = 16 << 10
	// maxPieces is in how many pieces an answer may arrive before it goes on in a goroutine:
	// each of them is judged from the start.
	maxPieces = 16
)

// talkOp is a conversation in the loop.
type talkOp struct {
	socket
	conversation
	ctx     context.Context
	done    func(Result)
	failed  func(error)
	long    func(net.Conn)
	conn    *replay // nil until connected
	pieces  int
	flushed int // bytes of conn.sent
}

func (l *loop) talk(
	ctx context.Context, c conversation, done func(Result), failed func(error), long func(net.Conn),
) (cancel func()) {
	op := &talkOp{conversation: c, ctx: ctx, done: done, failed: failed, long: long, socket: socket{fd: -1}}
	l.send(message{op: op})
	return func() { l.send(message{op: op, cancel: true}) }
}

func (op *talkOp) begin(l *loop, now time.Time) {
	if op.ended {
		return
	}
	if err := op.connect(l, op.endpoint, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLRDHUP|unix.EPOLLET, op); err != nil {
		op.end(l, err)
		return
	}
	l.deadlines.Set(op, now.Add(op.timeout))
}

// connected begins to talk.
func (op *talkOp) connected(l *loop, now time.Time) {
	if err := verify(op.fd, op.to); err != nil {
		op.end(l, err)
		return
	}
	op.conn = &replay{remote: op.to, started: now}
	op.judge(l, now)
}

func (op *talkOp) readyFor(l *loop, events uint32) {
	now := time.Now()
	if op.conn == nil {
		if err := op.made(events); err != nil {
			op.end(l, err)
			return
		}
		op.connected(l, now)
		if op.ended {
			return
		}
	}
	if events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		op.receive(l, now, events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0)
		return
	}
	if err := op.flush(); err != nil {
		op.finish(l, err)
	}
}

// receive reads what has arrived and judges it. The server has nothing more to say, or it
// has an error to tell, when ending is set.
func (op *talkOp) receive(l *loop, now time.Time, ending bool) {
	had := len(op.conn.received)
	for {
		n, errno := read(op.fd, l.buffer[:])
		switch {
		case errno == unix.EAGAIN:
		case errno == unix.EINTR:
			continue
		case errno != 0:
			op.conn.err = errno
		case n == 0:
			op.conn.err = io.EOF
		default:
			op.conn.received = append(op.conn.received, l.buffer[:n]...)
			if len(op.conn.received) > maxBrief {
				op.goOn(l)
				return
			}
			if n == len(l.buffer) || ending {
				continue
			}
		}
		break
	}
	if len(op.conn.received) > had || op.conn.err != nil {
		op.judge(l, now)
	}
}

// judge has talk go as far as it can with what has arrived.
func (op *talkOp) judge(l *loop, now time.Time) {
	op.conn.rewind()
	r := op.talk(op.ctx, op.conn)
	err := op.flush()
	switch {
	case !op.conn.more:
		op.close(l)
		op.done(r)
	case err != nil:
		op.finish(l, err)
	case op.pieces == maxPieces:
		op.goOn(l)
	default:
		op.pieces++
		at := now.Add(op.timeout)
		if last := op.conn.started.Add(op.total); at.After(last) {
			at = last
		}
		l.deadlines.Set(op, at)
	}
}

// finish has talk judge a conversation that ends with an error.
func (op *talkOp) finish(l *loop, err error) {
	op.conn.err = err
	op.conn.rewind()
	r := op.talk(op.ctx, op.conn)
	op.close(l)
	op.done(r)
}

// flush sends what talk has written.
func (op *talkOp) flush() error {
	for op.flushed < len(op.conn.sent) {
		n, errno := send(op.fd, op.conn.sent[op.flushed:])
		switch errno {
		case 0:
			op.flushed += n
		case unix.EINTR:
		case unix.EAGAIN:
			return nil
		default:
			return errno
		}
	}
	return nil
}

// goOn has the conversation go on in a goroutine.
func (op *talkOp) goOn(l *loop) {
	op.ended = true
	l.deadlines.Remove(op)
	l.forget(op.fd)
	op.conn.rewind()
	conn := &resumed{newSocketConn(op.fd, op.to), op.conn, op.conn.sent[op.flushed:]}
	op.fd = -1
	op.long(conn)
}

func (op *talkOp) close(l *loop) {
	op.ended = true
	l.deadlines.Remove(op)
	op.socket.close(l)
}

func (op *talkOp) end(l *loop, err error) {
	switch {
	case op.ended:
	case err == errClosed:
		op.close(l)
	case op.conn != nil:
		op.finish(l, err)
	default:
		op.close(l)
		op.failed(err)
	}
}
