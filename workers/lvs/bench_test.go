package lvs

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

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

// checked is a file of virtual servers whose real servers are checked on this host.
func checked(services, servers, port, weight int) string {
	var b strings.Builder
	for v := range services {
		fmt.Fprintf(&b, "virtual_server 10.255.0.%d 80 {\n delay_loop 5\n lb_algo wlc\n lb_kind NAT\n protocol TCP\n", v+1)
		for s := range servers {
			fmt.Fprintf(&b, " real_server 127.1.%d.%d %d {\n  weight %d\n  TCP_CHECK {\n   connect_timeout 3\n  }\n }\n", v, s+1,
				port, 1+s%2*weight)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// BenchmarkChecks is a worker with 100 virtual servers of 50 real servers and a TCP check
// each, from its configuration over 12 seconds in which it is reloaded once: the time is
// that of the processor, of worker and reader together.
func BenchmarkChecks(b *testing.B) {
	listener, err := net.Listen("tcp4", ":0")
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	port := listener.Addr().(*net.TCPAddr).Port
	var configs []*conf.Config
	for weight := range 2 {
		cfg, findings := load.LoadText("bench", checked(100, 50, port, weight), load.Options{})
		if conf.HasErrors(findings) {
			b.Fatal(findings)
		}
		configs = append(configs, cfg)
	}
	for b.Loop() {
		runChecked(b, configs)
	}
}

func runChecked(b *testing.B, configs []*conf.Config) {
	b.Helper()
	ours, theirs := net.Pipe()
	conn, peer := worker.NewConn(ours), worker.NewConn(theirs)
	j, err := journal.Open(filepath.Join(b.TempDir(), "journal"), "epoch")
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	prober, err := probe.New(probe.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer prober.Close()
	log, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	p := &workers.Process{
		Log: slog.New(slog.NewTextHandler(log, nil)), Journal: j, Term: make(chan os.Signal), In: make(chan worker.Message),
		Out: worker.NewOutboxOf(conn.WriteAll, worker.AtOnce),
	}
	kernel := ipvstest.NewFake()
	ended := make(chan error)
	go func() {
		ended <- run(p, host{
			table: func() (ipvs.Driver, error) { return kernel, nil }, marks: netfilter{make(chan nft.Repair)},
			foreign: func() (uint64, error) { return 0, nil }, prober: prober, programs: newPrograms(p.Out.Put),
			files: newFiles(),
		})
	}()
	loaded := make(chan uint64, 16)
	counts := map[string]int{}
	go func() {
		for {
			m, err := peer.Read()
			if err != nil {
				return
			}
			switch {
			case m.Table != nil:
				loaded <- m.Table.Generation
			case m.RealServer != nil:
				counts["verdicts"]++
			case m.Check != nil:
				counts["checks"]++
			case m.InTable != nil:
				counts["in table"]++
			case m.VirtualServer != nil:
				counts["virtual servers"]++
			default:
				counts["others"]++
			}
		}
	}()
	used := processor()
	for generation, cfg := range configs {
		began := time.Now()
		p.In <- worker.Message{Configure: &worker.Configure{Generation: uint64(generation + 1), Config: cfg}}
		for g := range loaded {
			if g == uint64(generation+1) {
				break
			}
		}
		b.Logf("generation %d loaded after %v, processor %v", generation+1, time.Since(began), processor()-used)
		time.Sleep(6 * time.Second)
		b.Logf("processor %v, messages %v", processor()-used, counts)
	}
	close(p.In)
	<-ended
	theirs.Close()
	b.ReportMetric((processor() - used).Seconds(), "cpu-s/op")
}

func processor() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// sleeps is how often threads of this process have waited.
func sleeps() int64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Nvcsw
}
