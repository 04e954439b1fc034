package probe_test

import (
	"bufio"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
)

// serverVar makes the test program a real server: its processor time is its own.
const serverVar = "PROBE_TEST_SERVER"

const page = "a page of a real server\n"

// beServer answers every connection with a page, once something was asked for.
func beServer() {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(l.Addr())
	go func() { // ends with its parent
		os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}()
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			if _, err := c.Read(make([]byte, 1024)); err == nil {
				fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nServer: test\r\nContent-Length: %d\r\n\r\n%s", len(page), page)
			}
		}()
	}
}

func startServer(b *testing.B) netip.AddrPort {
	b.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), serverVar+"=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
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
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return netip.MustParseAddrPort(strings.TrimSpace(line))
}

// BenchmarkCost is the processor time of this process for a check, when 2,000 a second
// begin: each at a time of its own, or those of 5 ms together.
func BenchmarkCost(b *testing.B) {
	sum := md5.Sum([]byte(page))
	to := startServer(b)
	web := httpCheck(to, "/")
	web.HTTP.URLs[0].Digest = hex.EncodeToString(sum[:])
	for _, kind := range []struct {
		name  string
		check *conf.Checker
		rate  int
	}{{"tcp", tcpCheck(to), 2000}, {"http", web, 1000}} {
		for _, together := range []int{1, 10} {
			b.Run(fmt.Sprintf("%s/%d", kind.name, together), func(b *testing.B) {
				p, err := probe.New(probe.Options{Log: slog.New(slog.DiscardHandler)})
				if err != nil {
					b.Fatal(err)
				}
				defer p.Close()
				b.ReportAllocs()
				var all sync.WaitGroup
				pause := time.Duration(together) * time.Second / time.Duration(kind.rate)
				next, used := time.Now(), processor()
				for i := range b.N {
					if i%together == 0 {
						next = next.Add(pause)
						time.Sleep(time.Until(next))
					}
					all.Add(1)
					p.Start(probe.Target{Checker: kind.check}, func(r probe.Result) {
						if !r.OK {
							b.Error(r.Reason)
						}
						all.Done()
					})
				}
				all.Wait()
				b.ReportMetric(float64((processor()-used).Microseconds())/float64(b.N), "cpu-us/op")
			})
		}
	}
}

func processor() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
