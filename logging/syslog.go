package logging

import (
	"bytes"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Syslog is where the lines of a process go on the host's own log.
type Syslog struct {
	Facility   int           // as syslog(3) numbers it: 0 to 23
	Identifier func() string // what the process is called there; it may change
	Socket     string        // empty is DefaultSocket
}

// DefaultSocket is that of the host's log.
const DefaultSocket = "/dev/log"

const (
	// maxSyslogLine bounds a line, in bytes; what is longer is cut. It is what rsyslog and
	// journald take.
	maxSyslogLine = 8 << 10
	// syslogPatience bounds how long one line is tried.
	syslogPatience = time.Second
	// tryAgain is how long a destination that failed is left alone.
	tryAgain = time.Second
)

// HasSyslog says whether something is at the socket of the host's log.
func HasSyslog() bool {
	info, err := os.Stat(DefaultSocket)
	return err == nil && info.Mode()&fs.ModeSocket != 0
}

// syslog writes lines that begin with their priority to the host's log. It belongs to the
// goroutine of a queue.
type syslog struct {
	Syslog
	conn   net.Conn
	stream bool
	next   time.Time // when the next try to connect is due
	lost   int       // lines
}

// Write sends one line. It may block, for a moment.
func (s *syslog) Write(line []byte) (int, error) {
	n := len(line)
	for range 2 { // a log that was started again has a new socket
		if s.conn == nil && !s.connect() {
			break
		}
		if s.lost > 0 {
			lost := fmt.Sprintf("%s%d log lines were lost: there was no syslog", priorityPrefix(s.Facility, 4), s.lost)
			if s.send([]byte(lost)) != nil {
				continue
			}
			s.lost = 0
		}
		if s.send(line) == nil {
			return n, nil
		}
	}
	s.lost++
	return n, nil // there is nowhere to report it
}

func (s *syslog) connect() bool {
	now := time.Now()
	if now.Before(s.next) {
		return false
	}
	path := s.Socket
	if path == "" {
		path = DefaultSocket
	}
	for _, network := range []string{"unixgram", "unix"} {
		c, err := net.DialTimeout(network, path, syslogPatience)
		if err == nil {
			s.conn, s.stream = c, network == "unix"
			return true
		}
	}
	s.next = now.Add(tryAgain)
	return false
}

// send writes one line; a connection that fails is given up.
func (s *syslog) send(line []byte) error {
	end := bytes.IndexByte(line, '>') + 1
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s%s %s[%d]: ", line[:end], time.Now().Format(time.Stamp), s.Identifier(), os.Getpid())
	b.Write(bytes.TrimRight(line[end:], "\n"))
	if b.Len() > maxSyslogLine {
		b.Truncate(maxSyslogLine)
	}
	if s.stream {
		b.WriteByte(0)
	}
	err := s.conn.SetWriteDeadline(time.Now().Add(syslogPatience))
	if err == nil {
		_, err = s.conn.Write(b.Bytes())
	}
	if err != nil {
		s.conn.Close()
		s.conn = nil
	}
	return err
}

// file appends lines to a file, and follows it when it was moved away. It belongs to the
// goroutine of a queue once it was opened first.
type file struct {
	path  string
	f     *os.File
	info  os.FileInfo
	check time.Time // when it is looked at next
}

// logFileMode is that of a log file that is made: it has addresses of a network in it.
const logFileMode = 0o640

func (l *file) open() error {
	l.check = time.Now().Add(tryAgain)
	f, err := os.OpenFile(filepath.Clean(l.path), os.O_WRONLY|os.O_APPEND|os.O_CREATE, logFileMode)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	l.f, l.info = f, info
	return nil
}

// Write appends one line.
func (l *file) Write(line []byte) (int, error) {
	if time.Now().After(l.check) {
		l.check = time.Now().Add(tryAgain)
		if now, err := os.Stat(l.path); l.f == nil || err != nil || !os.SameFile(now, l.info) {
			old := l.f
			if l.open() == nil && old != nil {
				old.Close()
			}
		}
	}
	if l.f == nil {
		return len(line), nil
	}
	return l.f.Write(line)
}
