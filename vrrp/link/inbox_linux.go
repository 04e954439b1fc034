package link

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
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
	headers [receiveBatch]mmsghdr
	iovecs  [receiveBatch]unix.Iovec
	from    [receiveBatch]unix.RawSockaddrInet6 // of IPv6
	control [receiveBatch][controlSize]byte
	ages    ages
	began   time.Time // what the monotonic clock is counted from
}

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
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
		h := &in.headers[i].hdr
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
		h := &in.headers[i].hdr
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
				in.ages.emptied()
			}
			return int(n), nil
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			in.ages.emptied()
			return 0, nil
		default:
			return 0, fmt.Errorf("receiving VRRP packets: %w", errno)
		}
	}
}

func (in *inbox) deliver(batch []Datagram) {
	now := time.Now()
	wall := time.Duration(now.UnixNano())
	in.ages.look(wall, now.Sub(in.began))
	for i := range batch {
		h := &in.headers[i]
		c := readControl(in.control[i][:h.hdr.Controllen])
		// A packet that was cut off is not as long as it says: the parser
		// refuses it as any other.
		room := in.packets[i*in.room:][:in.room]
		if in.family == IPv6 {
			room = room[:min(headerSize6+int(h.len), in.room)]
			putHeader6(room, in.from[i].Addr, &c)
		} else {
			room = room[:min(int(h.len), in.room)]
		}
		batch[i] = Datagram{Data: room}
		if c.stamped {
			batch[i].Age = in.ages.of(wall, time.Duration(c.at.Nano()))
		}
	}
}

// received is what the kernel says about a packet.
type received struct {
	at      unix.Timespec
	stamped bool
	// to and hopLimit are told of IPv6.
	to       [16]byte
	hopLimit uint8
}

// readControl reads the control messages of a packet; see cmsg(3).
func readControl(control []byte) (r received) {
	for len(control) >= unix.SizeofCmsghdr {
		h := (*unix.Cmsghdr)(unsafe.Pointer(unsafe.SliceData(control)))
		end := int(h.Len)
		if end < unix.CmsgLen(0) || end > len(control) {
			return r
		}
		data := control[unix.CmsgLen(0):end]
		switch {
		case h.Level == unix.SOL_SOCKET && h.Type == unix.SCM_TIMESTAMPNS && len(data) >= int(unsafe.Sizeof(r.at)):
			r.at, r.stamped = *(*unix.Timespec)(unsafe.Pointer(unsafe.SliceData(data))), true
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
			r.to = [16]byte(data)
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_HOPLIMIT && len(data) >= 4:
			r.hopLimit = uint8(*(*int32)(unsafe.Pointer(unsafe.SliceData(data))))
		}
		control = control[min(unix.CmsgSpace(len(data)), len(control)):]
	}
	return r
}
