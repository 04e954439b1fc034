package link

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// watchOnce makes an epoll instance of the socket's own that reports one
// packet and then nothing until it is armed. Go's poller, in which the socket
// itself could be, would be woken by each packet whether or not somebody waits.
func watchOnce(fd int) (*os.File, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("watching a raw socket: %w", err)
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT}
	err = unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &event)
	if err == nil {
		err = unix.SetNonblock(epoll, true) // Go's poller takes no other
	}
	if err != nil {
		unix.Close(epoll)
		return nil, fmt.Errorf("watching a raw socket: %w", err)
	}
	return os.NewFile(uintptr(epoll), "vrrp"), nil
}

// watchAgain arms it.
func watchAgain(epoll *os.File, fd int) {
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT}
	conn, err := epoll.SyscallConn()
	if err == nil {
		_ = conn.Control(func(epoll uintptr) {
			_ = unix.EpollCtl(int(epoll), unix.EPOLL_CTL_MOD, fd, &event)
		})
	}
}
