//go:build linux

package integration_test

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
	"github.com/lvs-director/director/integration/traffic"
)

// website is one director with web servers behind it (NAT), whose checks a test makes
// fail, and a host on the client's network that stands in for them (DR).
type website struct {
	*lab.Lab
	t                         *testing.T
	client, director, standIn *lab.Host
	front                     *lab.Network
	clients                   int
	webs                      []*traffic.Web
	daemon                    *pair.Daemon
}

const standInAddress = "192.0.2.20"

// openWebsite makes the hosts. The stand-in serves the ports at the virtual address.
func openWebsite(t *testing.T, servers int, standInPorts ...int) *website {
	t.Helper()
	stage.Require(t)
	l := lab.New(t)
	w := &website{Lab: l, t: t}
	front, back := l.Network("front"), l.Network("back")
	w.front = front
	w.client = w.newClient()
	w.director = l.Host("director")
	w.director.Attach(front, "eth0", "192.0.2.2/24", shopVIP+"/32")
	w.director.Attach(back, "eth1", pair.InsideGateway+"/24")
	w.director.Sysctl("net.ipv4.ip_forward", "1")
	w.director.Sysctl("net.ipv4.conf.all.send_redirects", "0")
	for i := range servers {
		h := l.Host(fmt.Sprintf("rs%d", i+1))
		h.Attach(back, "eth0", webAddress(i)+"/24")
		h.Route("default", pair.InsideGateway)
		w.webs = append(w.webs, traffic.ServeWeb(h, 80))
	}
	w.standIn = l.Host("standin")
	w.standIn.Attach(front, "eth0", standInAddress+"/24")
	w.standIn.Sysctl("net.ipv4.conf.all.arp_ignore", "1")
	w.standIn.Sysctl("net.ipv4.conf.all.arp_announce", "2")
	w.standIn.Address("lo", shopVIP+"/32")
	for _, port := range standInPorts {
		traffic.ServeWeb(w.standIn, port)
	}
	return w
}

// newClient is one more host on the client's network. Each client that asks all the time
// needs its own: it chooses its ports by itself.
func (w *website) newClient() *lab.Host {
	w.clients++
	h := w.Host(fmt.Sprintf("client%d", w.clients))
	h.Attach(w.front, "eth0", fmt.Sprintf("192.0.2.%d/24", 9+w.clients))
	return h
}

// webAddress is the address of web server i.
func webAddress(i int) string { return fmt.Sprintf("198.51.100.%d", 11+i) }

// web is a real_server block for web server i, whose check asks for its health twice a
// second; another page than that is a failure at once.
func web(i, weight int, more ...string) string {
	return realServer(webAddress(i), weight, more...)
}

func realServer(address string, weight int, more ...string) string {
	return fmt.Sprintf(`    real_server %s 80 {
        weight %d
        %s
        HTTP_GET {
            url {
                path /health
                status_code 200
            }
            connect_timeout 5
            retry 0
        }
    }
`, address, weight, strings.Join(more, "\n        "))
}

// site is a virtual_server block for a port of the virtual address.
func site(port int, lines []string, servers ...string) string {
	lines = append([]string{"delay_loop 0.5", "warmup 0", "lb_algo wrr", "lb_kind NAT", "protocol TCP"}, lines...)
	return fmt.Sprintf("virtual_server %s %d {\n    %s\n%s}\n", shopVIP, port, strings.Join(lines, "\n    "),
		strings.Join(servers, ""))
}

func (w *website) open(conf string) { w.daemon = pair.Start(w.t, stage.Director(), w.director, conf) }

// setHealth makes the check of web server i pass or fail; requests are answered either way.
func (w *website) setHealth(well bool, servers ...int) {
	for _, i := range servers {
		if well {
			w.webs[i].SetPage("/health", pair.HealthyPage)
		} else if err := w.webs[i].RemovePage("/health"); err != nil {
			w.t.Fatal(err)
		}
	}
}

// weights are the weights in the kernel's table for a port, by address.
func (w *website) weights(port int) map[string]int {
	for _, vs := range pair.Table(w.director) {
		if int(vs.Address.Port()) != port {
			continue
		}
		weights := map[string]int{}
		for _, rs := range vs.Servers {
			weights[rs.Address.Addr().String()] = rs.Weight
		}
		return weights
	}
	return nil
}

