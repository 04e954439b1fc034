//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

const (
	// readersCount virtual routers advertise at toldInterval while others read.
	readersCount  = 250
	readersLength = 30 * time.Second
	readersTrials = 3
	metricsAt     = "192.168.0.1:9650"
	metricsBlock  = "metrics {\n    listen 192.168.0.1 9650\n}\n"
	pageAt        = "192.168.0.1:3780"
	pageBlock     = "web {\n    listen 192.168.0.1 3780\n}\n"
	pagesOpen     = 10
	// readersChecks real servers are checked each readersDelay.
	readersChecks = 10_000
	readersDelay  = 5 * time.Second
)

// reader is something that reads a director all the time, or has it do other work beside VRRP.
type reader struct {
	name  string
	block string // of the configuration
	other string // of that of the other half
	// begin begins to read, on a host, and returns what ends it.
	begin func(t lab.Reporter, h *lab.Host) (end func())
}

// readers are measured one after the other, and then together.
func readers() []reader {
	return []reader{
		{name: "metrics, each second", block: metricsBlock, begin: scrapeAllTheTime},
		{name: fmt.Sprintf("%d open pages", pagesOpen), block: pageBlock, begin: openPages},
		{name: "a peer", block: peerBlock(2), other: peerBlock(1), begin: nothing},
		{name: fmt.Sprintf("%d checks each %v", readersChecks, readersDelay), block: checksOfReaders(), begin: answerChecks},
	}
}

// peerBlock is the block of a half whose other one is that node.
func peerBlock(node int) string {
	return fmt.Sprintf("peer 192.168.0.%d {\n    key hex:%s\n}\n", node, strings.Repeat("5e", 32))
}

// checksOfReaders are virtual servers whose real servers are all this host.
func checksOfReaders() string {
	var b strings.Builder
	for n := range readersChecks {
		if n%100 == 0 {
			fmt.Fprintf(&b, "virtual_server 10.9.0.%d 80 {\n    lvs_sched rr\n    lvs_method DR\n    protocol TCP\n"+
				"    delay_loop %g\n", n/100+1, readersDelay.Seconds())
		}
		fmt.Fprintf(&b, "    real_server 127.1.%d.%d 8080 {\n        TCP_CHECK {\n        }\n    }\n", n/200, n%200+1)
		if n%100 == 99 {
			b.WriteString("}\n")
		}
	}
	return b.String()
}

func nothing(lab.Reporter, *lab.Host) func() { return func() {} }

// answerChecks takes all connections.
func answerChecks(t lab.Reporter, h *lab.Host) (end func()) {
	var l net.Listener
	if err := h.Do(func() (err error) { l, err = net.Listen("tcp4", "0.0.0.0:8080"); return err }); err != nil {
		t.Fatalf("listen: %v", err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	})
	return func() { l.Close(); done.Wait() }
}

// openPages reads pagesOpen streams of the page.
func openPages(t lab.Reporter, h *lab.Host) (end func()) {
	ctx, stop := context.WithCancel(context.Background())
	c := client(h)
	c.Timeout = 0
	var done sync.WaitGroup
	for range pagesOpen {
		question, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+pageAt+"/live", nil)
		if err != nil {
			t.Fatalf("open a page: %v", err)
		}
		answer, err := c.Do(question)
		if err != nil {
			t.Fatalf("open a page: %v", err)
		}
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("open a page: %s", answer.Status)
		}
		done.Go(func() {
			defer answer.Body.Close()
			if n, err := io.Copy(io.Discard, answer.Body); ctx.Err() == nil || n == 0 {
				t.Errorf("a page has ended after %d bytes: %v", n, err)
			}
		})
	}
	return func() { stop(); done.Wait() }
}

// readersRow is how late advertisements are beside some readers.
type readersRow struct {
	Beside    string
	Late      [][]time.Duration // of each trial: median, 99.9 %, most
	Waited    []time.Duration   // for a processor, by the lab
	Failovers int
}

func measureReaders(trials int) (rows []readersRow, err error) {
	sets := [][]reader{nil}
	for _, r := range readers() {
		sets = append(sets, []reader{r})
	}
	if len(readers()) > 1 {
		sets = append(sets, readers())
	}
	for _, set := range sets {
		var names []string
		for _, r := range set {
			names = append(names, r.name)
		}
		row := readersRow{Beside: strings.Join(names, ", and ")}
		for range min(trials, readersTrials) {
			err = errors.Join(err, measureReading(set, &row))
		}
		rows = append(rows, row)
	}
	return rows, err
}

