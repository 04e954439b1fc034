package probe

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"
)

// talk asks a server and judges what it answers, over a connection that is made.
//
// It may be called again from the start for one connection: what was read before is then
// read once more, and what was written before is not sent once more. It therefore writes and
// returns the same for the same answers. It does not close the connection.
type talk func(ctx context.Context, conn net.Conn) Result

// conversation is a connection and what is said over it.
type conversation struct {
	endpoint
	// total limits what follows the connect, in which every step has the endpoint's timeout.
	total time.Duration
	talk  talk
	// brief says that talk takes little of the processor: then a server that answers as servers
	// do needs no goroutine.
	brief bool
}

// converse makes a connection, has talk use it and closes it.
func (p *Prober) converse(c conversation, done func(Result)) (cancel func()) {
	ctx, stop := context.WithCancel(p.ctx)
	long := func(conn net.Conn) { p.longTalk(ctx, stop, c, conn, done) }
	failed := func(err error) {
		stop()
		done(failure("connect to "+c.to.String(), err, c.timeout))
	}
	var end func()
	if brief, ok := p.net.(briefly); ok && c.brief {
		end = brief.talk(ctx, c, func(r Result) { stop(); done(r) }, failed, long)
	} else {
		end = p.net.connect(c.endpoint, true, func(conn net.Conn, err error) {
			if err != nil {
				failed(err)
				return
			}
			long(conn)
		})
	}
	return func() {
		stop()
		end()
	}
}

// briefly is a network that can talk without a goroutine for each server.
type briefly interface {
	// talk makes a connection and calls c.talk for as long as the answer is short and comes
	// in few pieces. Otherwise it gives the connection to long. Of done, failed and long one
	// is called, once, or none after cancel.
	talk(ctx context.Context, c conversation, done func(Result), failed func(error), long func(net.Conn)) (cancel func())
}

var errBusy = errors.New("it is over too many connections that slow servers keep this host")

// longTalk has talk use a connection in a goroutine.
func (p *Prober) longTalk(ctx context.Context, stop func(), c conversation, conn net.Conn, done func(Result)) {
	// Cancelling closes the connection, which ends talk at once.
	closed := context.AfterFunc(ctx, func() { conn.Close() })
	// The wait for a turn has a limit too.
	given := time.AfterFunc(c.timeout, func() {
		if closed() {
			stop()
			conn.Close()
			done(failure("wait for a turn", &localError{"exchange", errBusy}, c.timeout))
		}
	})
	p.exchanges.do(func() {
		if !given.Stop() {
			return // the wait is over: whoever says so must find ctx as it is
		}
		defer stop()
		if ctx.Err() != nil {
			return
		}
		r := c.talk(ctx, conn)
		if closed() {
			conn.Close()
			done(r)
		}
	})
}

// replay is a connection for a talk that is called again whenever more has arrived. It
// does no input or output of its own.
type replay struct {
	remote   netip.AddrPort
	received []byte // all of it
	sent     []byte // all that talk has written, whether it has left or not
	err      error  // what follows received; nil is that more may come
	started  time.Time

	read, wrote int  // by the present call of talk
	more        bool // the present call needs more than has arrived
}

// errMore ends a call of talk that will be made again.
var errMore = errors.New("more has to arrive")

func (r *replay) rewind() { r.read, r.wrote, r.more = 0, 0, false }

func (r *replay) Read(b []byte) (int, error) {
	if r.read < len(r.received) {
		n := copy(b, r.received[r.read:])
		r.read += n
		return n, nil
	}
	if r.err == nil {
		r.more = true
		return 0, errMore
	}
	return 0, r.err
}

func (r *replay) Write(b []byte) (int, error) {
	if r.more {
		return 0, errMore // it depends on what has not arrived
	}
	r.sent = append(r.sent, b[min(len(b), len(r.sent)-r.wrote):]...)
	r.wrote += len(b)
	return len(b), nil
}

func (r *replay) began() time.Time                 { return r.started }
func (r *replay) Close() error                     { return nil }
func (r *replay) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (r *replay) RemoteAddr() net.Addr             { return net.TCPAddrFromAddrPort(r.remote) }
func (r *replay) SetDeadline(time.Time) error      { return nil }
func (r *replay) SetReadDeadline(time.Time) error  { return nil }
func (r *replay) SetWriteDeadline(time.Time) error { return nil }

// resumed is the connection of a talk that began with a replay and goes on by itself.
type resumed struct {
	net.Conn
	past   *replay
	unsent []byte // of what past was given to send
}

func (r *resumed) Read(b []byte) (int, error) {
	if err := r.flush(); err != nil {
		return 0, err
	}
	if r.past.read < len(r.past.received) {
		return r.past.Read(b)
	}
	if r.past.err != nil {
		return 0, r.past.err
	}
	return r.Conn.Read(b)
}

func (r *resumed) Write(b []byte) (int, error) {
	again := min(len(b), len(r.past.sent)-r.past.wrote)
	r.past.wrote += again
	if err := r.flush(); err != nil || again == len(b) {
		return again, err
	}
	n, err := r.Conn.Write(b[again:])
	return again + n, err
}

func (r *resumed) flush() error {
	if len(r.unsent) == 0 {
		return nil
	}
	_, err := r.Conn.Write(r.unsent)
	r.unsent = nil
	return err
}

func (r *resumed) began() time.Time { return r.past.started }

// beginning is when a conversation over a connection began: now, unless it began with a replay.
func beginning(conn net.Conn) time.Time {
	if c, ok := conn.(interface{ began() time.Time }); ok {
		return c.began()
	}
	return time.Now()
}
