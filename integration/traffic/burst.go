//go:build linux

package traffic

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/integration/lab"
)

// Burst is a number of connections, each of which asks once for the server's name.
type Burst struct {
	Network string   // tcp (the default), udp or sctp
	Targets []string // address and port; connections go to one after the other
	Sources []string // addresses of the client, one after the other; the kernel's choice when empty
	Count   int
	// SourcePort is the port that all connections come from; 0 is one of its own for each.
	SourcePort int
	// Hold keeps the connections open until Close.
	Hold bool
	// Together is how many connections ask at the same time; 0 is 16.
	Together int
}

// Answer is the result of one question.
type Answer struct {
	N       int    // of the connection
	Target  string // that was asked
	Source  string // the client's address
	Server  string // who answered; empty without an answer
	Problem string
}

// Answers are the results of all questions.
type Answers []Answer

// ByServer counts the answers of each server.
func (a Answers) ByServer() map[string]int {
	counts := map[string]int{}
	for _, one := range a {
		if one.Server != "" {
			counts[one.Server]++
		}
	}
	return counts
}

// Failed are the questions without an answer.
func (a Answers) Failed() (list Answers) {
	for _, one := range a {
		if one.Server == "" {
			list = append(list, one)
		}
	}
	return list
}

// Held are connections that a host keeps open.
type Held struct {
	*lab.Process
	First Answers // of the first question

	count int
	lines chan string
}

// Run plays a burst on a host and returns what became of each connection.
func (b Burst) Run(h *lab.Host) Answers {
	b.Hold = false
	held := b.Start(h)
	held.WaitEnd(answersLimit)
	return held.First
}

// answersLimit is how long a burst may last.
const answersLimit = 120 * time.Second

// Start plays a burst whose connections stay open.
func (b Burst) Start(h *lab.Host) *Held {
	if b.Network == "" {
		b.Network = "tcp"
	}
	if b.Together == 0 {
		b.Together = 16
	}
	held := &Held{count: b.Count, lines: make(chan string, 2*b.Count+16)}
	held.Process = start(h, "burst", "burst", func(line string) { held.lines <- line },
		"-network", b.Network, "-targets", strings.Join(b.Targets, ","), "-sources", strings.Join(b.Sources, ","),
		"-count", strconv.Itoa(b.Count), "-port", strconv.Itoa(b.SourcePort), "-together", strconv.Itoa(b.Together),
		fmt.Sprintf("-hold=%t", b.Hold))
	held.First = held.read()
	return held
}

// Ask asks on every connection once more.
func (c *Held) Ask() Answers {
	c.Signal(syscall.SIGUSR1)
	return c.read()
}

// Close closes all connections.
func (c *Held) Close() { c.Stop(10 * time.Second) }

func (c *Held) read() (list Answers) {
	limit := time.After(answersLimit)
	for len(list) < c.count {
		select {
		case line := <-c.lines:
			f := strings.Split(line, "\t")
			if len(f) != 5 {
				continue
			}
			n, _ := strconv.Atoi(f[0])
			list = append(list, Answer{N: n, Target: f[1], Source: f[2], Server: f[3], Problem: f[4]})
		case <-limit:
			for len(list) < c.count {
				list = append(list, Answer{Problem: "the client itself is late"})
			}
		}
	}
	return list
}

// runBurst is the client process.
func runBurst(args []string) error {
	var b Burst
	flags := flag.NewFlagSet("burst", flag.ContinueOnError)
	flags.StringVar(&b.Network, "network", "tcp", "tcp, udp or sctp")
	targets := flags.String("targets", "", "addresses and ports")
	sources := flags.String("sources", "", "addresses of this host")
	flags.IntVar(&b.Count, "count", 1, "connections")
	flags.IntVar(&b.SourcePort, "port", 0, "source port of all")
	flags.IntVar(&b.Together, "together", 16, "questions at the same time")
	flags.BoolVar(&b.Hold, "hold", false, "keep the connections open")
	if err := flags.Parse(args); err != nil {
		return err
	}
	b.Targets = strings.Split(*targets, ",")
	if *sources != "" {
		b.Sources = strings.Split(*sources, ",")
	}
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGUSR1)
	open := make([]io.ReadWriteCloser, b.Count)
	b.each(func(n int) (string, error) {
		conn, err := b.connect(n)
		if err != nil {
			return "", err
		}
		server, err := who(conn)
		if !b.Hold {
			conn.Close()
		} else {
			open[n] = conn
		}
		return server, err
	})
	for b.Hold {
		<-again
		b.each(func(n int) (string, error) {
			if open[n] == nil {
				return "", errors.New("never connected")
			}
			return who(open[n])
		})
	}
	return nil
}

