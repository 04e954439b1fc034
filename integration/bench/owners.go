//go:build linux

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/integration/lab"
)

// change is a virtual address that came to a host or left it.
type change struct {
	at   time.Time
	host int
	addr netip.Addr
	came bool
}

// owners records which host has which virtual address, as the kernels of both hosts report it by
// rtnetlink. It sends and captures no packets, so it costs the daemons nothing.
type owners struct {
	mu      sync.Mutex
	changes []change
	lost    error // why some changes were missed
	files   []int
	readers sync.WaitGroup
}

// watchOwners starts to listen in the hosts' namespaces.
func watchOwners(hosts [2]*lab.Host) (*owners, error) {
	o := &owners{}
	for i, h := range hosts {
		err := h.Do(func() error {
			fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
			if err != nil {
				return err
			}
			o.files = append(o.files, fd)
			const room = 64 << 20
			return errors.Join(
				unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, room),
				unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 200_000}),
				unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: unix.RTMGRP_IPV4_IFADDR}))
		})
		if err != nil {
			o.close()
			return nil, fmt.Errorf("watch the addresses of %s: %w", h.Name, err)
		}
		fd := o.files[i]
		o.readers.Go(func() { o.read(i, fd) })
	}
	return o, nil
}

// read records changes until the socket is shut down. It runs at the highest real-time priority, so
// that the times are right on a busy machine.
func (o *owners) read(host, fd int) {
	runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
	param := struct{ priority int32 }{99}
	const schedFIFO = 1
	unix.RawSyscall(unix.SYS_SCHED_SETSCHEDULER, 0, schedFIFO, uintptr(unsafe.Pointer(&param)))
	buffer := make([]byte, 1<<16)
	for {
		n, _, err := unix.Recvfrom(fd, buffer, 0)
		now := time.Now()
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
			if o.closed() {
				return
			}
			continue
		case err != nil:
			o.mu.Lock()
			o.lost = err
			o.mu.Unlock()
			if errors.Is(err, unix.ENOBUFS) {
				continue
			}
			return
		}
		messages, err := syscall.ParseNetlinkMessage(buffer[:n])
		if err != nil {
			continue
		}
		o.mu.Lock()
		for _, m := range messages {
			if c, ok := addressChange(m); ok {
				c.at, c.host = now, host
				o.changes = append(o.changes, c)
			}
		}
		o.mu.Unlock()
	}
}

func addressChange(m syscall.NetlinkMessage) (c change, ok bool) {
	c.came = m.Header.Type == unix.RTM_NEWADDR
	if !c.came && m.Header.Type != unix.RTM_DELADDR {
		return c, false
	}
	attributes, err := syscall.ParseNetlinkRouteAttr(&m)
	if err != nil {
		return c, false
	}
	for _, a := range attributes {
		if a.Attr.Type == unix.IFA_LOCAL {
			c.addr, ok = netip.AddrFromSlice(a.Value)
		}
	}
	return c, ok && isVirtual(c.addr)
}

func (o *owners) closed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.files == nil
}

// close ends the watching.
func (o *owners) close() {
	o.mu.Lock()
	files := o.files
	o.files = nil
	o.mu.Unlock()
	o.readers.Wait() // within the sockets' timeout
	for _, fd := range files {
		unix.Close(fd)
	}
}

// all returns what was noted so far.
func (o *owners) all() ([]change, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lost != nil {
		return nil, fmt.Errorf("some changes of addresses were missed: %w", o.lost)
	}
	return slices.Clone(o.changes), nil
}

// story is what happened to the virtual addresses in a stretch of time.
type story struct {
	Both    time.Duration // the longest time for which two hosts had the same address
	Shared  int           // addresses that two hosts had at some moment
	Changes int           // the most changes of owner of one address, its first one not counted
	Moved   int           // addresses whose owner has changed
	Last    time.Duration // from the beginning until the last address came
	Came    int           // addresses that came to a host
}

// tell sums up the changes since a moment. An address that two hosts still have counts as shared
// until end.
func tell(changes []change, from, end time.Time) story {
	type life struct {
		has       [2]bool
		both      time.Time // since when two have it
		owner     int
		owned     bool
		moves     int
		wasShared bool
	}
	var s story
	lives := map[netip.Addr]*life{}
	for _, c := range changes {
		l := lives[c.addr]
		if l == nil {
			l = &life{}
			lives[c.addr] = l
		}
		if l.has[c.host] == c.came {
			continue // reported twice
		}
		had := l.has[0] && l.has[1]
		l.has[c.host] = c.came
		has := l.has[0] && l.has[1]
		if c.at.Before(from) {
			if c.came {
				l.owner, l.owned = c.host, true
			}
			l.both = from
			continue
		}
		switch {
		case has && !had:
			l.both, l.wasShared = c.at, true
		case had && !has:
			s.Both = max(s.Both, c.at.Sub(l.both))
		}
		if !c.came {
			continue
		}
		s.Last = max(s.Last, c.at.Sub(from))
		s.Came++
		if l.owned && l.owner != c.host {
			l.moves++
		}
		l.owner, l.owned = c.host, true
	}
	for _, l := range lives {
		if l.has[0] && l.has[1] {
			s.Both = max(s.Both, end.Sub(l.both))
		}
		if l.wasShared {
			s.Shared++
		}
		if l.moves > 0 {
			s.Moved++
		}
		s.Changes = max(s.Changes, l.moves)
	}
	return s
}