// untilWeights waits until the table for each of the ports is as wanted.
func (w *website) untilWeights(what string, want map[int]map[string]int) {
	w.t.Helper()
	w.Until(15*time.Second, fmt.Sprintf("%s: the weights %v", what, want), func() bool {
		for port, weights := range want {
			if fmt.Sprint(w.weights(port)) != fmt.Sprint(weights) {
				return false
			}
		}
		return true
	})
}

// watch is what was seen of the kernel's table by looking at it all the time, by port.
type watch struct {
	w        *website
	empty    map[int]int         // looks at which no real server had a weight above 0
	left     map[int][]time.Time // when a look no longer saw a real server
	end      chan struct{}
	watching sync.WaitGroup
}

// watchTable looks at the table until stop.
func (w *website) watchTable() *watch {
	w.t.Helper()
	var file *os.File
	if err := w.director.Do(func() (err error) {
		file, err = os.Open("/proc/thread-self/net/ip_vs") // it stays that of the director's namespace
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	seen := &watch{w: w, empty: map[int]int{}, left: map[int][]time.Time{}, end: make(chan struct{})}
	seen.watching.Go(func() {
		defer file.Close()
		before, looks := map[int]map[netip.AddrPort]bool{}, 0
		for {
			select {
			case <-seen.end:
				w.Logf("looked %d times at the table", looks)
				return
			case <-time.After(2 * time.Millisecond):
			}
			if _, err := file.Seek(0, io.SeekStart); err != nil {
				return
			}
			text, err := io.ReadAll(file)
			if err != nil {
				continue
			}
			looks++
			for _, vs := range pair.ParseTable(string(text)) {
				port := int(vs.Address.Port())
				before[port] = seen.look(port, vs.Servers, before[port])
			}
		}
	})
	return seen
}

// look takes in the real servers of a port, and returns their addresses.
func (seen *watch) look(port int, servers []pair.RealServer, before map[netip.AddrPort]bool) map[netip.AddrPort]bool {
	now, weights := map[netip.AddrPort]bool{}, 0
	for _, rs := range servers {
		now[rs.Address] = true
		weights += rs.Weight
	}
	if weights == 0 {
		seen.empty[port]++
	}
	for address := range before {
		if !now[address] {
			seen.left[port] = append(seen.left[port], time.Now())
		}
	}
	return now
}

// stop ends the watch, and fails the test for each port that at some moment had nobody to serve.
func (seen *watch) stop(ports ...int) {
	seen.w.t.Helper()
	close(seen.end)
	seen.watching.Wait()
	for _, port := range ports {
		if n := seen.empty[port]; n > 0 {
			seen.w.t.Errorf("port %d: %d looks at the table found no real server with a weight above 0", port, n)
		}
	}
}

// underWay is the greatest age of a request that is not answered yet, apart from the time that the
// lab was starved, if none of the answers took longer.
const underWay = 200 * time.Millisecond

// expectOnlyInFlight fails if a request of a client failed that was not in flight to a real server
// when that left the table: the kernel drops the packets of those in flight.
func (seen *watch) expectOnlyInFlight(what string, port int, requests traffic.Summary) {
	w, left := seen.w, seen.left[port]
	w.t.Helper()
	w.Logf("%s: %v, by %v; real servers left the table %d times", what, requests, requests.Servers, len(left))
	for _, r := range requests.Failures {
		excused := r.Outcome == traffic.NoAnswer && w.Starved(r.Start, r.Start.Add(r.Took)) >= traffic.Patience/4
		for _, at := range left {
			oldest := at.Add(-max(underWay, requests.Slowest) - w.Starved(at.Add(-traffic.Patience), at))
			excused = excused || r.Outcome == traffic.NoAnswer && r.Start.After(oldest) && r.Start.Before(at)
		}
		if !excused {
			w.t.Errorf("%s: the request of %s: %s", what, r.Start.Format("15:04:05.000"), r.Outcome)
		}
	}
}

// untilServedBy waits until a client's requests are answered by these hosts and no others.
func (w *website) untilServedBy(c *traffic.Client, names ...string) {
	w.t.Helper()
	from := time.Now()
	w.Until(10*time.Second, fmt.Sprintf("answers of %v alone", names), func() bool {
		if !c.AnsweredSince(from, 10) {
			return false
		}
		seen := c.SoFar(from.Add(100 * time.Millisecond)).Servers // requests that began before may still end
		for _, name := range names {
			if seen[name] == 0 {
				return false
			}
		}
		if len(seen) > len(names) {
			from = time.Now()
		}
		return len(seen) == len(names)
	})
}

// target4 is a port of the virtual address.
func target4(port int) string { return fmt.Sprintf("%s:%d", shopVIP, port) }
