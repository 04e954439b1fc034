//go:build linux

package scale

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// roleVar in the environment makes the bench one of the programs of this package, with its arguments.
const roleVar = "DIRECTOR_BENCH_SCALE"

// Main makes this process a sender, a caller or an answerer if the environment says so, and then does not return.
func Main() {
	words := strings.Fields(os.Getenv(roleVar))
	if len(words) == 0 {
		return
	}
	err := fmt.Errorf("there is no role %q", words[0])
	switch words[0] {
	case "send":
		err = send(words[1:])
	case "call":
		err = call(words[1:])
	case "answer":
		err = answer(words[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// stream is a number of datagrams to one address, of flows that come one after the other, again and again.
type stream struct {
	target netip.AddrPort
	count  int // datagrams
	first  int // flow, by number
	flows  int
	stride int // between two flows
}

// role is the stream as an argument of a sender.
func (s stream) role() string {
	return fmt.Sprintf("send %v %d %d %d %d", s.target, s.count, s.first, s.flows, s.stride)
}

func parseStream(words []string) (s stream, err error) {
	if len(words) != 5 {
		return s, fmt.Errorf("a stream has 5 words, not %d", len(words))
	}
	if s.target, err = netip.ParseAddrPort(words[0]); err != nil {
		return s, fmt.Errorf("read a stream: %w", err)
	}
	for i, to := range []*int{&s.count, &s.first, &s.flows, &s.stride} {
		if *to, err = strconv.Atoi(words[1+i]); err != nil {
			return s, fmt.Errorf("read a stream: %w", err)
		}
	}
	if s.flows < 1 {
		return s, errors.New("a stream has at least one flow")
	}
	return s, nil
}

// portsOfSource is how many flows come from one address.
const portsOfSource = 60_000

// source is where a flow comes from, by its number.
func source(flow int) netip.AddrPort {
	a := uint32(198)<<24 | uint32(18)<<16 | uint32(1+flow/portsOfSource)
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], a)
	return netip.AddrPortFrom(netip.AddrFrom4(b), uint16(1024+flow%portsOfSource))
}

// sources are all of them.
const sources = "198.18.0.0/15"

const (
	headers = 20 + 8 // of IPv4 and UDP
	payload = 18     // with the Ethernet header the smallest frame
)

// datagram writes a UDP datagram with its IPv4 header (RFC 791, RFC 768). The kernel fills in the checksum of the
// first header.
func datagram(b *[headers + payload]byte, from, to netip.AddrPort) {
	clear(b[:])
	put := binary.BigEndian.PutUint16
	b[0], b[8], b[9] = 0x45, 64, unix.IPPROTO_UDP
	put(b[2:], headers+payload)
	f, t := from.Addr().As4(), to.Addr().As4()
	copy(b[12:], f[:])
	copy(b[16:], t[:])
	put(b[20:], from.Port())
	put(b[22:], to.Port())
	put(b[24:], headers-20+payload)
	sum := uint32(unix.IPPROTO_UDP + headers - 20 + payload)
	for i := 12; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	put(b[26:], ^uint16(sum))
}

// send sends a stream and prints the nanoseconds that this took. Without a queue on the way a packet is at its last
// interface when the call returns.
func send(words []string) error {
	s, err := parseStream(words)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return fmt.Errorf("open a raw socket: %w", err)
	}
	defer unix.Close(fd)
	to := &unix.SockaddrInet4{Addr: s.target.Addr().As4()}
	var b [headers + payload]byte
	began := time.Now()
	for n := range s.count {
		datagram(&b, source(s.first+n%s.flows*s.stride), s.target)
		if err := unix.Sendto(fd, b[:], 0, to); err != nil {
			return fmt.Errorf("send to %v: %w", s.target, err)
		}
	}
	fmt.Println(time.Since(began).Nanoseconds())
	return nil
}

// call makes connections to an address, one after the other, each until the server closes it, and prints the
// nanoseconds that this took.
func call(words []string) error {
	if len(words) != 2 {
		return fmt.Errorf("a caller has 2 words, not %d", len(words))
	}
	count, err := strconv.Atoi(words[1])
	if err != nil {
		return fmt.Errorf("read a number of connections: %w", err)
	}
	began := time.Now()
	for range count {
		conn, err := net.DialTimeout("tcp4", words[0], 5*time.Second)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, conn)
		conn.Close()
		if err != nil {
			return fmt.Errorf("read from %s: %w", words[0], err)
		}
	}
	fmt.Println(time.Since(began).Nanoseconds())
	return nil
}

// answer takes connections at a port of every address, says one line and closes them, until it is killed.
func answer(words []string) error {
	if len(words) != 1 {
		return fmt.Errorf("an answerer has 1 word, not %d", len(words))
	}
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp4", net.JoinHostPort("", words[0]))
	if err != nil {
		return err
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			return fmt.Errorf("accept at %v: %w", l.Addr(), err)
		}
		fmt.Fprintln(conn, "here")
		conn.Close()
	}
}
