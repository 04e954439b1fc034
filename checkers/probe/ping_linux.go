package probe

import (
	"errors"
	"net/netip"
	"time"
	"unsafe"

	"github.com/lvs-director/director/deadline"
	"golang.org/x/sys/unix"
)

// pingKey is what echo requests must have in common to share a socket.
type pingKey struct {
	v6     bool
	bind   netip.Addr
	device string
	mark   uint32
}

// pingSocket sends echo requests and matches what comes back. It is open
// while requests are under way: a changed configuration leaves none behind.
type pingSocket struct {
	key     pingKey
	fd      int
	raw     bool   // delivers IPv4 headers, and the replies to everybody's requests
	id      uint16 // the first of those in use
	next    uint32
	waiting map[uint32]*pingOp // by the distance from the first identifier, and the sequence number
}

// pingOp is an echo request under way.
type pingOp struct {
	deadline.Entry
	endpoint
	done   func(error)
	socket *pingSocket
	echo   echo
	ended  bool
}

func (op *pingOp) begin(l *loop, now time.Time) {
	if op.ended { // cancelled before it began
		return
	}
	s, err := l.pingSocket(op.endpoint)
	if err != nil {
		op.end(l, err)
		return
	}
	numbers := s.numbers()
	if len(s.waiting) > int(numbers/2) {
		op.end(l, &localError{"echo request", unix.ENOBUFS})
		return
	}
	for s.waiting[s.next%numbers] != nil {
		s.next++
	}
	number := s.next % numbers
	s.next++
	op.socket, op.echo = s, echo{id: s.id + uint16(number>>16), seq: uint16(number), token: l.tokens.Uint64()}
	s.waiting[number] = op
	l.deadlines.Set(op, now.Add(op.timeout))

	sa, err := sockaddr(netip.AddrPortFrom(op.to.Addr(), 0))
	if err != nil {
		op.end(l, &localError{"address", err})
		return
	}
	request := op.echo.appendRequest(l.buffer[:0], s.key.v6)
	if err = unix.Sendto(s.fd, request, 0, sa); err != nil {
		// The error of an earlier request may have been reported to this one; a second time it is our own.
		err = unix.Sendto(s.fd, request, 0, sa)
	}
	switch err {
	case nil:
	case unix.EAGAIN, unix.ENOBUFS, unix.ENOMEM, unix.EPERM:
		op.end(l, &localError{doingSend, err})
	default:
		op.end(l, err)
	}
}

func (op *pingOp) end(l *loop, err error) {
	if op.ended {
		return
	}
	op.ended = true
	l.deadlines.Remove(op)
	if s := op.socket; s != nil {
		delete(s.waiting, s.number(op.echo))
		if len(s.waiting) == 0 {
			l.forget(s.fd)
			unix.Close(s.fd)
			delete(l.pings, s.key)
		}
	}
	if err != errClosed {
		op.done(err)
	}
}

// numbers is how many requests can be told apart. The kernel gives a socket that is not raw
// one identifier of its own.
func (s *pingSocket) numbers() uint32 {
	if s.raw {
		return 4 << 16
	}
	return 1 << 16
}

// number is the number of a request.
func (s *pingSocket) number(e echo) uint32 {
	if !s.raw {
		return uint32(e.seq)
	}
	return uint32(e.id-s.id)<<16 | uint32(e.seq)
}

// pingSocket is the open socket for an endpoint. The caller puts a request
// into waiting, which keeps it open.
func (l *loop) pingSocket(e endpoint) (*pingSocket, error) {
	key := pingKey{e.to.Addr().Is6(), e.bind, e.device, e.mark}
	if s := l.pings[key]; s != nil {
		return s, nil
	}
	proto := unix.IPPROTO_ICMP
	if key.v6 {
		proto = unix.IPPROTO_ICMPV6
	}
	e.port = 0
	s := &pingSocket{key: key, raw: true, id: uint16(l.tokens.Uint32()), waiting: make(map[uint32]*pingOp)}
	var err error
	s.fd, err = openSocket(e, unix.SOCK_RAW, proto)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		// Without CAP_NET_RAW: net.ipv4.ping_group_range may still allow these.
		s.raw = false
		var fallback error
		if s.fd, fallback = openSocket(e, unix.SOCK_DGRAM, proto); fallback == nil {
			err = nil
		}
	}
	if err != nil {
		return nil, err
	}
	s.configure()
	if err := l.watch(s.fd, unix.EPOLLIN, s); err != nil {
		unix.Close(s.fd)
		return nil, &localError{"wait for a socket", err}
	}
	l.pings[key] = s
	return s, nil
}

