//go:build linux

package traffic

import (
	"bufio"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/integration/lab"
)

// ServeNames starts a server that answers every line, and every datagram, with
// its host's name. Listen are words such as "tcp:80" (on all addresses),
// "udp:192.0.2.100:53" (of one address, from which it answers) and "sctp:80".
// It serves before this returns.
func ServeNames(h *lab.Host, listen ...string) *lab.Process {
	ready := make(chan struct{}, 1)
	p := start(h, "names", "names", func(string) {
		select {
		case ready <- struct{}{}:
		default:
		}
	}, append([]string{"-name", h.Name}, listen...)...)
	select {
	case <-ready:
	case <-time.After(10 * time.Second):
	}
	return p
}

func serveNames(args []string) error {
	flags := flag.NewFlagSet("names", flag.ContinueOnError)
	name := flags.String("name", "", "who answers")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ended := make(chan error)
	for _, word := range flags.Args() {
		serve, err := listenForNames(word, *name)
		if err != nil {
			return fmt.Errorf("listen on %s: %w", word, err)
		}
		go func() { ended <- serve() }()
	}
	fmt.Println("serving")
	return <-ended
}

func listenForNames(word, name string) (serve func() error, err error) {
	network, address, _ := strings.Cut(word, ":")
	switch network {
	case "tcp":
		listener, err := net.Listen("tcp", ":"+address)
		return func() error {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return err
				}
				go answerLines(conn, name)
			}
		}, err
	case "udp":
		conn, err := net.ListenPacket("udp", address)
		return func() error {
			buf := make([]byte, 2048)
			for {
				_, from, err := conn.ReadFrom(buf)
				if err != nil {
					return err
				}
				if _, err := conn.WriteTo([]byte(name+"\n"), from); err != nil {
					return err
				}
			}
		}, err
	case "sctp":
		return listenSCTP(address, name)
	}
	return nil, fmt.Errorf("unknown network %q", network)
}

func answerLines(conn net.Conn, name string) {
	defer conn.Close()
	lines := bufio.NewReaderSize(conn, 256)
	for {
		if _, err := lines.ReadString('\n'); err != nil {
			return
		}
		if _, err := conn.Write([]byte(name + "\n")); err != nil {
			return
		}
	}
}

// listenSCTP serves associations of one stream (RFC 9260; sctp(7)).
func listenSCTP(port, name string) (func() error, error) {
	address, err := netip.ParseAddrPort("0.0.0.0:" + port)
	if err != nil {
		return nil, err
	}
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_SCTP)
	if err != nil {
		return nil, err
	}
	if err := unix.Bind(socket, &unix.SockaddrInet4{Port: int(address.Port())}); err != nil {
		return nil, err
	}
	if err := unix.Listen(socket, 1024); err != nil {
		return nil, err
	}
	return func() error {
		for {
			one, _, err := unix.Accept(socket)
			if err != nil {
				return err
			}
			go func() {
				defer unix.Close(one)
				buf := make([]byte, 256)
				for {
					if n, err := unix.Read(one, buf); n <= 0 || err != nil {
						return
					}
					if _, err := unix.Write(one, []byte(name+"\n")); err != nil {
						return
					}
				}
			}()
		}
	}, nil
}
