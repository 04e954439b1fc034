//go:build linux

package native_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
	"github.com/lvs-director/director/workers/front/metrics"
)

// hurry is by how much all durations of the alerts are shorter here: their ratios stay.
const hurry = 5

var durations = regexp.MustCompile(`(for: |\[)(\d+)([sm])`)

// sooner are the rules with shorter durations.
func sooner(rules string) string {
	return durations.ReplaceAllStringFunc(rules, func(text string) string {
		m := durations.FindStringSubmatch(text)
		n, _ := strconv.Atoi(m[2]) // digits
		if m[3] == "m" {
			n *= 60
		}
		return fmt.Sprintf("%s%dms", m[1], n*1000/hurry)
	})
}

// aPairOnTwoNetworks is the configuration of a half: the VRID 51 is on two networks, of one more instance the second
// half is MASTER, and one has a password.
func aPairOnTwoNetworks(i int) string {
	instance := func(name, iface string, vrid int, address string, priority int) string {
		return fmt.Sprintf(`vrrp_instance %s {
    state BACKUP
    interface %s
    virtual_router_id %d
    version 3
    priority %d
    advert_int 0.2
    notify /bin/true root
    track_script {
        chk
    }
    virtual_ipaddress {
        %s
    }
}
`, name, iface, vrid, priority, address)
	}
	return fmt.Sprintf("metrics {\n    listen 203.0.113.%d 9650\n}\npeer 203.0.113.%d {\n    key hex:%s\n}\n"+
		"vrrp_script chk {\n    script /bin/true\n    interval 1\n    user root\n}\n", 2+i, 3-i, strings.Repeat("5e", 32)) +
		instance("RED", "eth0", 51, "192.0.2.100/24", 200-100*i) +
		instance("BLUE", "eth1", 51, "198.51.100.100/24", 200-100*i) +
		instance("OTHER", "eth1", 52, "198.51.100.200/24", 100+100*i) + guarded("right", 200-100*i, guardedVIP)
}

const guardedVIP = "198.51.100.220"

// guarded is an instance with a password, which there is in version 2 alone.
func guarded(password string, priority int, address string) string {
	return fmt.Sprintf(`vrrp_instance GUARDED {
    interface eth1
    virtual_router_id 54
    version 2
    priority %d
    authentication {
        auth_type PASS
        auth_pass %s
    }
    virtual_ipaddress {
        %s/24
    }
}
`, priority, password, address)
}

// lateEach is between two moments at which the vrrp worker of dir1 is stopped for lateFor, which is shorter than the
// time after which dir2 takes over.
const lateEach, lateFor = 3 * time.Second, 220 * time.Millisecond

// late stops a process for a moment again and again, until the test ends.
func late(t *testing.T, pid int) {
	enough, ended := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(enough); <-ended })
	go func() {
		defer close(ended)
		for {
			select {
			case <-enough:
				return
			case <-time.After(lateEach):
			}
			_ = syscall.Kill(pid, syscall.SIGSTOP) // when it is gone the test fails
			time.Sleep(lateFor)
			_ = syscall.Kill(pid, syscall.SIGCONT)
		}
	}()
}

