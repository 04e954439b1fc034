//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/stage"
	"github.com/lvs-director/director/virtualserver"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/table"
	"github.com/lvs-director/director/worker/journal"
)

// Ten thousand of these take minutes, so the part times fewer and scales up.
const (
	commandsTried = 50   // runs of ipvsadm
	verdictsTried = 1000 // verdicts, one at a time
)

// changedWeights is how long 10,000 changes of a weight take.
type changedWeights struct {
	Command       []time.Duration // a run of ipvsadm -e for each, from commandsTried of them
	Ipvsadm       []time.Duration // all in one ipvsadm -R
	Single        []time.Duration // director's driver, message by message
	Batches       []time.Duration // the same in batches
	OneByOne, All []time.Duration // director's loop: verdict by verdict, and all verdicts at once
}

func measureWeights(trials int) (w changedWeights, err error) {
	ok := stage.Play("bench-weights", func(t lab.Reporter) {
		b := newBalancer(t, farm{services: filledServices, servers: filledServers})
		m := b.manage(b.config(t))
		defer m.stop()
		for trial := range min(trials, fillTrials) {
			weight := func(step int) int { return 2 + 10*trial + step }
			w.OneByOne = append(w.OneByOne, m.weights(weight(0), verdictsTried, 1)*filledServers/verdictsTried)
			w.All = append(w.All, m.weights(weight(1), filledServers, filledServers))
		}
		m.stop()
		for trial := range min(trials, fillTrials) {
			weight := func(step int) int { return 2 + 10*trial + step }
			w.Single = append(w.Single, b.apply(b.looks, b.reweigh(weight(2)), 1))
			w.Batches = append(w.Batches, b.apply(b.looks, b.reweigh(weight(3)), filledServers))
			w.Ipvsadm = append(w.Ipvsadm, b.ipvsadm(b.reweighing(weight(4), filledServers), "-R"))
			w.Command = append(w.Command, b.commands(weight(5)))
		}
	})
	if !ok {
		err = errors.New("the measurement of changing weights failed")
	}
	fmt.Printf("  loop: one by one %s, at once %s; driver: single %s, batches %s; ipvsadm -R %s, -e %s\n",
		spread(w.OneByOne), spread(w.All), spread(w.Single), spread(w.Batches), spread(w.Ipvsadm), spread(w.Command))
	return w, err
}

// reweigh is a change of every weight.
func (b *balancer) reweigh(weight int) []table.Op {
	ops := make([]table.Op, 0, b.servers)
	for s := range b.services {
		first, end := b.at(s)
		for n := first; n < end; n++ {
			at := b.server(n)
			ops = append(ops, table.Op{Kind: table.SetDestination, Service: table.Service{Key: b.key(s)},
				Destination: table.Destination{Key: conf.ServerKey{Address: at.Addr(), Port: at.Port()}, Weight: weight}})
		}
	}
	return ops
}

// reweighing is the change of count weights, in the form that "ipvsadm -R" reads.
func (b *balancer) reweighing(weight, count int) string {
	var text strings.Builder
	for s := range b.services {
		first, end := b.at(s)
		for n := first; n < end && n < count; n++ {
			fmt.Fprintf(&text, "-e -t %s:%d -r %s -m -w %d\n", b.address(s), farmPort, b.server(n), weight)
		}
	}
	return text.String()
}

// commands is how long a run of ipvsadm for each change would take.
func (b *balancer) commands(weight int) time.Duration {
	b.t.Helper()
	var took time.Duration
	for line := range strings.Lines(b.reweighing(weight, commandsTried)) {
		took += b.ipvsadm("", strings.Fields(line)...)
	}
	return took / commandsTried * filledServers
}

// manager is director's loop around the table, in this process.
type manager struct {
	b      *balancer
	loop   *virtualserver.Loop
	driver *counting
	loaded chan uint64 // generations
	told   atomic.Int64
	cancel context.CancelFunc
	ended  chan struct{}
}