// each asks on every connection, some at a time, and prints a line for each.
func (b *Burst) each(ask func(n int) (string, error)) {
	var next, failed atomic.Int64
	var printing sync.Mutex
	var asking sync.WaitGroup
	out := bufio.NewWriter(os.Stdout)
	for range b.Together {
		asking.Go(func() {
			for n := int(next.Add(1)) - 1; n < b.Count; n = int(next.Add(1)) - 1 {
				var server string
				err := errGivenUp
				if failed.Load() < maxFailures {
					server, err = ask(n)
				}
				problem := "-"
				if err != nil {
					failed.Add(1)
					server, problem = "", err.Error()
				}
				printing.Lock()
				fmt.Fprintf(out, "%d\t%s\t%s\t%s\t%s\n", n, b.target(n), b.source(n), server, problem)
				printing.Unlock()
			}
		})
	}
	asking.Wait()
	out.Flush()
}

func (b *Burst) target(n int) string { return b.Targets[n%len(b.Targets)] }

func (b *Burst) source(n int) string {
	if len(b.Sources) == 0 {
		return ""
	}
	return b.Sources[n/len(b.Targets)%len(b.Sources)]
}

func (b *Burst) connect(n int) (io.ReadWriteCloser, error) {
	target := b.target(n)
	if b.Network == "sctp" {
		return connectSCTP(target)
	}
	port := b.SourcePort
	if port == 0 {
		port = firstBurstPort + n%(firstPort-firstBurstPort)
	}
	ip := net.ParseIP(b.source(n)) // nil is the kernel's choice
	var local net.Addr = &net.TCPAddr{IP: ip, Port: port}
	if b.Network == "udp" {
		local = &net.UDPAddr{IP: ip, Port: port}
	}
	dialer := net.Dialer{LocalAddr: local, KeepAlive: -1, Timeout: questionLimit, Control: reuseAddress}
	conn, err := dialer.Dial(b.Network, target)
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// reuseAddress lets connections to several targets share one local port.
func reuseAddress(_, _ string, c syscall.RawConn) (err error) {
	if cerr := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	}); cerr != nil {
		return cerr
	}
	return err
}

// firstBurstPort is the first local port of a burst; they end where those of a
// Client on the same host begin.
const firstBurstPort = 1100

// maxFailures is the number of failures after which a burst stops asking.
const maxFailures = 20

var errGivenUp = errors.New("not asked, after as many failures")

// questionLimit is how long an answer may take.
const questionLimit = 5 * time.Second

// who asks once.
func who(conn io.ReadWriter) (server string, err error) {
	if timed, ok := conn.(net.Conn); ok {
		_ = timed.SetDeadline(time.Now().Add(questionLimit))
	}
	if _, err := conn.Write([]byte("who\n")); err != nil {
		return "", err
	}
	buf := make([]byte, 256)
	n, err := conn.Read(buf)
	return strings.TrimSpace(string(buf[:max(n, 0)])), err
}

// association is a connection by SCTP.
type association int

func connectSCTP(target string) (io.ReadWriteCloser, error) {
	to, err := netip.ParseAddrPort(target)
	if err != nil {
		return nil, err
	}
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_SCTP)
	if err != nil {
		return nil, err
	}
	limit := unix.NsecToTimeval(questionLimit.Nanoseconds())
	for _, option := range []int{unix.SO_RCVTIMEO, unix.SO_SNDTIMEO} {
		if err := unix.SetsockoptTimeval(socket, unix.SOL_SOCKET, option, &limit); err != nil {
			return nil, err
		}
	}
	if err := unix.Connect(socket, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err != nil {
		unix.Close(socket)
		return nil, err
	}
	return association(socket), nil
}

func (a association) Read(b []byte) (int, error)  { return unix.Read(int(a), b) }
func (a association) Write(b []byte) (int, error) { return unix.Write(int(a), b) }
func (a association) Close() error                { return unix.Close(int(a)) }