// TestAlertsAndDashboard: Debian's Prometheus reads a pair, and the alerts of docs/monitoring say what is wrong with
// it, and no more; every panel of the dashboard shows something of it. This machine's kernel may have no IPVS: what is
// known of a virtual server without a quorum comes from a status, and is served by the code that the front serves
// it with.
func TestAlertsAndDashboard(t *testing.T) {
	stage.Require(t)
	l := lab.New(t)
	red, blue, management := l.Network("red"), l.Network("blue"), l.Network("management")
	var hosts [2]*lab.Host
	var daemons [2]*pair.Daemon
	for i := range hosts {
		h := l.Host(fmt.Sprintf("dir%d", i+1))
		h.Attach(red, "eth0", fmt.Sprintf("192.0.2.%d/24", 2+i))
		h.Attach(blue, "eth1", fmt.Sprintf("198.51.100.%d/24", 2+i))
		h.Attach(management, "eth2", fmt.Sprintf("203.0.113.%d/24", 2+i))
		hosts[i], daemons[i] = h, pair.Start(t, stage.PlainDirector(), h, aPairOnTwoNetworks(i))
	}
	stranger := l.Host("stranger")
	stranger.Attach(blue, "eth1", "198.51.100.7/24")
	watcher := l.Host("watcher")
	watcher.Attach(management, "eth2", "203.0.113.9/24")
	serveServices(t, watcher, "127.0.0.1:9650")
	rules, err := os.ReadFile(filepath.Join(lab.ModuleRoot(), "docs", "monitoring", "alerts.yml"))
	if err != nil {
		t.Fatal(err)
	}
	const dir1, dir2, services = "203.0.113.2:9650", "203.0.113.3:9650", "127.0.0.1:9650"
	masters := func(host int) bool {
		return hosts[host].HasAddress("eth0", "192.0.2.100") && hosts[host].HasAddress("eth1", "198.51.100.100")
	}
	l.Until(30*time.Second, "dir1 is MASTER", func() bool {
		return masters(0) && !hosts[1].HasAddress("eth0", "192.0.2.100") && !hosts[1].HasAddress("eth1", "198.51.100.100") &&
			hosts[0].HasAddress("eth1", guardedVIP) && !hosts[1].HasAddress("eth1", guardedVIP)
	})
	// Of a third router both refuse what it says, and what dir1 says is late again and again. Both alerts take a minute.
	pair.Start(t, stage.PlainDirector(), stranger, guarded("wrong", 50, "198.51.100.221"))
	late(t, daemons[0].Worker(pair.VRRP))
	p := newPrometheus(t, watcher, sooner(string(rules)), dir1, dir2, services)
	l.Until(30*time.Second, "Prometheus reads both halves", func() bool {
		list, _ := p.query(`count by (job) (up{job="director"} == 1) == 3`)
		return len(list) == 1
	})
	const noQuorum, serverDown = "VirtualServerNoQuorum 127.0.0.1:9650", "RealServerDown 127.0.0.1:9650 [10.0.1.2]:tcp:80"
	slow := []string{serverDown, "VrrpAuthenticationRefused " + dir1 + " GUARDED",
		"VrrpAuthenticationRefused " + dir2 + " GUARDED", "VrrpAdvertisementsLate " + dir1}
	others := func(list []string) []string { // than those that take their time
		return slices.DeleteFunc(list, func(name string) bool { return slices.Contains(slow, name) })
	}
	fires := func(what string, want ...string) {
		t.Helper()
		want = append(want, noQuorum)
		slices.Sort(want)
		l.Until(60*time.Second, what, func() bool { return slices.Equal(others(p.firing()), want) })
	}
	healthy := time.Now()
	fires("a healthy pair: nothing of it")
	p.checkMetrics(dir1)

	hosts[0].Isolate("eth0", true)
	hosts[1].Isolate("eth0", true)
	fires("the halves do not hear each other on one of the networks", "VrrpTwoMasters 192.0.2.0/24")
	hosts[0].Isolate("eth0", false)
	hosts[1].Isolate("eth0", false)
	fires("they do again")

	hosts[1].Unplug("eth0")
	daemons[1].KillWorker("front")
	daemons[1].Reload(aPairOnTwoNetworks(1) + "vrrp_instance BROKEN {\n")
	// Of this one the other half knows nothing, and refuses its advertisements.
	daemons[0].Reload(aPairOnTwoNetworks(0) + "vrrp_instance NEW {\n    interface eth1\n    virtual_router_id 53\n" +
		"    advert_int 0.2\n    version 3\n    virtual_ipaddress {\n        198.51.100.230/24\n    }\n}\n")
	const notReady, differs1, differs2 = "PeerNotReady " + dir1, "PairConfigDiffers " + dir1, "PairConfigDiffers " + dir2
	const fault, refused, died = "VrrpFault " + dir2 + " 192.0.2.0/24 RED", "DirectorConfigNotApplied " + dir2,
		"DirectorWorkerDies " + dir2 + " front"
	fires("a half cannot take over, has a broken file, and its front has died; the other one has another configuration",
		fault, refused, died, notReady, differs1, differs2)
	hosts[0].Unplug("eth0")
	l.Until(30*time.Second, "nobody is MASTER", func() bool {
		return slices.Contains(p.firing(), "VrrpNoMaster 192.0.2.0/24")
	})
	hosts[0].Plug("eth0")
	hosts[1].Plug("eth0")
	daemons[0].Reload(aPairOnTwoNetworks(0))
	daemons[1].Reload(aPairOnTwoNetworks(1))
	l.Until(60*time.Second, "all is well but what happened once", func() bool {
		return len(slices.DeleteFunc(others(p.firing()), func(name string) bool {
			return name == noQuorum || name == died
		})) == 0
	})
	everyQuery(t, p)

	// Somebody takes addresses away again and again, and a link goes up and down.
	for range 3 {
		for device, address := range map[string]string{"eth0": "192.0.2.100", "eth1": "198.51.100.100"} {
			hosts[0].Run("ip", "address", "del", address+"/24", "dev", device)
		}
		l.Until(15*time.Second, "both addresses are back", func() bool { return masters(0) })
	}
	for range 4 {
		hosts[0].Unplug("eth0")
		l.Until(10*time.Second, "dir2 is MASTER", func() bool { return hosts[1].HasAddress("eth0", "192.0.2.100") })
		hosts[0].Plug("eth0")
		l.Until(10*time.Second, "dir1 is MASTER again", func() bool {
			return masters(0) && !hosts[1].HasAddress("eth0", "192.0.2.100")
		})
	}
	const fights, flaps1, flaps2 = "DirectorFightsForTheKernel " + dir1, "VrrpFlapping " + dir1 + " RED",
		"VrrpFlapping " + dir2 + " RED"
	fires("dir1 fights for its addresses, which move to and fro", died, fights, flaps1, flaps2)
	l.Until(time.Until(healthy.Add(300*time.Second/hurry+30*time.Second)), "what takes a minute", func() bool {
		return len(others(p.firing()))+len(slow) == len(p.firing())
	})

	hosts[1].KillAll()
	off := time.Now()
	l.Until(60*time.Second, "a half is switched off", func() bool {
		return slices.Contains(p.firing(), "DirectorDown "+dir2)
	})
	since := func(when time.Time) string { return fmt.Sprintf("%ds", int(time.Since(when).Seconds())+1) }
	ever := p.alerts(`count_over_time(ALERTS{alertstate="firing"}[` + since(healthy) + `])`)
	want := []string{
		"DirectorDown " + dir2, noQuorum, "VrrpTwoMasters 192.0.2.0/24", "VrrpNoMaster 192.0.2.0/24", fault,
		refused, died, notReady, differs1, differs2, fights, flaps1, flaps2,
	}
	want = append(want, slow...)
	slices.Sort(want)
	if d := cmp.Diff(want, slices.DeleteFunc(ever, func(name string) bool {
		// for as long as nobody was MASTER
		return name == "VrrpFault "+dir1+" 192.0.2.0/24 RED" || name == "PeerNotReady "+dir2
	})); d != "" {
		t.Errorf("what has fired in all (-want +got)\n%s", d)
	}
	// VrrpFault and what is for a moment of the past may go on for a moment.
	after := p.alerts(`ALERTS{alertstate="firing",alertname=~"Vrrp(NoMaster|TwoMasters|Fault)"} and on () (vector(time()) > ` +
		fmt.Sprint(off.Add(3*time.Second).Unix()) + `)`)
	if len(after) > 0 {
		t.Errorf("of a half that is switched off: %q", after)
	}
}

