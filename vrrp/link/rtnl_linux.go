package link

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

const (
	// dumpTries is how often a dump is repeated that a change has interrupted,
	// dumpPause the pause before it is.
	dumpTries = 20
	dumpPause = 2 * time.Millisecond
)

// rtnl is a socket of rtnetlink for requests that the netlink package cannot
// make. It works in the network namespace of the thread that opened it.
type rtnl struct {
	socket *nl.NetlinkSocket
	shared map[int]*nl.SocketHandle
	// changes is the socket of do. It is not one of Go's poller, which every
	// answer of the kernel would wake for nothing.
	changes int
	answer  [4096]byte // scratch, guarded by the socket's lock
}

func openRTNL() (*rtnl, error) {
	s, err := nl.Subscribe(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("opening rtnetlink: %w", withReason(err))
	}
	changes, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("opening rtnetlink for changes: %w", withReason(err))
	}
	return &rtnl{
		socket: s, changes: changes, shared: map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: s}},
	}, nil
}

func (r *rtnl) close() {
	r.socket.Close()
	_ = unix.Close(r.changes)
}

// request prepares a request; what it says is added to it.
func (r *rtnl) request(kind, flags int, header nl.NetlinkRequestData) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(kind, flags)
	req.Sockets = r.shared
	req.AddData(header)
	return req
}

// do sends a request for a change and returns the kernel's verdict. Thousands
// follow each other in a takeover, so it does without the package's Execute,
// whose way to the answer costs as much as an address.
func (r *rtnl) do(req *nl.NetlinkRequest) error {
	req.Flags |= unix.NLM_F_ACK
	r.socket.Lock()
	defer r.socket.Unlock()
	kernel := &unix.SockaddrNetlink{Family: unix.AF_NETLINK}
	if err := unix.Sendto(r.changes, req.Serialize(), 0, kernel); err != nil {
		return err
	}
	for {
		// rtnetlink answers before the send returns: this does not wait.
		n, _, err := unix.Recvfrom(r.changes, r.answer[:], 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return err
		}
		if found, err := verdictOn(req.Seq, r.answer[:n]); found {
			return err
		}
	}
}

// verdictOn finds the kernel's verdict on a request in what it has sent.
func verdictOn(seq uint32, data []byte) (found bool, err error) {
	order := nl.NativeEndian()
	for len(data) >= unix.SizeofNlMsghdr {
		length := int(order.Uint32(data))
		if length < unix.SizeofNlMsghdr || length > len(data) {
			return false, nil
		}
		body := data[unix.SizeofNlMsghdr:length]
		if order.Uint16(data[4:]) == unix.NLMSG_ERROR && order.Uint32(data[8:]) == seq && len(body) >= 4 {
			return true, verdict(body)
		}
		data = data[min((length+unix.NLMSG_ALIGNTO-1)&^(unix.NLMSG_ALIGNTO-1), len(data)):]
	}
	return false, nil
}

// verdict is what the body of NLMSG_ERROR says.
func verdict(body []byte) error {
	if code := int32(nl.NativeEndian().Uint32(body)); code != 0 {
		return syscall.Errno(-code)
	}
	return nil
}

// list sends a request for a dump and returns the messages of a kind, each
// without its netlink header.
func (r *rtnl) list(kind int, answer uint16, header nl.NetlinkRequestData) ([][]byte, error) {
	return dump(func() ([][]byte, error) {
		return r.request(kind, unix.NLM_F_DUMP, header).Execute(unix.NETLINK_ROUTE, answer)
	})
}

// batch sends several requests at once, so that the kernel carries them out
// with nothing between them, and returns the verdict on each.
func (r *rtnl) batch(reqs []*nl.NetlinkRequest) ([]error, error) {
	r.socket.Lock()
	defer r.socket.Unlock()
	var all []byte
	waiting := make(map[uint32]int, len(reqs))
	for i, req := range reqs {
		req.Flags |= unix.NLM_F_ACK
		all = append(all, req.Serialize()...)
		waiting[req.Seq] = i
	}
	errs := make([]error, len(reqs))
	if len(reqs) == 0 {
		return errs, nil
	}
	if err := unix.Sendto(r.socket.GetFd(), all, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, err
	}
	for len(waiting) > 0 {
		msgs, _, err := r.socket.Receive()
		if err != nil {
			return nil, err
		}
		for _, m := range msgs {
			i, ours := waiting[m.Header.Seq]
			if !ours || m.Header.Type != unix.NLMSG_ERROR || len(m.Data) < 4 {
				continue
			}
			delete(waiting, m.Header.Seq)
			errs[i] = verdict(m.Data)
		}
	}
	return errs, nil
}

// dump repeats a listing that a change has interrupted: of what is not in it,
// nobody could say that it is not there.
func dump[T any](list func() ([]T, error)) (all []T, err error) {
	for range dumpTries {
		if all, err = list(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			return all, err
		}
		time.Sleep(dumpPause)
	}
	return nil, fmt.Errorf("%w %d times: it keeps changing", err, dumpTries)
}
