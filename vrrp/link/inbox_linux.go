package link

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/datagram"
)

const (
	// receiveBatch is how many packets one system call takes.
	receiveBatch = 32
	// room4 is more than an IPv4 advertisement can be: two headers of 60 and 24
	// bytes, 255 addresses, authentication. room6 is the same of IPv6.
	room4 = 2048
	room6 = 4608
	// controlSize is room for the control messages of one packet.
	controlSize = 128
)

// inbox is the memory that packets are received into.
type inbox struct {
	family  Family
	room    int // for one packet
	packets []byte
	headers [receiveBatch]datagram.Header
	iovecs  [receiveBatch]unix.Iovec
	from    [receiveBatch]unix.RawSockaddrInet6 // of IPv6
	control [receiveBatch][controlSize]byte
	ages    datagram.Ages
	began   time.Time // what the monotonic clock is counted from
}

func (in *inbox) init(family Family) {
	in.began = time.Now()
	in.family, in.room = family, room4
	skip := 0
	if family == IPv6 {
		in.room, skip = room6, headerSize6
	}
	in.packets = make([]byte, receiveBatch*in.room)
	for i := range in.headers {
		h := &in.headers[i].Msghdr
		in.iovecs[i].Base = &in.packets[i*in.room+skip]
		in.iovecs[i].SetLen(in.room - skip)
		h.Iov = &in.iovecs[i]
		h.SetIovlen(1)
		h.Control = &in.control[i][0]
		if family == IPv6 {
			h.Name = (*byte)(unsafe.Pointer(&in.from[i]))
		}
	}
}

func (in *inbox) receive(fd int, batch []Datagram) (int, error) {
	want := min(len(batch), receiveBatch)
	if want == 0 {
		return 0, nil
	}
	for i := range want {
		h := &in.headers[i].Msghdr
		h.SetControllen(controlSize)
		if in.family == IPv6 {
			h.Namelen = unix.SizeofSockaddrInet6
		}
	}
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd),
			uintptr(unsafe.Pointer(&in.headers[0])), uintptr(want), unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			in.deliver(batch[:n])
			if int(n) < want {
				in.ages.Emptied()
			}
			return int(n), nil
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			in.ages.Emptied()
			return 0, nil
		default:
			return 0, fmt.Errorf("receiving VRRP packets: %w", errno)
		}
	}
}

func (in *inbox) deliver(batch []Datagram) {
	now := time.Now()
	wall := time.Duration(now.UnixNano())
	in.ages.Look(wall, now.Sub(in.began))
	for i := range batch {
		h := &in.headers[i]
		c := datagram.ReadControl(in.control[i][:h.Msghdr.Controllen])
		// A packet that was cut off is not as long as it says: the parser
		// refuses it as any other.
		room := in.packets[i*in.room:][:in.room]
		if in.family == IPv6 {
			room = room[:min(headerSize6+int(h.Len), in.room)]
			putHeader6(room, in.from[i].Addr, &c)
		} else {
			room = room[:min(int(h.Len), in.room)]
		}
		batch[i] = Datagram{Data: room}
		if c.Stamped {
			batch[i].Age = in.ages.Of(wall, c.Stamp)
		}
	}
}
