//go:build linux

package traffic

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/lvs-director/director/integration/lab"
)

// Load is what Sessions put on a virtual server: connections that stay, each of which asks again and again, and
// connections that come and go with one question each.
type Load struct {
	Network string // tcp (the default) or udp, which has flows instead of connections
	Target  string // address and port
	Count   int    // connections that stay
	Every   time.Duration
	New     int // connections that come and go, a second
	// FirstPort is the local port of the first connection; the others have the next ones. A load that uses no port
	// of an earlier one meets no entry that IPVS has kept of it.
	FirstPort int
}

// Outcomes are what has become of a load.
type Outcomes struct {
	Count    int // connections that stay, and that had a first answer
	Lost     int // of these: were reset or had no answer for Patience
	Moved    int // of these: were answered by another real server than first
	Answers  int // to questions on them
	New      int // connections that came and went
	NewLost  int // of these: had no answer
	Refused  int // of all connections: were refused
	Slow     int // answers that took longer than SlowAnswer
	LastSlow time.Time
	Longest  time.Duration // that an answer took
	First    string        // what was wrong first, for people
}

// SlowAnswer is how long an answer takes that had to be asked for again: TCP sends again after 200 ms at the
// earliest.
const SlowAnswer = 400 * time.Millisecond

// sessionPatience is how long an answer may take before the connection counts as lost.
const sessionPatience = 8 * time.Second

// Kept is the share of the connections that was not lost, from 0 to 1.
func (o Outcomes) Kept() float64 { return float64(o.Count-o.Lost) / float64(max(o.Count, 1)) }

func (o Outcomes) String() string {
	text := fmt.Sprintf("%d of %d connections lost, %d moved, %d answers; %d of %d new ones lost; %d refused; %d answers "+
		"were slow, the slowest %v", o.Lost, o.Count, o.Moved, o.Answers, o.NewLost, o.New, o.Refused, o.Slow,
		o.Longest.Round(time.Millisecond))
	if o.First != "" {
		text += "; first: " + o.First
	}
	return text
}

// Sessions are a load that runs on a host.
type Sessions struct {
	*lab.Process
	lines chan string
}

// StartSessions puts a load on a virtual server, and returns when each connection has had its first answer or has
// failed.
func StartSessions(h *lab.Host, l Load) *Sessions {
	if l.Network == "" {
		l.Network = "tcp"
	}
	s := &Sessions{lines: make(chan string, 16)}
	s.Process = start(h, "sessions", "sessions-"+l.Network, func(line string) { s.lines <- line },
		"-network", l.Network, "-target", l.Target, "-count", strconv.Itoa(l.Count), "-every", l.Every.String(),
		"-new", strconv.Itoa(l.New), "-port", strconv.Itoa(l.FirstPort))
	s.read()
	return s
}

// SoFar are the outcomes since the last call. What is asked at the moment counts in the next one.
func (s *Sessions) SoFar() Outcomes {
	s.Signal(syscall.SIGUSR1)
	return s.read()
}

// End waits for what is asked at the moment, and ends the load.
func (s *Sessions) End() Outcomes {
	s.Signal(syscall.SIGUSR2)
	o := s.read()
	s.Stop(10 * time.Second)
	return o
}

func (s *Sessions) read() (o Outcomes) {
	select {
	case line := <-s.lines:
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			o.First = "the client said " + line
		}
	case <-time.After(answersLimit):
		o.First = "the client itself is late"
	}
	return o
}

// sessions is the client process.
type sessions struct {
	Load
	ending  context.Context
	working sync.WaitGroup
	mu      sync.Mutex // of what follows
	seen    Outcomes
	port    int
}

func runSessions(args []string) error {
	var s sessions
	flags := flag.NewFlagSet("sessions", flag.ContinueOnError)
	flags.StringVar(&s.Network, "network", "tcp", "tcp or udp")
	flags.StringVar(&s.Target, "target", "", "address and port")
	flags.IntVar(&s.Count, "count", 1, "connections that stay")
	flags.DurationVar(&s.Every, "every", time.Second, "between two questions on one connection")
	flags.IntVar(&s.New, "new", 0, "connections that come and go, a second")
	flags.IntVar(&s.port, "port", firstPort, "first local port")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ending, end := context.WithCancel(context.Background())
	defer end()
	s.ending = ending
	asked := make(chan os.Signal, 2)
	signal.Notify(asked, syscall.SIGUSR1, syscall.SIGUSR2)
	var first sync.WaitGroup
	for n := range s.Count {
		first.Add(1)
		// Connections begin, and go on, at different moments.
		time.Sleep(s.Every / time.Duration(s.Count))
		s.working.Go(func() { s.stay(n, first.Done) })
	}
	first.Wait()
	s.tell()
	if s.New > 0 {
		s.working.Go(s.comeAndGo)
	}
	for sig := range asked {
		if sig == syscall.SIGUSR2 {
			end()
			s.working.Wait()
		}
		s.tell()
	}
	return nil
}

