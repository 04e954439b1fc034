package lvs

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lvs-director/director/checkers"
	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/nft"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/ipvs/ipvstest"
	"github.com/lvs-director/director/worker"
	"github.com/lvs-director/director/worker/journal"
	"github.com/lvs-director/director/workers"
)

// timed is a prober that knows how late runs begin, and how much their pauses are not those that are
// configured. How late is measured by what the schedule wanted. To round the end of a run again would
// be another sum: one that ends half a tick from the next is rounded down here and, when the schedule
// takes its result a moment later, up there, and would be late by a whole tick that nobody waited.
type timed struct {
	*probe.Prober
	mu         sync.Mutex
	ended      map[*conf.Checker]time.Time
	lags, offs []time.Duration
	runs       int
}

func (p *timed) Start(t probe.Target, done func(probe.Result)) (cancel func()) {
	now, silent := time.Now(), t.Checker.Alpha
	p.mu.Lock()
	if at, again := p.ended[t.Checker]; again && !silent {
		p.lags = append(p.lags, now.Sub(t.Due))
		p.offs = append(p.offs, (now.Sub(at) - t.Checker.Interval).Abs())
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
	p := startServers(b)
	for name := range manyLoads {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				runMany(b, p, name)
			}
		})
	}
}

func runMany(b *testing.B, ports ports, name string) {
	b.Helper()
	// It is fitted to what it does for hours after loadingTime.
	const settle, length = 2*loadingTime + 2*time.Second, 20 * time.Second
	load := manyLoads[name]
	prober, err := probe.New(probe.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer prober.Close()
	// What is measured is the worker's memory: these lists are made once, and leave no garbage.
	most := int(float64(load.count) * (settle + length).Seconds() / load.delay.Seconds())
	p := &timed{
		Prober: prober, ended: make(map[*conf.Checker]time.Time, load.count),
		lags: make([]time.Duration, 0, most), offs: make([]time.Duration, 0, most),
	}
	stop := startWorker(b, p)
	stop.in <- ports.told(b, name)
	time.Sleep(settle)
	stop.kernel.Forget()
	p.mu.Lock()
	p.lags, p.offs, p.runs = p.lags[:0], p.offs[:0], 0
	p.mu.Unlock()
	began, used, before := time.Now(), processor(), sleeps()
	time.Sleep(length)
	spent, slept := processor()-used, sleeps()-before
	share := float64(spent) / float64(time.Since(began))
	p.mu.Lock()
	lags, offs, runs := p.lags, p.offs, p.runs
	memory, file := resident(b, "VmRSS"), resident(b, "RssFile")
	slices.Sort(lags)
	slices.Sort(offs)
	p.mu.Unlock()
	b.ReportMetric(100*share, "%cpu")
	b.ReportMetric(float64(spent.Microseconds())/float64(runs), "cpu-us/check")
	b.ReportMetric(float64(slept)/float64(runs), "sleeps/check")
	b.ReportMetric(float64(lags[len(lags)*99/100].Microseconds())/1000, "lag-p99-ms")
	b.ReportMetric(float64(lags[len(lags)-1].Microseconds())/1000, "lag-max-ms")
	b.ReportMetric(float64(offs[len(offs)*99/100].Microseconds())/1000, "pause-off-p99-ms")
	b.ReportMetric(100*float64(runs)/(float64(load.count)*length.Seconds()/load.delay.Seconds()), "%made")
	b.ReportMetric(memory, "rss-MB")
	b.ReportMetric(file, "program-MB")
	b.ReportMetric(live(), "live-MB")
	stop.end()
}

// live is what a garbage collection leaves, in megabytes.
func live() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}

// resident is the memory of this process, in megabytes: VmRSS is all of it, RssFile the program's.
func resident(b *testing.B, which string) float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	_, line, _ := strings.Cut(string(text), which+":")
	var kilobytes float64
	fmt.Sscan(line, &kilobytes)
	return kilobytes / 1024
}

// atWork is a worker with a supervisor that reads and forgets.
type atWork struct {
	in     chan worker.Message
	kernel *ipvstest.Fake
	end    func()
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
	return atWork{p.In, kernel, func() {
		close(p.In)
		<-ended
		f.stop()
		theirs.Close()
		j.Close()
	}}
}
