package lvs

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/worker"
)

const (
	serversVar = "LVS_BENCH_SERVERS"
	serverPage = "a page of a real server\n"
)

// ports are those of the process beside a benchmark: one closes, one answers with a page, one says
// nothing, and one is a supervisor that sends the configuration it is asked for.
type ports [4]int

const (
	closes = iota
	answers
	silent
	supervises
)

// TestServers is the process beside BenchmarkManyChecks: real servers, whose processor time is their
// own, and what has read the configuration, whose memory is its own.
func TestServers(t *testing.T) {
	if os.Getenv(serversVar) == "" {
		t.Skip("only for the benchmark")
	}
	var p ports
	for i, serve := range [...]func(net.Conn){
		closes: func(c net.Conn) { c.Close() },
		answers: func(c net.Conn) {
			defer c.Close()
			if _, err := c.Read(make([]byte, 1024)); err == nil {
				fmt.Fprintf(c, "HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(serverPage), serverPage)
			}
		},
		silent: func(c net.Conn) {
			defer c.Close()
			for b := make([]byte, 1024); ; {
				if _, err := c.Read(b); err != nil {
					return
				}
			}
		},
		supervises: func(c net.Conn) {
			defer c.Close()
			name, _ := bufio.NewReader(c).ReadString('\n')
			m, err := manyLoads[strings.TrimSpace(name)].message(p)
			if err == nil {
				err = worker.NewConn(c).Write(m)
			}
			if err != nil {
				t.Error(err)
			}
		},
	} {
		l, err := net.Listen("tcp4", ":0")
		if err != nil {
			t.Fatal(err)
		}
		p[i] = l.Addr().(*net.TCPAddr).Port
		fmt.Fprintln(os.Stderr, "port", p[i])
		defer l.Close()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go serve(c)
			}
		}()
	}
	os.Stdin.Read(make([]byte, 1)) // until the benchmark ends
}

func startServers(b *testing.B) (p ports) {
	b.Helper()
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestServers$")
	cmd.Env = append(os.Environ(), serversVar+"=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
	in := bufio.NewReader(out)
	for i := range p {
		line, err := in.ReadString('\n')
		if err != nil {
			b.Fatal(err)
		}
		if p[i], err = strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(line, "port"))); err != nil {
			b.Fatal(err)
		}
	}
	return p
}

// told is the configuration of a load as a worker gets it.
func (p ports) told(b *testing.B, name string) worker.Message {
	b.Helper()
	c, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", p[supervises]))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintln(c, name)
	m, err := worker.NewConn(c).Read()
	if err != nil {
		b.Fatal(err)
	}
	return m
}

// manyLoad is a number of checks, and how many more of servers that say nothing.
type manyLoad struct {
	count, silents int
	delay          time.Duration
	page           bool // HTTP_GET with a digest, else TCP_CHECK
}

var manyLoads = map[string]manyLoad{
	"tcp":                   {count: 10000, delay: 5 * time.Second},
	"http":                  {count: 2000, delay: 2 * time.Second, page: true},
	"tcp each second":       {count: 2000, delay: time.Second},
	"http each second":      {count: 400, delay: time.Second, page: true},
	"few tcp":               {count: 500, delay: 5 * time.Second},
	"few http":              {count: 200, delay: 2 * time.Second, page: true},
	"tcp beside 500 silent": {count: 10000, delay: 5 * time.Second, silents: 500},
}

// text is the configuration.
func (l manyLoad) text(p ports) string {
	page := func(port int) string {
		return fmt.Sprintf("HTTP_GET {\n url {\n path /\n digest %x\n }\n connect_port %d\n connect_timeout 3\n }\n",
			md5.Sum([]byte(serverPage)), port)
	}
	check := "TCP_CHECK {\n connect_timeout 3\n }\n"
	if l.page {
		check = page(p[answers])
	}
	var text bytes.Buffer
	for n := range l.count + l.silents {
		if n >= l.count {
			check = "alpha\n" + page(p[silent])
		}
		if n%50 == 0 {
			if n > 0 {
				text.WriteString("}\n")
			}
			fmt.Fprintf(&text, "virtual_server 10.255.%d.%d 80 {\n delay_loop %g\n protocol TCP\n", n/50/250, n/50%250,
				l.delay.Seconds())
		}
		fmt.Fprintf(&text, "real_server 127.%d.%d.%d %d {\n %s }\n", 1+n/50/250, n/50%250, n%50+1, p[closes], check)
	}
	text.WriteString("}\n")
	return text.String()
}

// message is what a worker is sent at its start.
func (l manyLoad) message(p ports) (worker.Message, error) {
	cfg, findings := load.LoadText("bench", l.text(p), load.Options{})
	if conf.HasErrors(findings) {
		return worker.Message{}, fmt.Errorf("the configuration has errors: %v", findings[0])
	}
	return worker.Message{Configure: &worker.Configure{Generation: 1, Config: cfg}}, nil
}