func (s *sessions) tell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	text, err := json.Marshal(s.seen)
	if err == nil {
		fmt.Println(string(text))
	}
	s.seen = Outcomes{Count: s.seen.Count - s.seen.Lost}
}

func (s *sessions) open() (net.Conn, error) {
	s.mu.Lock()
	port := s.port
	s.port++
	s.mu.Unlock()
	var local net.Addr = &net.TCPAddr{Port: port}
	if s.Network == "udp" {
		local = &net.UDPAddr{Port: port}
	}
	dialer := net.Dialer{LocalAddr: local, KeepAlive: -1, Timeout: sessionPatience}
	return dialer.Dial(s.Network, s.Target)
}

// stay keeps one connection until it is lost.
func (s *sessions) stay(_ int, firstDone func()) {
	conn, err := s.open()
	var server string
	if err == nil {
		defer conn.Close()
		server, err = s.ask(conn)
	}
	s.mu.Lock()
	if err == nil {
		s.seen.Count++
	} else {
		s.wrong("to connect", err)
		s.seen.NewLost++
	}
	s.mu.Unlock()
	firstDone()
	if err != nil {
		return
	}
	tick := time.NewTicker(s.Every)
	defer tick.Stop()
	for {
		select {
		case <-s.ending.Done():
			return
		case <-tick.C:
		}
		asked := time.Now()
		now, err := s.ask(conn)
		s.mu.Lock()
		switch {
		case err != nil:
			s.seen.Lost++
			s.wrong("connection from "+conn.LocalAddr().String()+" with "+server, err)
			s.mu.Unlock()
			return
		case now != server:
			s.seen.Moved++
			s.wrong("connection from "+conn.LocalAddr().String(), errors.New("was with "+server+", is with "+now))
			server = now
		}
		s.took(asked)
		s.mu.Unlock()
	}
}

// ask asks who answers. A datagram is sent again when there is no answer.
func (s *sessions) ask(conn net.Conn) (string, error) {
	tries, limit := 1, sessionPatience
	if s.Network == "udp" {
		tries, limit = 8, sessionPatience/8
	}
	var err error
	for range tries {
		_ = conn.SetDeadline(time.Now().Add(limit))
		if _, err = conn.Write([]byte("who\n")); err != nil {
			continue
		}
		buf := make([]byte, 256)
		var n int
		if n, err = conn.Read(buf); err == nil {
			return strings.TrimSpace(string(buf[:n])), nil
		}
	}
	return "", err
}

// took notes an answer. The caller holds mu.
func (s *sessions) took(asked time.Time) {
	now := time.Now()
	d := now.Sub(asked)
	s.seen.Answers++
	s.seen.Longest = max(s.seen.Longest, d)
	if d > SlowAnswer {
		s.seen.Slow++
		s.seen.LastSlow = now
	}
}

// wrong notes a failure. The caller holds mu.
func (s *sessions) wrong(what string, err error) {
	if errors.Is(err, syscall.ECONNREFUSED) {
		s.seen.Refused++
	}
	if s.seen.First == "" {
		s.seen.First = fmt.Sprintf("%s %s: %v", time.Now().Format("15:04:05.000"), what, err)
	}
}

// comeAndGo makes the connections that have one question each.
func (s *sessions) comeAndGo() {
	tick := time.NewTicker(time.Second / time.Duration(s.New))
	defer tick.Stop()
	for {
		select {
		case <-s.ending.Done():
			return
		case <-tick.C:
		}
		s.working.Go(func() {
			asked := time.Now()
			conn, err := s.open()
			if err == nil {
				_, err = s.ask(conn)
				conn.Close()
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.seen.New++
			if err != nil {
				s.seen.NewLost++
				s.wrong("a new connection", err)
				return
			}
			s.took(asked)
			s.seen.Answers--
		})
	}
}
