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

// aPairOnTwoNetworks is the configuration of a half: the VRID 51 is on two networks, and of one more instance the
// second half is MASTER.
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
		instance("OTHER", "eth1", 52, "198.51.100.200/24", 100+100*i)
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
		return masters(0) && !hosts[1].HasAddress("eth0", "192.0.2.100") && !hosts[1].HasAddress("eth1", "198.51.100.100")
	})
	p := newPrometheus(t, watcher, sooner(string(rules)), dir1, dir2, services)
	l.Until(30*time.Second, "Prometheus reads both halves", func() bool {
		list, _ := p.query(`count by (job) (up{job="director"} == 1) == 3`)
		return len(list) == 1
	})
	const noQuorum, serverDown = "VirtualServerNoQuorum 127.0.0.1:9650", "RealServerDown 127.0.0.1:9650 [10.0.1.2]:tcp:80"
	fires := func(what string, want ...string) {
		t.Helper()
		want = append(want, noQuorum)
		slices.Sort(want)
		var got []string
		l.Until(60*time.Second, what, func() bool {
			got = slices.DeleteFunc(p.firing(), func(name string) bool { return name == serverDown }) // it takes its time
			return slices.Equal(got, want)
		})
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
		return len(slices.DeleteFunc(p.firing(), func(name string) bool {
			return name == serverDown || name == noQuorum || name == died
		})) == 0
	})
	everyQuery(t, p)

	hosts[1].KillAll()
	off := time.Now()
	l.Until(60*time.Second, "a half is switched off", func() bool {
		return slices.Contains(p.firing(), "DirectorDown "+dir2)
	})
	l.Until(time.Until(healthy.Add(300*time.Second/hurry+30*time.Second)), "a real server is down for long",
		func() bool { return slices.Contains(p.firing(), serverDown) })
	since := func(when time.Time) string { return fmt.Sprintf("%ds", int(time.Since(when).Seconds())+1) }
	ever := p.alerts(`count_over_time(ALERTS{alertstate="firing"}[` + since(healthy) + `])`)
	want := []string{
		"DirectorDown " + dir2, noQuorum, serverDown, "VrrpTwoMasters 192.0.2.0/24", "VrrpNoMaster 192.0.2.0/24", fault,
		refused, died, notReady, differs1, differs2,
	}
	slices.Sort(want)
	if d := cmp.Diff(want, slices.DeleteFunc(ever, func(name string) bool {
		// for as long as nobody was MASTER
		return name == "VrrpFault "+dir1+" 192.0.2.0/24 RED" || name == "PeerNotReady "+dir2
	})); d != "" {
		t.Errorf("what has fired in all (-want +got)\n%s", d)
	}
	// VrrpFault and what is for a moment of the past may go on for a moment.
	late := p.alerts(`ALERTS{alertstate="firing",alertname=~"Vrrp.*"} and on () (vector(time()) > ` +
		fmt.Sprint(off.Add(3*time.Second).Unix()) + `)`)
	if len(late) > 0 {
		t.Errorf("of a half that is switched off: %q", late)
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

// nothingHere are expressions that this pair has no series for.
var nothingHere = map[string]string{
	"VrrpAuthenticationRefused": "no password is wrong: the counter of a reason is not there before the first packet",
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
			list, _ := p.query(comparison.ReplaceAllString(part, ""))
			if why := nothingHere[r.Name]; (len(list) == 0) != (why != "") {
				t.Errorf("alert %s: %d series, want some unless %q: %s", r.Name, len(list), why, part)
			}
		}
	}
}