func measureReading(set []reader, row *readersRow) error {
	ok := stage.Play("bench-readers", func(t lab.Reporter) {
		l := lab.New(t)
		network := l.Network("readers")
		var hosts [2]*lab.Host
		for i := range hosts {
			hosts[i] = l.Host(fmt.Sprintf("node%d", i+1))
			hosts[i].Attach(network, "eth0", fmt.Sprintf("192.168.0.%d/24", i+1))
		}
		blocks, others := "", ""
		for _, r := range set {
			blocks, others = blocks+r.block, others+r.other
		}
		pair.Start(t, stage.Director(), hosts[0], blocks+readersConfig(200))
		l.Until(settleLimit, "the better node is master", func() bool {
			return len(hosts[0].Addresses("eth0")) >= 1+readersCount
		})
		pair.Start(t, stage.Director(), hosts[1], others+readersConfig(100))
		time.Sleep(3 * time.Second)
		for _, r := range set {
			defer r.begin(t, hosts[0])()
		}
		capture := hosts[1].Capture("eth0")
		began := time.Now()
		time.Sleep(readersLength)
		waited := l.Starved(began, time.Now())
		late, failovers := lateness(capture, began)
		row.Late, row.Waited = append(row.Late, late), append(row.Waited, waited)
		row.Failovers += failovers
		fmt.Printf("  beside %q: late %v, %d failovers, the lab waited for %v\n", row.Beside, late, failovers, waited)
	})
	if !ok {
		return fmt.Errorf("the measurement beside %q failed", row.Beside)
	}
	return nil
}

// readersConfig has readersCount virtual routers.
func readersConfig(priority int) string {
	var b strings.Builder
	b.WriteString("global_defs {\n    router_id readers\n    vrrp_garp_master_repeat 1\n}\n")
	for i := range readersCount {
		fmt.Fprintf(&b, "vrrp_instance R_%d {\n    state BACKUP\n    interface eth0\n    virtual_router_id %d\n"+
			"    version 3\n    priority %d\n    advert_int %g\n    virtual_ipaddress {\n        10.0.0.%d/32\n    }\n}\n",
			i, i+1, priority, toldInterval.Seconds(), i+1)
	}
	return b.String()
}

// client asks over connections that are made on a host.
func client(h *lab.Host) *http.Client {
	dial := func(_ context.Context, network, at string) (c net.Conn, err error) {
		err = h.Do(func() (err error) { c, err = net.DialTimeout(network, at, 5*time.Second); return err })
		return c, err
	}
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: dial}, Timeout: time.Minute}
}

// scrape reads the metrics once, and says how many bytes they are.
func scrape(c *http.Client, at string) (bytes int64, err error) {
	answer, err := c.Get("http://" + at + "/metrics")
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	if bytes, err = io.Copy(io.Discard, answer.Body); err == nil && answer.StatusCode != http.StatusOK {
		err = errors.New(answer.Status)
	}
	return bytes, err
}

// scrapeAllTheTime reads the metrics each second.
func scrapeAllTheTime(t lab.Reporter, h *lab.Host) (end func()) {
	stop := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		c, failed, reads := client(h), 0, 0
		every := time.NewTicker(time.Second)
		defer every.Stop()
		for {
			select {
			case <-every.C:
				if _, err := scrape(c, metricsAt); err != nil {
					failed++
				}
				reads++
			case <-stop:
				if failed > 0 || reads == 0 {
					t.Errorf("%d of %d scrapes failed", failed, reads)
				}
				return
			}
		}
	})
	return func() { close(stop); done.Wait() }
}

func readersSection(rows []readersRow) string {
	var b strings.Builder
	fmt.Fprintf(&b, `## Advertisements while others read

%d virtual routers advertise every %v, for %v. Late is how much more than the interval passed between two
advertisements of one of them, as another node sees them.

| beside | median | 99.9 %% | most | failovers | the lab waited for a processor |
|---|---|---|---|---|---|
`, readersCount, toldInterval, readersLength)
	for _, r := range rows {
		var at [3][]time.Duration
		for _, late := range r.Late {
			for n := range min(len(late), len(at)) {
				at[n] = append(at[n], late[n])
			}
		}
		name := r.Beside
		if name == "" {
			name = "nothing"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %d | %s |\n", name, spread(at[0]), spread(at[1]), spread(at[2]), r.Failovers,
			spread(r.Waited))
	}
	return b.String()
}
