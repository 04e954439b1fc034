package lvs

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/marks"
	"github.com/lvs-director/director/virtualserver/table"
	"github.com/lvs-director/director/worker"
)

// slowNetfilter takes rules after a while, and remembers what the table had by then.
type slowNetfilter struct {
	netfilter
	took  time.Duration
	err   error
	table func() int // the number of virtual servers

	mu   sync.Mutex
	said []string
}

func (n *slowNetfilter) Put(r marks.Rules) error {
	time.Sleep(n.took)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.said = append(n.said, fmt.Sprintf("%d sources beside %d virtual servers", len(r.Sources), n.table()))
	return n.err
}

func withFullNAT(servers ...string) *conf.Config {
	cfg := configuration(servers...)
	v := cfg.VirtualServers[0]
	v.Services = []conf.ServiceKey{v.Key}
	for _, rs := range v.RealServers {
		rs.Forward = conf.FNAT
	}
	return cfg
}

// TestRulesOfFullNATComeBeforeTheTable: a client that comes between keeps its own source
// for good, and has no answer. They go after the table, for the same reason.
func TestRulesOfFullNATComeBeforeTheTable(t *testing.T) {
	slow := &slowNetfilter{took: 2 * time.Second}
	bubbleWith(t, slow, func(r *rig) {
		slow.table = func() int { return len(r.kernel.Table()) }
		r.configure(1, withFullNAT(first), nil)
		r.has(first)
		r.configure(2, withFullNAT(second), nil)
		r.has(second)
		r.configure(3, &conf.Config{}, nil)
		want := []string{
			"1 sources beside 0 virtual servers",
			"2 sources beside 1 virtual servers", // of both configurations
			"1 sources beside 1 virtual servers",
			"1 sources beside 0 virtual servers", // nothing is needed, nothing has gone yet
			"0 sources beside 0 virtual servers",
		}
		if got := strings.Join(slow.said, "\n"); got != strings.Join(want, "\n") {
			t.Errorf("nftables had\n%s\nwant\n%s", got, strings.Join(want, "\n"))
		}
	})
}

// TestTheTableDoesNotWaitForEver for nftables that refuses, or that hangs.
func TestTheTableDoesNotWaitForEver(t *testing.T) {
	for _, test := range []struct {
		took time.Duration
		err  error
	}{{time.Second, errors.New("made up")}, {time.Hour, nil}} {
		slow := &slowNetfilter{took: test.took, err: test.err}
		bubbleWith(t, slow, func(r *rig) {
			slow.table = func() int { return 0 }
			r.in <- worker.Message{Configure: &worker.Configure{Generation: 1, Config: withFullNAT(first)}}
			time.Sleep(15 * time.Second)
			synctest.Wait()
			r.has(first)
			r.in <- worker.Message{Finish: &worker.Finish{}}
			time.Sleep(2 * time.Hour)
			synctest.Wait()
		})
	}
}

// TestAStopDoesNotWaitForNftables: the table goes at once, and questions are answered.
func TestAStopDoesNotWaitForNftables(t *testing.T) {
	slow := &slowNetfilter{took: time.Hour}
	bubbleWith(t, slow, func(r *rig) {
		slow.table = func() int { return 0 }
		r.in <- worker.Message{Configure: &worker.Configure{Generation: 1, Config: withFullNAT(first)}}
		time.Sleep(10 * time.Second)
		began := time.Now()
		for generation := range uint64(5) {
			r.in <- worker.Message{Configure: &worker.Configure{Generation: 2 + generation, Config: withFullNAT(second)}}
		}
		synctest.Wait()
		r.has(second)
		r.in <- worker.Message{Finish: &worker.Finish{}}
		synctest.Wait()
		if n := len(r.kernel.Table()); n > 0 || time.Since(began) > time.Second {
			t.Errorf("%v after the stop the table has %d virtual servers", time.Since(began), n)
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
	})
}

// TestWhatAPredecessorKnewIsLetGoOf: it came with a configuration and is in use. It may have tens of
// megabytes.
func TestWhatAPredecessorKnewIsLetGoOf(t *testing.T) {
	bubble(t, func(r *rig) {
		var told weak.Pointer[worker.Configure]
		r.configure(1, configuration(first), func(c *worker.Configure) { told = weak.Make(c) })
		runtime.GC()
		if told.Value() != nil {
			t.Error("the message with the configuration is still there")
		}
	})
}

// TestTheFirstChecksWaitForTheTable: to make tens of thousands of them takes the time that the table
// needs. They do not wait for ever for a kernel that does not take it.
func TestTheFirstChecksWaitForTheTable(t *testing.T) {
	for _, took := range []time.Duration{tablePatience / 2, time.Hour} {
		bubble(t, func(r *rig) {
			r.kernel.Refuse(func(op table.Op) error {
				if op.Kind == table.NewService {
					time.Sleep(took)
				}
				return nil
			})
			checks := func() int { return r.count(func(m worker.Message) bool { return m.Check != nil }) }
			r.in <- worker.Message{Configure: &worker.Configure{Generation: 1, Config: configuration(first)}}
			time.Sleep(min(took, tablePatience) - time.Millisecond)
			synctest.Wait()
			if n := checks(); n > 0 {
				t.Errorf("%d checks before the table, which takes %v", n, took)
			}
			time.Sleep(3 * time.Second)
			synctest.Wait()
			if checks() == 0 {
				t.Errorf("no check after the table, or its time; it takes %v", took)
			}
		})
	}
}
