//go:build linux

package integration_test

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/guest"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
	"github.com/lvs-director/director/integration/traffic"
)

// sender sends a datagram again and again from one port, as syslog does.
type sender struct {
	conn *net.UDPConn

	mu      sync.Mutex
	answers []datagram
}

// datagram is an answer to one.
type datagram struct {
	at     time.Time
	server string
}

const senderPace = 200 * time.Millisecond

// send starts a sender on the client, from a port of its own to one of the shop's.
func (s *shop) send(from, port int) *sender {
	s.t.Helper()
	one := &sender{}
	if err := s.client.Do(func() (err error) {
		one.conn, err = net.DialUDP("udp4", &net.UDPAddr{IP: net.IPv4(192, 0, 2, 10), Port: from},
			net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at(port))))
		return err
	}); err != nil {
		s.t.Fatalf("open a port of the client: %v", err)
	}
	s.t.Cleanup(func() { one.conn.Close() })
	go func() {
		for {
			// A write may report the refusal of an earlier datagram. The sender continues.
			if _, err := one.conn.Write([]byte("who\n")); err != nil && strings.Contains(err.Error(), "closed") {
				return
			}
			time.Sleep(senderPace)
		}
	}()
	go func() {
		buf := make([]byte, 256)
		for {
			n, err := one.conn.Read(buf)
			if err != nil {
				if strings.Contains(err.Error(), "closed") {
					return
				}
				continue
			}
			one.mu.Lock()
			one.answers = append(one.answers, datagram{time.Now(), string(bytes.TrimSpace(buf[:n]))})
			one.mu.Unlock()
		}
	}()
	return one
}

// since is who answered first after a moment, and when; empty without an answer.
func (o *sender) since(begun time.Time) (server string, after time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, a := range o.answers {
		if a.at.After(begun) {
			return a.server, a.at.Sub(begun)
		}
	}
	return "", 0
}

// last is who answered last.
func (o *sender) last() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.answers) == 0 {
		return ""
	}
	return o.answers[len(o.answers)-1].server
}

// TestUDPLeaves (lvs-cases L21): a UDP real server that is removed from the file leaves after a
// short grace time, whatever its drain_timeout. Its senders get another real server.
func TestUDPLeaves(t *testing.T) {
	onlyLong(t)
	s := openShop(t)
	conf := func(n int) string {
		return global("    ipvs {\n        expire_nodest_conn 1\n    }") + service(at2(53),
			[]string{"lb_algo rr", "lb_kind DR", "protocol UDP", "drain_timeout 120"}, nearServers("192.0.2.", 53, n)...)
	}
	s.open(conf(2))
	var list []*sender
	for i := range 4 {
		list = append(list, s.send(5000+i, 53))
	}
	s.Until(10*time.Second, "every sender has an answer", func() bool {
		for _, one := range list {
			if one.last() == "" {
				return false
			}
		}
		return true
	})
	begun := time.Now()
	s.daemon.Reload(conf(1))
	s.untilWeights(10*time.Second, 53, map[string]int{"near1": 1, "near2": 0})
	s.untilWeights(15*time.Second, 53, map[string]int{"near1": 1})
	gone := time.Now()
	s.Logf("it left %v after the reload", gone.Sub(begun).Round(10*time.Millisecond))
	for _, one := range list {
		s.Until(3*time.Second, "a sender is with the real server that stays", func() bool {
			server, _ := one.since(gone.Add(50 * time.Millisecond))
			return server == "near1"
		})
		one.mu.Lock()
		var gap time.Duration
		for i := 1; i < len(one.answers); i++ {
			gap = max(gap, one.answers[i].at.Sub(one.answers[i-1].at))
		}
		one.mu.Unlock()
		s.Logf("a sender was without an answer for %v at most", gap.Round(10*time.Millisecond))
		if gap > 2*time.Second {
			t.Errorf("a sender lost its answers for %v", gap)
		}
	}
}

// TestModuleReloaded (lvs-cases B2): ip_vs is unloaded and loaded again, so the kernel gives its
// netlink family another number. Director restores the table by itself.
func TestModuleReloaded(t *testing.T) {
	onlyLong(t)
	stage.RequireIpvsadm(t)
	if !guest.Inside() {
		t.Skip("SKIP: unloads a module of the kernel, which is done in the guest only")
	}
	s := openShop(t)
	conf := service(at2(81), dr("rr"), nearServers("192.0.2.", 81, 3)...) +
		service(at2(82), dr("mh"), nearServers("192.0.2.", 82, 3)...)
	s.open(conf)
	worker := s.daemon.Worker(pair.LVS)
	signal := func(sig syscall.Signal) {
		t.Helper()
		if err := syscall.Kill(worker, sig); err != nil {
			t.Fatal(err)
		}
	}
	signal(syscall.SIGSTOP) // the worker would repair the table before the module is gone
	s.ipvsadm("-C")
	unloaded := ""
	s.Until(5*time.Second, "ip_vs is unloaded", func() bool {
		text, err := os.ReadFile("/proc/modules")
		if err != nil {
			t.Fatal(err)
		}
		unloaded = ""
		for line := range strings.Lines(string(text)) {
			if name := strings.Fields(line)[0]; strings.HasPrefix(name, "ip_vs") {
				out, err := exec.Command("rmmod", name).CombinedOutput()
				unloaded += fmt.Sprintf("%s: %v %s; ", name, err, out)
			}
		}
		return unloaded == ""
	})
	for _, name := range []string{"ip_vs", "ip_vs_rr", "ip_vs_mh"} {
		if out, err := exec.Command("modprobe", name).CombinedOutput(); err != nil {
			t.Fatalf("modprobe %s: %v: %s", name, err, out)
		}
	}
	loaded := time.Now()
	signal(syscall.SIGCONT)
	for _, port := range []int{81, 82} {
		s.untilWeights(10*time.Second, port, nearWeights(nil))
	}
	s.Logf("the table is complete %v after ip_vs was loaded again", time.Since(loaded).Round(10*time.Millisecond))
	expectShares(t, traffic.Burst{Targets: []string{at(81)}, Count: 30, Together: 1}.Run(s.client), 0,
		map[string]int{"near1": 10, "near2": 10, "near3": 10})
	begun := time.Now()
	s.daemon.Reload(global("    router_id again") + conf)
	s.Until(10*time.Second, "a reload is in force", func() bool {
		return s.daemon.Printed(begun, "IPVS table matches the configuration")
	})
	if out, err := s.director.Output(s.daemon.AskCommand("status")...); err != nil {
		t.Errorf("status: %v\n%s", err, out)
	}
}
