package lab

import (
	"fmt"
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Of linux/userfaultfd.h and linux/ethtool.h.
const (
	uffdAPI       = 0xaa
	uffdioAPI     = 0xc018aa3f
	uffdioReg     = 0xc020aa00
	uffdioZero    = 0xc020aa04
	uffdMissing   = 1
	gstringsCmd   = 0x1b
	gstringsStats = 1
	gstringsSize  = 12
)

// HoldRoutingLock holds the kernel's lock of interfaces, addresses and routes
// (rtnl, one for all network namespaces) for some time, as a kernel does that
// deletes thousands of interfaces. It returns when the lock is held, with a
// function that waits until it is free again.
//
// An ethtool request holds the lock while the kernel writes the answer to
// memory. That memory is a page that this process provides by userfaultfd(2),
// and it does so only when the time is over.
func (h *Host) HoldRoutingLock(iface string, length time.Duration) (wait func()) {
	h.lab.t.Helper()
	memory, fault, err := lazyPage()
	h.lab.must(err, "make memory that comes late (userfaultfd)")
	page := os.Getpagesize()
	// The request ends with the first page, the answer is written to the second.
	request := memory[page-gstringsSize : page]
	*(*uint32)(unsafe.Pointer(&request[0])) = gstringsCmd
	*(*uint32)(unsafe.Pointer(&request[4])) = gstringsStats
	ended := make(chan error, 1)
	go func() {
		ended <- h.ns.do(func() error { return askStrings(iface, request) })
	}()
	var message [32]byte
	_, err = unix.Read(fault, message[:]) // the kernel has come to the second page
	h.lab.must(err, "host %s: wait for the lock", h.Name)
	free := time.AfterFunc(length, func() { _ = provide(fault, memory[page:]) })
	return func() {
		h.lab.t.Helper()
		err := <-ended
		free.Stop()
		unix.Close(fault)
		runtime.KeepAlive(memory)
		h.lab.must(err, "host %s: hold the lock by a request to %s", h.Name, iface)
		_ = unix.Munmap(memory)
	}
}

// askStrings asks for the names of an interface's counters (SIOCETHTOOL).
func askStrings(iface string, request []byte) error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	var ifreq struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte
	}
	copy(ifreq.name[:], iface)
	ifreq.data = unsafe.Pointer(&request[0])
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(socket), unix.SIOCETHTOOL,
		uintptr(unsafe.Pointer(&ifreq))); errno != 0 {
		return errno
	}
	return nil
}

// lazyPage is two pages of memory of which the second is missing until provide
// fills it, and the descriptor that reports an access to it.
func lazyPage() (memory []byte, fault int, err error) {
	page := os.Getpagesize()
	fd, _, errno := unix.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC, 0, 0)
	if errno != 0 {
		return nil, 0, fmt.Errorf("open: %w", errno)
	}
	api := struct{ api, features, ioctls uint64 }{api: uffdAPI}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, uffdioAPI, uintptr(unsafe.Pointer(&api))); errno != 0 {
		return nil, 0, fmt.Errorf("agree on features: %w", errno)
	}
	memory, err = unix.Mmap(-1, 0, 2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, 0, err
	}
	second := uint64(uintptr(unsafe.Pointer(&memory[page])))
	register := struct{ start, length, mode, ioctls uint64 }{start: second, length: uint64(page), mode: uffdMissing}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, uffdioReg, uintptr(unsafe.Pointer(&register))); errno != 0 {
		return nil, 0, fmt.Errorf("register: %w", errno)
	}
	return memory, int(fd), nil
}

// provide fills the page with zeros, which wakes the threads that wait for it.
func provide(fault int, page []byte) error {
	zero := struct {
		start, length, mode uint64
		done                int64
	}{start: uint64(uintptr(unsafe.Pointer(&page[0]))), length: uint64(len(page))}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fault), uffdioZero,
		uintptr(unsafe.Pointer(&zero))); errno != 0 {
		return errno
	}
	return nil
}
