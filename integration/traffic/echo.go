//go:build linux

package traffic

import (
	"flag"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/lvs-director/director/integration/lab"
)

// ServeEcho starts a UDP server on the host's port that answers each datagram
// with its host's name, from the address that was asked.
func ServeEcho(h *lab.Host, port int, address string) *lab.Process {
	ready := make(chan struct{}, 1)
	p := start(h, "echo", "echo", func(string) {
		select {
		case ready <- struct{}{}:
		default:
		}
	}, "-name", h.Name, "-address", net.JoinHostPort(address, strconv.Itoa(port)))
	select {
	case <-ready:
	case <-time.After(10 * time.Second):
	}
	return p
}

// serveEcho is the UDP server process. It binds to one address, because a
// wildcard socket would answer from the host's primary address.
func serveEcho(args []string) error {
	flags := flag.NewFlagSet("echo", flag.ContinueOnError)
	name := flags.String("name", "", "who answers")
	address := flags.String("address", "", "address and port")
	if err := flags.Parse(args); err != nil {
		return err
	}
	conn, err := net.ListenPacket("udp", *address)
	if err != nil {
		return err
	}
	fmt.Println("serving")
	buf := make([]byte, 2048)
	for {
		_, from, err := conn.ReadFrom(buf)
		if err != nil {
			return err
		}
		if _, err := conn.WriteTo([]byte(*name+"\n"), from); err != nil {
			return err
		}
	}
}