// manage starts director's loop for a configuration, with a journal on the disk.
func (b *balancer) manage(cfg *conf.Config) *manager {
	b.t.Helper()
	j, err := journal.Open(b.host.WriteFile("journal", ""), "bench")
	if err != nil {
		b.t.Fatalf("open a journal: %v", err)
	}
	b.t.Cleanup(func() { j.Close() })
	ctx, cancel := context.WithCancel(context.Background())
	m := &manager{b: b, driver: &counting{Driver: b.open()}, loaded: make(chan uint64, 16), cancel: cancel,
		ended: make(chan struct{})}
	m.loop = virtualserver.New(virtualserver.Options{
		Open:    func() (ipvs.Driver, error) { return m.driver, nil },
		Journal: j,
		Loaded:  func(l event.TableLoaded) { m.loaded <- l.Generation },
		Verdict: func(event.RealServerState) { m.told.Add(1) },
	})
	go func() {
		defer close(m.ended)
		m.loop.Run(ctx)
	}()
	m.apply(cfg, 1)
	b.whole("director's loop")
	return m
}

// apply makes the loop apply a configuration and returns the time until the kernel's last answer.
func (m *manager) apply(cfg *conf.Config, generation uint64) time.Duration {
	m.b.t.Helper()
	began := time.Now()
	m.loop.Apply(cfg, virtualserver.Known{}, generation)
	for {
		select {
		case g := <-m.loaded:
			if g == generation {
				return time.Since(began)
			}
		case <-time.After(fillLimit):
			m.b.t.Fatalf("the table of generation %d is not loaded within %v", generation, fillLimit)
		}
	}
}

// weights lets checkers ask for another weight of count real servers, atOnce of them at a time.
func (m *manager) weights(weight, count, atOnce int) time.Duration {
	m.b.t.Helper()
	var list []event.RealServerState
	for s := range m.b.services {
		first, end := m.b.at(s)
		for n := first; n < end && n < count; n++ {
			list = append(list, event.RealServerState{
				VirtualServer: m.b.key(s).String(), RealServer: fmt.Sprintf("[%s]:tcp:%d", m.b.server(n).Addr(), checkPort),
				Up: true, Checked: true, Weight: weight,
			})
		}
	}
	began := time.Now()
	for len(list) > 0 {
		n := min(atOnce, len(list))
		want := m.told.Load() + int64(n)
		m.loop.Verdicts(list[:n])
		for m.told.Load() < want {
			if time.Since(began) > fillLimit {
				m.b.t.Fatalf("weights were not changed within %v", fillLimit)
			}
			time.Sleep(50 * time.Microsecond)
		}
		list = list[n:]
	}
	return time.Since(began)
}

// idle waits until the loop has ended a comparison. The next one is some time away, so what the
// loop reads until then belongs to the reload.
func (m *manager) idle() {
	m.b.rounds(m, 1)
	for dumps := int64(-1); dumps != m.driver.dumps.Load(); time.Sleep(5 * lookEvery) {
		dumps = m.driver.dumps.Load()
	}
}

func (m *manager) stop() {
	m.cancel()
	<-m.ended
}

func weightsSection(w changedWeights) string {
	var b strings.Builder
	fmt.Fprintf(&b, `## Changing weights

All %d weights of %d virtual servers change. The loop is director's, around the driver and with its
journal. Checks report the weights to the loop one at a time, or all at once, as after a reload or a check
that failed everywhere. "One at a time" in the loop is scaled up from %d changes, "ipvsadm -e for each"
from %d runs.

| | time | times all at once |
|---|---|---|
`, filledServers, filledServices, verdictsTried, commandsTried)
	for _, row := range []struct {
		what string
		took []time.Duration
	}{
		{"loop, all at once", w.All}, {"loop, one at a time", w.OneByOne}, {"driver, batches", w.Batches},
		{"driver, one message at a time", w.Single}, {"ipvsadm -R", w.Ipvsadm}, {"ipvsadm -e for each", w.Command},
	} {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", row.what, spread(row.took), ratio(row.took, w.All))
	}
	return b.String()
}