// configure lets only echo replies in and asks for ICMP errors. Both only
// save work or time, so that a kernel which refuses them is no failure.
func (s *pingSocket) configure() {
	// Without the capability for the first one the second gives what is allowed.
	if unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, pingBuffer) != nil {
		unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, pingBuffer)
	}
	if s.key.v6 {
		unix.SetsockoptInt(s.fd, unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
		if s.raw {
			block := unix.ICMPv6Filter{}
			for i := range block.Data {
				block.Data[i] = ^uint32(0)
			}
			block.Data[echoReply6/32] &^= 1 << (echoReply6 % 32)
			unix.SetsockoptICMPv6Filter(s.fd, unix.IPPROTO_ICMPV6, unix.ICMPV6_FILTER, &block)
		}
		return
	}
	unix.SetsockoptInt(s.fd, unix.IPPROTO_IP, unix.IP_RECVERR, 1)
	if s.raw {
		const icmpFilter = 1 // ICMP_FILTER of linux/icmp.h; a set bit blocks the type
		unix.SetsockoptInt(s.fd, unix.SOL_RAW, icmpFilter, ^(1 << echoReply4))
	}
}

// pingBuffer is the receive buffer of a socket for echo replies, in bytes. The
// kernel's default holds 256 of them.
const pingBuffer = 4 << 20

// maxPackets bounds what one socket may take of the loop's time at once.
const maxPackets = 64

func (s *pingSocket) readyFor(l *loop, events uint32) {
	if events&unix.EPOLLERR != 0 {
		s.readErrors(l)
	}
	for range maxPackets {
		if len(s.waiting) == 0 { // the socket is closed by now
			return
		}
		n, from, err := unix.Recvfrom(s.fd, l.buffer[:], 0)
		if err != nil {
			return
		}
		msg, ok := l.buffer[:n], true
		if s.raw && !s.key.v6 {
			msg, ok = stripIPv4(msg)
		}
		if !ok {
			continue
		}
		got, ok := parseReply(msg, s.key.v6)
		if !ok {
			continue
		}
		op := s.waiting[s.number(got)]
		if op != nil && op.echo.token == got.token && addrOf(from).Addr() == op.to.Addr().WithZone("") {
			op.end(l, nil)
		}
	}
	l.unread = true
}

// readErrors reads the ICMP errors (host unreachable, ...) that answer our requests.
func (s *pingSocket) readErrors(l *loop) {
	var control [512]byte
	for range maxPackets {
		if len(s.waiting) == 0 {
			return
		}
		n, controls, _, _, err := unix.Recvmsg(s.fd, l.buffer[:], control[:], unix.MSG_ERRQUEUE)
		if err != nil {
			return
		}
		quoted, ok := parseQuoted(l.buffer[:n], s.key.v6)
		op := s.waiting[s.number(quoted)]
		if !ok || op == nil {
			continue
		}
		if errno := extendedError(control[:controls]); errno != 0 {
			op.end(l, errno)
		}
	}
}

// extendedError finds the error number in the control messages of an error queue.
func extendedError(control []byte) unix.Errno {
	msgs, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return 0
	}
	for _, m := range msgs {
		v4 := m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_RECVERR
		v6 := m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_RECVERR
		if (v4 || v6) && len(m.Data) >= int(unsafe.Sizeof(unix.SockExtendedErr{})) {
			return unix.Errno((*unix.SockExtendedErr)(unsafe.Pointer(&m.Data[0])).Errno)
		}
	}
	return 0
}
