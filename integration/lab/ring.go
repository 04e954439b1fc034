//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// ring receives an interface's packets in memory shared with the kernel
// (PACKET_MMAP, TPACKET_V3): one system call fetches many packets, so that
// watching all hosts of a lab costs little even in an emulated guest.
type ring struct {
	socket *os.File
	memory []byte
	next   int // block
}

const (
	ringBlockSize = 1 << 18
	ringBlocks    = 8
	// ringDelay is how long a packet may wait in a block that is not full.
	ringDelay = 40 * time.Millisecond
)

// openRing is called on a thread of the interface's namespace.
func openRing(ifindex int) (*ring, error) {
	filter, err := captureFilter()
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	r := &ring{socket: os.NewFile(uintptr(fd), "capture")}
	request := unix.TpacketReq3{
		Block_size: ringBlockSize, Block_nr: ringBlocks,
		Frame_size: 1 << 11, Frame_nr: ringBlockSize / (1 << 11) * ringBlocks,
		Retire_blk_tov: uint32(ringDelay / time.Millisecond),
	}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3),
		unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &request),
		unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}),
	)
	if err == nil {
		r.memory, err = unix.Mmap(fd, 0, ringBlockSize*ringBlocks, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: ifindex})
	}
	if err != nil {
		r.socket.Close()
		return nil, fmt.Errorf("open a packet socket: %w", err)
	}
	return r, nil
}

// captureFilter selects the beginning of every packet, but of TCP over IPv4 only
// packets that open, close or reset a connection: the payload of fifty requests
// a second is of no use, and copying it at every hop costs a third of a guest's
// processor time.
func captureFilter() ([]unix.SockFilter, error) {
	const (
		etherType, protocol, ipHeader, tcpFlags = 12, 14 + 9, 14, 14 + 13
		finSynRst                               = 0x07
	)
	program, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: etherType, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.ETH_P_IP, SkipTrue: 5},
		bpf.LoadAbsolute{Off: protocol, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_TCP, SkipTrue: 3},
		bpf.LoadMemShift{Off: ipHeader},
		bpf.LoadIndirect{Off: tcpFlags, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpBitsNotSet, Val: finSynRst, SkipTrue: 1},
		bpf.RetConstant{Val: snapLength},
		bpf.RetConstant{Val: 0},
	})
	if err != nil {
		return nil, err
	}
	filter := make([]unix.SockFilter, len(program))
	for i, in := range program {
		filter[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	return filter, nil
}

// run calls keep for each packet until the socket is closed. The frame is valid
// only during the call.
func (r *ring) run(keep func(p Packet, frame []byte, length int)) {
	defer unix.Munmap(r.memory)
	conn, err := r.socket.SyscallConn()
	if err != nil {
		return
	}
	for {
		if err := conn.Read(func(uintptr) bool { return r.ready() }); err != nil {
			return
		}
		r.drain(keep)
	}
}

// block is the header of the block that the kernel fills next.
func (r *ring) block() *unix.TpacketHdrV1 {
	desc := (*unix.TpacketBlockDesc)(unsafe.Pointer(&r.memory[r.next*ringBlockSize]))
	return (*unix.TpacketHdrV1)(unsafe.Pointer(&desc.Hdr))
}

func (r *ring) ready() bool {
	return atomic.LoadUint32(&r.block().Block_status)&unix.TP_STATUS_USER != 0
}

// drain reads all blocks that the kernel has handed over, and hands them back.
func (r *ring) drain(keep func(p Packet, frame []byte, length int)) {
	for r.ready() {
		block := r.block()
		at := r.next*ringBlockSize + int(block.Offset_to_first_pkt)
		for range block.Num_pkts {
			header := (*unix.Tpacket3Hdr)(unsafe.Pointer(&r.memory[at]))
			link := (*unix.RawSockaddrLinklayer)(unsafe.Pointer(&r.memory[at+tpacketAlign(int(unsafe.Sizeof(*header)))]))
			frame := r.memory[at+int(header.Mac):][:header.Snaplen]
			keep(Packet{
				Time:     time.Unix(int64(header.Sec), int64(header.Nsec)),
				Outgoing: link.Pkttype == unix.PACKET_OUTGOING,
			}, frame, int(header.Len))
			at += int(header.Next_offset)
		}
		atomic.StoreUint32(&block.Block_status, unix.TP_STATUS_KERNEL)
		r.next = (r.next + 1) % ringBlocks
	}
}

// tpacketAlign is the kernel's TPACKET_ALIGN.
func tpacketAlign(n int) int {
	return (n + unix.TPACKET_ALIGNMENT - 1) &^ (unix.TPACKET_ALIGNMENT - 1)
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }
