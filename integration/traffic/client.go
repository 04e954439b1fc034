//go:build linux

package traffic

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// runClient is the client process. It starts a request every Pace, each on a
// connection of its own and independent of earlier ones, and prints one line for
// each when it ends.
func runClient(args []string) error {
	flags := flag.NewFlagSet("client", flag.ContinueOnError)
	network := flags.String("network", "tcp", "tcp or udp")
	target := flags.String("target", "", "address and port")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ask := askTCP
	if *network == "udp" {
		ask = askUDP
	}
	var printing sync.Mutex
	tick := time.NewTicker(Pace)
	for range tick.C {
		go func() {
			started := time.Now()
			server, err := ask(*target, started.Add(Patience))
			took := time.Since(started)
			printing.Lock()
			defer printing.Unlock()
			fmt.Fprintf(os.Stdout, "%d %d %s %s\n", started.UnixNano(), took, classify(err), server)
		}()
	}
	return nil
}

// parseRequest reads a line that the client printed.
func parseRequest(line string) (Request, bool) {
	var started, took int64
	var outcome, server string
	n, _ := fmt.Sscan(line, &started, &took, &outcome, &server)
	return Request{
		Start: time.Unix(0, started), Took: time.Duration(took), Outcome: Outcome(outcome), Server: server,
	}, n >= 3
}

var errGarbled = errors.New("not an answer of a real server")

// askTCP sends one HTTP request and returns the name of the server that
// answered.
func askTCP(target string, deadline time.Time) (server string, err error) {
	conn, err := dial("tcp", target, deadline)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", target); err != nil {
		return "", err
	}
	answer := make([]byte, 0, maxAnswer)
	for {
		n, err := conn.Read(answer[len(answer):cap(answer)])
		answer = answer[:len(answer)+n]
		if err == io.EOF {
			return serverName(answer)
		}
		if err != nil {
			return "", err
		}
		if len(answer) == cap(answer) {
			return "", errGarbled
		}
	}
}

const maxAnswer = 1024

// serverName reads an answer: the server's name in a header and the same name
// as body.
func serverName(answer []byte) (string, error) {
	head, body, _ := strings.Cut(string(answer), "\r\n\r\n")
	if !strings.HasPrefix(head, "HTTP/1.1 200 ") {
		return "", errGarbled
	}
	for line := range strings.SplitSeq(head, "\r\n") {
		if name, ok := strings.CutPrefix(line, serverHeader+": "); ok && name == strings.TrimSpace(body) {
			return name, nil
		}
	}
	return "", errGarbled
}

// askUDP sends one datagram and returns the name in the answer.
func askUDP(target string, deadline time.Time) (server string, err error) {
	conn, err := dial("udp", target, deadline)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("who\n")); err != nil {
		return "", err
	}
	buf := make([]byte, 256)
	n, err := conn.Read(buf)
	if err != nil {
		return "", err
	}
	return string(bytes.TrimSpace(buf[:n])), nil
}

// ports counts up the client's local ports. The kernel would soon choose the port
// of a failed connection again, and IPVS would take the new connection for it.
var ports atomic.Uint32

const firstPort, lastPort = 10000, 60000

func nextPort(network string) net.Addr {
	port := firstPort + int(ports.Add(1)%(lastPort-firstPort))
	if network == "udp" {
		return &net.UDPAddr{Port: port}
	}
	return &net.TCPAddr{Port: port}
}

func dial(network, target string, deadline time.Time) (net.Conn, error) {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	dialer := net.Dialer{LocalAddr: nextPort(network), KeepAlive: -1}
	conn, err := dialer.DialContext(ctx, network, target)
	if err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(deadline)
}

func classify(err error) Outcome {
	var timeout net.Error
	switch {
	case err == nil:
		return Answered
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return Reset
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return Unreachable
	case errors.As(err, &timeout) && timeout.Timeout():
		return NoAnswer
	}
	return Garbled
}
