//go:build linux

package integration_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/guest"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
	"github.com/lvs-director/director/integration/traffic"
)

// hideModule removes a module from the kernel and hides its file. Only the guest can do that: its
// files are in memory.
func hideModule(t *testing.T, name string) {
	t.Helper()
	if err := hideModuleOf(t, "net/netfilter/ipvs", name); err != nil {
		t.Fatal(err)
	}
}

// hideModuleOf is hideModule for one of another folder of the kernel; an error says why the
// kernel keeps it.
func hideModuleOf(t *testing.T, folder, name string) error {
	t.Helper()
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		t.Fatal(err)
	}
	pattern := filepath.Join("/lib/modules", strings.TrimSpace(string(release)), "kernel", folder, name+".ko*")
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Logf("%s is not here anyway: %v", pattern, err)
		return nil
	}
	for _, file := range files {
		if err := os.Rename(file, file+".hidden"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := os.Rename(file+".hidden", file); err != nil {
				t.Error(err)
			}
		})
	}
	// The services of an earlier test disappear with its network namespaces, which takes a moment.
	var out []byte
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if _, err := os.Stat("/sys/module/" + name); err != nil {
			return nil
		}
		out, _ = exec.Command("modprobe", "-r", name).CombinedOutput()
	}
	return fmt.Errorf("module %s cannot be unloaded: %s", name, out)
}

// TestMissingModules: the kernel lacks the schedulers of two virtual servers and the persistence
// engine of another. Director logs one line for each, and status shows each with its error. All
// other virtual servers are in service as soon as ever.
func TestMissingModules(t *testing.T) {
	s := openShop(t)
	if guest.Inside() {
		for _, module := range []string{"ip_vs_ovf", "ip_vs_mh", "ip_vs_pe_sip"} {
			hideModule(t, module)
		}
	} else {
		t.Skip("SKIP: only the guest's modules can be taken away")
	}
	lines := func(scheduler, protocol string, more ...string) []string {
		return append([]string{"lb_algo " + scheduler, "lb_kind DR", "protocol " + protocol}, more...)
	}
	const works, alsoWorks, noScheduler, noMaglev, noEngine = 81, 82, 83, 84, 54
	conf := service(fmt.Sprint(shopVIP, " ", noScheduler), lines("ovf", "TCP"),
		nearServers("192.0.2.", noScheduler, 3)...) +
		service(fmt.Sprint(shopVIP, " ", noMaglev), lines("mh", "TCP"), nearServers("192.0.2.", noMaglev, 3)...) +
		service(fmt.Sprint(shopVIP, " ", works), lines("rr", "TCP"), nearServers("192.0.2.", works, 3)...) +
		service(fmt.Sprint(shopVIP, " ", noEngine), lines("rr", "UDP", "persistence_timeout 60", "persistence_engine sip"),
			nearServers("192.0.2.", noEngine, 3)...) +
		service(fmt.Sprint(shopVIP, " ", alsoWorks), lines("wrr", "TCP"), nearServers("192.0.2.", alsoWorks, 3)...)
	begun := time.Now()
	s.daemon = pair.Start(t, stage.Director(), s.director, conf)
	s.Until(20*time.Second, "the two that can be are complete", func() bool { return s.destinations() == 6 })
	t.Logf("complete after %v", time.Since(begun).Round(time.Millisecond))
	for _, port := range []int{works, alsoWorks} {
		answers := traffic.Burst{Targets: []string{target4(port)}, Count: 60, Together: 4}.Run(s.client)
		expectShares(t, answers, 1, map[string]int{"near1": 20, "near2": 20, "near3": 20})
	}
	for module, port := range map[string]int{
		"ip_vs_ovf": noScheduler, "ip_vs_mh": noMaglev, "ip_vs_pe_sip": noEngine,
	} {
		name := fmt.Sprintf("%s:%d", shopVIP, port)
		var named []string
		s.Until(10*time.Second, "a line names "+module, func() bool { return s.daemon.Printed(begun, module) })
		for _, line := range s.daemon.Log() {
			if strings.Contains(line.Text, module) {
				named = append(named, line.Text)
			}
		}
		if len(named) != 1 {
			t.Errorf("%d lines name %s, want 1: %q", len(named), module, named)
		}
		s.Until(10*time.Second, "status has the error of "+name, func() bool {
			out, err := s.director.Output(s.daemon.StatusCommand()...)
			return err != nil && strings.Contains(out, module)
		})
	}
	out, err := s.director.Output(s.daemon.StatusCommand()...)
	t.Logf("status (%v):\n%s", err, out)
	s.Steady(3*time.Second, "nothing more is said of it, and the others stay", func() bool {
		return s.destinations() == 6
	})
	for _, module := range []string{"ip_vs_ovf", "ip_vs_mh", "ip_vs_pe_sip"} {
		n := 0
		for _, line := range s.daemon.Log() {
			if strings.Contains(line.Text, module) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d lines name %s, want 1", n, module)
		}
	}
}

// TestModulesOfRealServers: a director needs neither the module sctp nor fou to balance SCTP and to
// send GUE: they are what its clients and real servers need. Without them every virtual server is in
// the table, connections are scheduled, and the log says nothing.
func TestModulesOfRealServers(t *testing.T) {
	stage.Require(t)
	if !guest.Inside() {
		t.Skip("SKIP: only the guest's modules can be taken away")
	}
	for name, folder := range map[string]string{"sctp": "net/sctp", "fou": "net/ipv4"} {
		if err := hideModuleOf(t, folder, name); err != nil {
			t.Log(err) // by an earlier test: its sockets outlive it
		}
	}
	site := pair.New(t, pair.DR, 1)
	conf := service(pair.VIP+" 90", []string{"lb_algo rr", "lb_kind DR", "protocol SCTP"}, "192.0.2.11 90") +
		service(pair.VIP+" 83", []string{"lb_algo rr", fmt.Sprintf("lb_kind TUN type gue port %d", guePort), "protocol TCP"},
			"192.0.2.11 83") +
		service(pair.VIP+" 80", []string{"lb_algo rr", "lb_kind DR", "protocol TCP"}, "192.0.2.11 80")
	director := site.Dirs[0]
	director.Address("eth0", pair.VIP+"/24")
	daemon := pair.Start(t, stage.Director(), director, conf)
	table := func() (text string) {
		_ = director.Do(func() error {
			data, err := os.ReadFile("/proc/thread-self/net/ip_vs")
			text = string(data)
			return err // without IPVS there is no table yet
		})
		return text
	}
	site.Lab.Until(20*time.Second, "all three are in the table", func() bool {
		return strings.Count(table(), "C000020B:") == 3
	})
	out, err := director.Output(daemon.StatusCommand()...)
	if err != nil || strings.Count(out, "1 of 1 up") != 3 {
		t.Errorf("status (%v):\n%s", err, out)
	}
	for _, line := range daemon.Log() {
		if strings.Contains(line.Text, "level=ERROR") || strings.Contains(line.Text, "level=WARN") {
			t.Errorf("logged: %s", line.Text)
		}
	}
	// The real server cannot unpack GUE: the connection is scheduled, and has no answer.
	traffic.Burst{Targets: []string{pair.VIP + ":83"}, Count: 1, Together: 1}.Run(site.Client)
	if text := table(); !strings.Contains(text, "C000020B:0053      Tunnel") {
		t.Errorf("the table:\n%s", text)
	}
}