// serveServices serves the metrics of virtual servers that nobody else here has.
func serveServices(t *testing.T, h *lab.Host, at string) {
	t.Helper()
	s, err := metrics.Parse([]byte(`{"version": "test", "check_start_lag": {"counts": [9,0,0,0,0,0,0,0,0,0,0,0,0,1],
		"sum_ns": 2000000000}, "virtual_servers": [{"name": "[10.0.0.100]:tcp:80", "real_servers": [
		{"name": "[10.0.1.1]:tcp:80", "up": true, "weight": 1, "kernel": {"present": true, "weight": 1, "active": 3},
		 "checks_counted": [{"checker": "TCP_CHECK 10.0.1.1:80", "ok": 9}]},
		{"name": "[10.0.1.2]:tcp:80", "weight": 1,
		 "checks_counted": [{"checker": "TCP_CHECK 10.0.1.2:80", "failed": 9}]}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	text, err := metrics.New().Text(s, nil, metrics.Options{RealServers: true, Keepalived: true})
	if err != nil {
		t.Fatal(err)
	}
	var listener net.Listener
	if err := h.Do(func() (err error) { listener, err = net.Listen("tcp", at); return err }); err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", metrics.Format())
		_, _ = w.Write(text)
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Close() })
}

// everyQuery evaluates what the dashboard and the alerts ask for: each has an answer, that of an
// alert without the comparison.
func everyQuery(t *testing.T, p *prometheus) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(lab.ModuleRoot(), "docs", "monitoring", "dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil || len(board.Panels) == 0 {
		t.Fatalf("the dashboard has %d panels, %v", len(board.Panels), err)
	}
	for _, panel := range board.Panels {
		if len(panel.Targets) == 0 {
			t.Errorf("panel %q asks for nothing", panel.Title)
		}
		for _, target := range panel.Targets {
			if list, _ := p.query(strings.ReplaceAll(target.Expr, "$__rate_interval", "20s")); len(list) == 0 {
				t.Errorf("panel %q: nothing is returned by %s", panel.Title, target.Expr)
			}
		}
	}
	var rules struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Query string }
			}
		}
	}
	err = json.Unmarshal(p.get("http://127.0.0.1:9090/api/v1/rules"), &rules)
	if err != nil || len(rules.Data.Groups) != 1 {
		t.Fatalf("the rules: %v", err)
	}
	comparison := regexp.MustCompile(`\s(==|>)\s[\d.]+$`)
	for _, r := range rules.Data.Groups[0].Rules {
		for part := range strings.SplitSeq(r.Query, " or ") {
			if list, _ := p.query(comparison.ReplaceAllString(part, "")); len(list) == 0 {
				t.Errorf("alert %s: nothing is returned by %s", r.Name, part)
			}
		}
	}
}
