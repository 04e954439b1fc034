package lvs

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lvs-director/director/checkers"
	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/nft"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/ipvs/ipvstest"
	"github.com/lvs-director/director/worker"
	"github.com/lvs-director/director/worker/journal"
	"github.com/lvs-director/director/workers"
)

const (
	serversVar = "LVS_BENCH_SERVERS"
	serverPage = "a page of a real server\n"
)

// TestServers is the real servers of BenchmarkManyChecks, in a process of their own: three
// ports, of which one closes, one answers with a page and one says nothing.
func TestServers(t *testing.T) {
	if os.Getenv(serversVar) == "" {
		t.Skip("only for the benchmark")
	}
	for _, serve := range []func(net.Conn){
		func(c net.Conn) { c.Close() },
		func(c net.Conn) {
			defer c.Close()
			if _, err := c.Read(make([]byte, 1024)); err == nil {
				fmt.Fprintf(c, "HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(serverPage), serverPage)
			}
		},
		func(c net.Conn) {
			defer c.Close()
			for b := make([]byte, 1024); ; {
				if _, err := c.Read(b); err != nil {
					return
				}
			}
		},
	} {
		l, err := net.Listen("tcp4", ":0")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(os.Stderr, "port", l.Addr().(*net.TCPAddr).Port)
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

func startServers(b *testing.B) (ports [3]int) {
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
	for i := range ports {
		line, err := in.ReadString('\n')
		if err != nil {
			b.Fatal(err)
		}
		if ports[i], err = strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(line, "port"))); err != nil {
			b.Fatal(err)
		}
	}
	return ports
}

// tick is when checks begin: at its multiples.
const tick = 100 * time.Millisecond

// timed is a prober that knows how late runs begin: after the end of the one before, and the
// pause that is configured.
type timed struct {
	*probe.Prober
	mu    sync.Mutex
	ended map[*conf.Checker]time.Time
	lags  []time.Duration
	runs  int
}

func (p *timed) Start(t probe.Target, done func(probe.Result)) (cancel func()) {
	now, silent := time.Now(), t.Checker.Alpha
	p.mu.Lock()
	if at, again := p.ended[t.Checker]; again && !silent {
		p.lags = append(p.lags, now.Sub(at.Add(t.Checker.Interval).Round(tick)))
	}
	p.mu.Unlock()
	return p.Prober.Start(t, func(r probe.Result) {
		p.mu.Lock()
		p.ended[t.Checker] = time.Now()
		if !silent {
			p.runs++
		}
		p.mu.Unlock()
		done(r)
	})
}

// BenchmarkManyChecks is a worker with thousands of checks, 20 seconds long: its share of a
// processor, its memory, how many of the checks were made and how late they began.
func BenchmarkManyChecks(b *testing.B) {
	ports := startServers(b)
	digest := fmt.Sprintf("%x", md5.Sum([]byte(serverPage)))
	tcp := "TCP_CHECK {\n connect_timeout 3\n }\n"
	page := func(port int) string {
		return fmt.Sprintf("HTTP_GET {\n url {\n path /\n digest %s\n }\n connect_port %d\n connect_timeout 3\n }\n",
			digest, port)
	}
	for _, test := range []struct {
		name    string
		count   int
		delay   time.Duration
		check   string
		silents int
	}{
		{"tcp", 10000, 5 * time.Second, tcp, 0},
		{"http", 2000, 2 * time.Second, page(ports[1]), 0},
		{"tcp beside 500 silent", 10000, 5 * time.Second, tcp, 500},
	} {
		b.Run(test.name, func(b *testing.B) {
			var text bytes.Buffer
			for n := 0; n < test.count+test.silents; n++ {
				check := test.check
				if n >= test.count {
					check = "alpha\n" + page(ports[2])
				}
				if n%50 == 0 {
					if n > 0 {
						text.WriteString("}\n")
					}
					fmt.Fprintf(&text, "virtual_server 10.255.%d.%d 80 {\n delay_loop %g\n protocol TCP\n",
						n/50/250, n/50%250, test.delay.Seconds())
				}
				fmt.Fprintf(&text, "real_server 127.%d.%d.%d %d {\n %s }\n", 1+n/50/250, n/50%250, n%50+1, ports[0], check)
			}
			text.WriteString("}\n")
			cfg, findings := load.LoadText("bench", text.String(), load.Options{})
			if conf.HasErrors(findings) {
				b.Fatal(findings)
			}
			for b.Loop() {
				runMany(b, cfg, test.count, test.delay)
			}
		})
	}
}

func runMany(b *testing.B, cfg *conf.Config, count int, delay time.Duration) {
	b.Helper()
	const settle, length = 7 * time.Second, 20 * time.Second
	debug.FreeOSMemory() // what loading the file took
	prober, err := probe.New(probe.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer prober.Close()
	p := &timed{Prober: prober, ended: map[*conf.Checker]time.Time{}}
	stop := startWorker(b, p)
	stop.in <- worker.Message{Configure: &worker.Configure{Generation: 1, Config: cfg}}
	time.Sleep(settle)
	p.mu.Lock()
	p.lags, p.runs = nil, 0
	p.mu.Unlock()
	began, used := time.Now(), processor()
	time.Sleep(length)
	share := float64(processor()-used) / float64(time.Since(began))
	p.mu.Lock()
	lags, runs := slices.Sorted(slices.Values(p.lags)), p.runs
	p.mu.Unlock()
	b.ReportMetric(100*share, "%cpu")
	b.ReportMetric(float64(lags[len(lags)*99/100].Microseconds())/1000, "lag-p99-ms")
	b.ReportMetric(float64(lags[len(lags)-1].Microseconds())/1000, "lag-max-ms")
	b.ReportMetric(100*float64(runs)/(float64(count)*length.Seconds()/delay.Seconds()), "%made")
	b.ReportMetric(resident(b), "rss-MB")
	stop.end()
}

// resident is the memory of this process, in megabytes.
func resident(b *testing.B) float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	_, line, _ := strings.Cut(string(text), "VmRSS:")
	var kilobytes float64
	fmt.Sscan(line, &kilobytes)
	return kilobytes / 1024
}

// atWork is a worker with a supervisor that reads and forgets.
type atWork struct {
	in  chan worker.Message
	end func()
}

func startWorker(b *testing.B, prober checkers.Prober) atWork {
	b.Helper()
	ours, theirs := net.Pipe()
	conn := worker.NewConn(ours)
	go func() { // frames are not decoded: that is the supervisor's cost
		buffer := make([]byte, 64<<10)
		for {
			if _, err := theirs.Read(buffer); err != nil {
				return
			}
		}
	}()
	j, err := journal.Open(b.TempDir()+"/journal", "epoch")
	if err != nil {
		b.Fatal(err)
	}
	p := &workers.Process{
		Log: slog.New(slog.DiscardHandler), Journal: j, Term: make(chan os.Signal), In: make(chan worker.Message),
		Out: worker.NewOutboxOf(conn.WriteAll, worker.AtOnce),
	}
	kernel := ipvstest.NewFake()
	f := newFitter(p.Log)
	b.Cleanup(func() { runtime.GOMAXPROCS(f.procs) })
	ended := make(chan error)
	go func() {
		ended <- run(p, host{
			table: func() (ipvs.Driver, error) { return kernel, nil }, marks: netfilter{make(chan nft.Repair)},
			foreign: func() (uint64, error) { return 0, nil }, prober: prober, programs: newPrograms(p.Out.Put),
			files: newFiles(),
			fit:   f.fit,
		})
	}()
	return atWork{p.In, func() {
		close(p.In)
		<-ended
		f.stop()
		theirs.Close()
		j.Close()
	}}
}
