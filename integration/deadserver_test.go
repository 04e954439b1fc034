//go:build linux

package integration_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/traffic"
)

// TestFlowsOfADeadServer (lvs-cases B1): a real server dies, and its UDP senders soon get another
// one (end_flows_on_failure, on by default for UDP), with mh as with rr. The flows of the other
// real servers stay. TCP connections are left alone: they outlive a failed check.
func TestFlowsOfADeadServer(t *testing.T) {
	s := openShop(t)
	sources := s.sources(30)
	const check = 700
	var aside []*lab.Process
	for _, h := range s.near {
		aside = append(aside, traffic.ServeNames(h, fmt.Sprintf("tcp:%d", check), "udp:"+at(55), "udp:"+at(56)))
	}
	udp := func(port int, scheduler string) string {
		return checked(check, service(at2(port), []string{"lb_algo " + scheduler, "lb_kind DR", "protocol UDP"},
			nearServers("192.0.2.", port, 3)...))
	}
	s.open(global("    ipvs {\n        expire_nodest_conn 1\n    }"), udp(55, "mh\n    mh-port"), udp(56, "rr"),
		checked(check, service(at2(88), dr("mh"), nearServers("192.0.2.", 88, 3)...)))
	s.Until(10*time.Second, "the setting is in force", func() bool {
		value, err := s.director.Output("cat", "/proc/sys/net/ipv4/vs/expire_nodest_conn")
		return err == nil && strings.TrimSpace(value) == "1"
	})
	held := s.hold(88, sources)
	expectAll(t, held.First)
	senders := map[int][]*sender{}
	for i := range 12 {
		senders[55] = append(senders[55], s.send(5000+i, 55))
		if i < 6 {
			senders[56] = append(senders[56], s.send(5100+i, 56))
		}
	}
	before := map[*sender]string{}
	s.Until(10*time.Second, "every sender has an answer", func() bool {
		for _, list := range senders {
			for _, one := range list {
				if before[one] = one.last(); before[one] == "" {
					return false
				}
			}
		}
		return true
	})
	victim := senders[55][0].last()
	n := int(victim[len(victim)-1] - '1')
	died := time.Now()
	aside[n].KillAndWait()
	var worst time.Duration
	for port, list := range senders {
		ended, moved := 0, 0
		for _, one := range list {
			if before[one] != victim {
				continue
			}
			ended++
			s.Until(8*time.Second, "a sender of the dead server is with another one", func() bool {
				server, after := one.since(died.Add(senderPace))
				worst = max(worst, after)
				return server != "" && server != victim
			})
		}
		for _, one := range list {
			if server, _ := one.since(time.Now().Add(-2 * senderPace)); before[one] != victim && server != before[one] {
				moved++
			}
		}
		s.Logf("port %d: %d of %d senders had the dead server and have another one; %d of the others moved", port, ended,
			len(list), moved)
		if moved > 0 || ended == 0 {
			t.Errorf("port %d: %d flows of other real servers moved, %d ended", port, moved, ended)
		}
	}
	s.Logf("without an answer for %v at most", worst.Round(10*time.Millisecond))
	s.untilWeights(5*time.Second, 55, nearWeights(map[string]int{victim: 0}))
	s.untilWeights(5*time.Second, 88, nearWeights(map[string]int{victim: 0}))
	s.expectSame("TCP, whose server fails its checks only", held.First, held.Ask())
	fresh := traffic.Burst{Targets: []string{at(88)}, Sources: sources, SourcePort: 3001, Count: 30}.Run(s.client)
	s.expectOthersStay("TCP", victim, held.First, fresh)

	traffic.ServeNames(s.near[n], fmt.Sprintf("tcp:%d", check), "udp:"+at(55), "udp:"+at(56))
	for _, port := range []int{55, 56, 88} {
		s.untilWeights(10*time.Second, port, nearWeights(nil))
	}
	s.expectSame("TCP, when it is back", held.First, held.Ask())
}
