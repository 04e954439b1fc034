//go:build linux

package main

import (
	"crypto/md5"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

const (
	// Of each virtual server deathDoomed real servers die, and deathAlive go on.
	deathDoomed, deathAlive = 100, 20
	deathDelay              = 5 * time.Second
	// deathSettle is how long the checks run before: every one has passed by then.
	deathSettle = 2*deathDelay + 2*time.Second
	deathLimit  = time.Minute
	deathTrials = 3
)

// death is a way for a real server to die, and the check that is to notice.
type death struct {
	check, way string
	page       bool // HTTP_GET, else TCP_CHECK
}

const (
	processEnds  = "its process ends"
	processHangs = "its process hangs"
	hostIsLost   = "its host is lost"
)

// deaths are those of one virtual server each. A process that hangs still takes connections, so TCP_CHECK
// does not notice.
func deaths() []death {
	return []death{
		{"TCP_CHECK", processEnds, false},
		{"TCP_CHECK", hostIsLost, false},
		{"HTTP_GET", processEnds, true},
		{"HTTP_GET", hostIsLost, true},
		{"HTTP_GET", processHangs, true},
	}
}

// deathTimes is how long dead real servers stay in the kernel's table.
type deathTimes struct {
	Kind, Check, Way string
	Took             []time.Duration
}

func measureDeaths(trials int) (rows []deathTimes, err error) {
	for _, kind := range kinds() {
		for _, d := range deaths() {
			rows = append(rows, deathTimes{Kind: kind.Name(), Check: d.check, Way: d.way})
		}
	}
	for range min(trials, deathTrials) {
		for n, kind := range kinds() {
			own := rows[n*len(deaths()) : (n+1)*len(deaths())]
			err = errors.Join(err, measureDeath(kind, own))
		}
	}
	return rows, err
}

// measureDeath lets a kind run until all have died that are to.
func measureDeath(kind pair.Kind, rows []deathTimes) error {
	ok := stage.Play("bench-death-"+kind.Name(), func(t lab.Reporter) {
		f := farm{services: len(deaths()), servers: len(deaths()) * (deathDoomed + deathAlive)}
		c := doomedFarm{balancer: newBalancer(t, f)}
		c.startServers()
		began := time.Now()
		d := pair.Start(t, terse(kind), c.host, c.file())
		c.untilFull(began, fillLimit, kind.Name())
		time.Sleep(deathSettle)
		c.whole(kind.Name() + ", before any has died")
		for n, took := range c.untilGone(c.kill()) {
			rows[n].Took = append(rows[n].Took, took...)
			fmt.Printf("  %-10s %-9s %s: %s\n", kind.Name(), rows[n].Check, rows[n].Way, seconds(took))
		}
		d.KillAll()
		d.WaitEnd(settleLimit)
	})
	if !ok {
		return fmt.Errorf("the measurement of how soon %s notices a dead real server failed", kind.Name())
	}
	return nil
}

// doomedFarm is a farm whose real servers die, those of each virtual server in a way of its own.
type doomedFarm struct {
	*balancer
	servers *lab.Host
	doomed  []*lab.Process // by virtual server
}

// of are the addresses of the real servers of a virtual server: those that die and the others.
func (c *doomedFarm) of(service int) (doomed, alive []netip.Addr) {
	for n, end := c.at(service); n < end; n++ {
		if a := c.server(n).Addr(); len(doomed) < deathDoomed {
			doomed = append(doomed, a)
		} else {
			alive = append(alive, a)
		}
	}
	return doomed, alive
}

// startServers starts the real servers: a process for those that die together, and one for all others.
func (c *doomedFarm) startServers() {
	c.servers = c.lab.Host("servers")
	c.lab.Wire(c.host, c.servers, "eth0", "192.168.0.1/24", "192.168.0.2/24")
	c.servers.Run("ip", "route", "add", "local", farmServers, "dev", "lo")
	c.host.Route(farmServers, "192.168.0.2")
	start := func(name string, addresses []netip.Addr) *lab.Process {
		p := c.servers.StartCommand(lab.Command{Name: name, Argv: []string{"/proc/self/exe"}, Env: []string{
			fmt.Sprintf("%s=%d %s", serversVar, checkPort, strings.Trim(fmt.Sprint(addresses), "[]"))}})
		c.lab.Until(settleLimit, name+" answer", func() bool {
			return c.answers(netip.AddrPortFrom(addresses[len(addresses)-1], checkPort))
		})
		return p
	}
	var others []netip.Addr
	for s := range c.services {
		doomed, alive := c.of(s)
		c.doomed = append(c.doomed, start(fmt.Sprintf("doomed%d", s), doomed))
		others = append(others, alive...)
	}
	start("others", others)
}

// file is the configuration: all of the checks but the page is by default.
func (c *doomedFarm) file() string {
	var b strings.Builder
	b.WriteString("global_defs {\n router_id death\n}\n")
	for s, d := range deaths() {
		fmt.Fprintf(&b, "virtual_server %s %d {\n delay_loop %g\n lb_algo wlc\n lb_kind NAT\n protocol TCP\n",
			c.address(s), farmPort, deathDelay.Seconds())
		check := "TCP_CHECK {\n }\n"
		if d.page {
			check = fmt.Sprintf("HTTP_GET {\n url {\n path /\n digest %x\n }\n connect_port %d\n }\n",
				md5.Sum([]byte(costPage)), pagePort)
		}
		for n, end := c.at(s); n < end; n++ {
			fmt.Fprintf(&b, " real_server %s %d {\n weight 1\n %s }\n", c.server(n).Addr(), checkPort, check)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// kill lets all die that are to, and returns when those of each virtual server did.
func (c *doomedFarm) kill() (at []time.Time) {
	for s, d := range deaths() {
		at = append(at, time.Now())
		switch d.way {
		case processEnds:
			c.doomed[s].Signal(syscall.SIGKILL)
		case processHangs:
			c.doomed[s].Signal(syscall.SIGSTOP)
		case hostIsLost: // packets to it vanish
			var lines strings.Builder
			doomed, _ := c.of(s)
			for _, a := range doomed {
				fmt.Fprintf(&lines, "route add blackhole %s/32 table local\n", a)
			}
			c.servers.Run("ip", "-batch", c.servers.WriteFile("lost", lines.String()))
		}
	}
	return at
}

// untilGone waits until the dead have left the table, or have the weight 0, and returns how long each
// of them stayed, by virtual server.
func (c *doomedFarm) untilGone(since []time.Time) [][]time.Duration {
	c.t.Helper()
	took := make([][]time.Duration, c.services)
	left := make([]map[conf.ServerKey]bool, c.services)
	waits := 0
	for s := range left {
		left[s] = map[conf.ServerKey]bool{}
		doomed, _ := c.of(s)
		for _, a := range doomed {
			left[s][conf.ServerKey{Address: a, Port: checkPort}] = true
		}
		waits += len(doomed)
	}
	for ; waits > 0; time.Sleep(lookEvery) {
		if time.Since(since[0]) > deathLimit {
			c.t.Fatalf("%d dead real servers are in the table after %v", waits, deathLimit)
		}
		for s := range left {
			list, err := c.looks.Destinations(c.key(s))
			if err != nil {
				c.t.Fatalf("read the table: %v", err)
			}
			now, serve := time.Now(), map[conf.ServerKey]bool{}
			for _, d := range list {
				serve[d.Key] = d.Weight > 0
			}
			for key := range left[s] {
				if !serve[key] {
					took[s] = append(took[s], now.Sub(since[s]))
					delete(left[s], key)
					waits--
				}
			}
			if _, alive := c.of(s); !serve[conf.ServerKey{Address: alive[0], Port: checkPort}] {
				c.t.Fatalf("a real server that lives, %s, has left the table", alive[0])
			}
		}
	}
	return took
}

// seconds is spread in seconds.
func seconds(values []time.Duration) string {
	bare := func(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()) }
	return spreadOf(values, func(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }, bare)
}

func deathSection(rows []deathTimes) string {
	var b strings.Builder
	fmt.Fprintf(&b, `## From a real server's death to its leaving the table

Virtual servers with %d real servers each, of which %d die at the same moment, wherever their checks are in
their delay_loop of %v; the time is until the kernel's table has the real server no more. All other words of
the checks are by default, the same file for both. A process that ends refuses connections, one that hangs
takes them and says nothing, a host that is lost answers no packet.

| check | death | keepalived | director | times keepalived |
|---|---|---|---|---|
`, deathDoomed+deathAlive, deathDoomed, deathDelay)
	for _, d := range deaths() {
		took := map[string][]time.Duration{}
		for _, r := range rows {
			if r.Check == d.check && r.Way == d.way {
				took[r.Kind] = r.Took
			}
		}
		times := "-"
		if a, b := took["director"], took["keepalived"]; len(a) > 0 && len(b) > 0 {
			times = fmt.Sprintf("%.2f", float64(median(a))/float64(median(b)))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", d.check, d.way, seconds(took["keepalived"]),
			seconds(took["director"]), times)
	}
	return b.String()
}
