//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/integration/debian"
	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/table"
)

// farm is a configuration of many virtual servers, whose real servers are spread evenly.
type farm struct {
	services, servers int
	checked           bool          // a TCP check for each real server
	delay             time.Duration // between two checks
	// weight gives the weight of a real server by its number in the farm; nil means 1 for all.
	weight func(int) int
}

const (
	farmPort  = 80
	checkPort = 8080 // of the real servers, when they are checked
	// farmServers are the addresses of all real servers.
	farmServers = "172.16.0.0/12"
)

func (f farm) address(service int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(service >> 16), byte(service >> 8), byte(service)})
}

// at returns the range of the real servers of a virtual server, by number: from first up to, not
// including, end.
func (f farm) at(service int) (first, end int) {
	return service * f.servers / f.services, (service + 1) * f.servers / f.services
}

func (f farm) server(n int) netip.AddrPort {
	n++
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{172, byte(16 + n>>16), byte(n >> 8), byte(n)}), checkPort)
}

func (f farm) weightOf(n int) int {
	if f.weight == nil {
		return 1
	}
	return f.weight(n)
}

// with returns the farm with other weights.
func (f farm) with(weight func(int) int) farm {
	f.weight = weight
	return f
}

// text is the configuration file.
func (f farm) text() string {
	var b strings.Builder
	b.WriteString("global_defs {\n    router_id farm\n}\n")
	for s := range f.services {
		fmt.Fprintf(&b, "virtual_server %s %d {\n    delay_loop %g\n    lb_algo wlc\n    lb_kind NAT\n    protocol TCP\n",
			f.address(s), farmPort, max(f.delay, 5*time.Second).Seconds())
		first, end := f.at(s)
		for n := first; n < end; n++ {
			at := f.server(n)
			fmt.Fprintf(&b, "    real_server %s %d {\n        weight %d\n", at.Addr(), at.Port(), f.weightOf(n))
			if f.checked {
				b.WriteString("        TCP_CHECK {\n            connect_timeout 3\n        }\n")
			}
			b.WriteString("    }\n")
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// config is the configuration as it is read.
func (f farm) config(t lab.Reporter) *conf.Config {
	cfg, findings := load.LoadText("farm.conf", f.text(), load.Options{})
	if conf.HasErrors(findings) {
		t.Fatalf("the farm's configuration has errors: %v", findings[0])
	}
	return cfg
}

// operations are the changes that fill an empty table with the farm.
func (f farm) operations(t lab.Reporter) []table.Op {
	return table.Diff(table.Wanted(f.config(t).VirtualServers, nil), table.Table{}, nil)
}

// restorable is the farm as "ipvsadm -R" reads it.
func (f farm) restorable() string {
	var b strings.Builder
	for s := range f.services {
		service := netip.AddrPortFrom(f.address(s), farmPort)
		fmt.Fprintf(&b, "-A -t %s -s wlc\n", service)
		first, end := f.at(s)
		for n := first; n < end; n++ {
			fmt.Fprintf(&b, "-a -t %s -r %s -m -w %d\n", service, f.server(n), f.weightOf(n))
		}
	}
	return b.String()
}

// key is a virtual server in the kernel's table.
func (f farm) key(service int) conf.ServiceKey {
	return conf.ServiceKey{Protocol: conf.TCP, Address: f.address(service), Port: farmPort}
}

// balancer is a host with the farm's table.
type balancer struct {
	farm
	lab  *lab.Lab
	host *lab.Host
	t    lab.Reporter
	// looks reads the table while another program fills it.
	looks ipvs.Driver
}

func newBalancer(t lab.Reporter, f farm) *balancer {
	b := &balancer{farm: f, lab: lab.New(t), t: t}
	b.host = b.lab.Host("balancer")
	b.looks = b.open()
	return b
}

// open opens the host's table.
func (b *balancer) open() (d ipvs.Driver) {
	b.t.Helper()
	if err := b.host.Do(func() (err error) { d, err = ipvs.Open(); return err }); err != nil {
		b.t.Fatalf("open the IPVS table: %v", err)
	}
	b.t.Cleanup(func() { d.Close() })
	return d
}

// whole checks that the table is what the farm says.
func (b *balancer) whole(who string) {
	b.t.Helper()
	found := pair.Table(b.host)
	servers := 0
	for _, vs := range found {
		servers += len(vs.Servers)
	}
	if len(found) != b.services || servers != b.servers {
		b.t.Fatalf("%s: the table has %d virtual servers with %d real servers, not %d with %d", who, len(found), servers,
			b.services, b.servers)
	}
}

// lookEvery is the pause between two looks at one virtual server.
const lookEvery = 10 * time.Millisecond

// until waits until the real servers of one virtual server are as wanted, and returns how long that
// took. Every program works in the order of the file, so a caller that waits for the whole table
// names the last virtual server.
func (b *balancer) until(since time.Time, limit time.Duration, what string, service int,
	wanted func([]table.Destination) bool,
) time.Duration {
	b.t.Helper()
	for {
		list, err := b.looks.Destinations(b.key(service))
		if err == nil && wanted(list) {
			return time.Since(since)
		}
		if took := time.Since(since); took > limit && took > limit+b.lab.Starved(since, time.Now()) {
			b.t.Fatalf("%s: not within %v (%d real servers, %v)", what, limit, len(list), err)
		}
		time.Sleep(lookEvery)
	}
}

// untilFull waits for the last real server.
func (b *balancer) untilFull(since time.Time, limit time.Duration, who string) time.Duration {
	b.t.Helper()
	first, end := b.at(b.services - 1)
	took := b.until(since, limit, who+": the table is full", b.services-1,
		func(list []table.Destination) bool { return len(list) == end-first })
	b.whole(who)
	return took
}

// answers says whether a real server takes a connection.
func (b *balancer) answers(at netip.AddrPort) bool {
	return b.host.Do(func() error {
		conn, err := net.DialTimeout("tcp", at.String(), time.Second)
		if err == nil {
			conn.Close()
		}
		return err
	}) == nil
}

// empty empties the table.
func (b *balancer) empty() {
	b.t.Helper()
	if err := b.looks.Flush(); err != nil {
		b.t.Fatalf("empty the table: %v", err)
	}
}

// forget removes the files of a daemon that was killed.
func (b *balancer) forget() {
	b.t.Helper()
	if err := os.RemoveAll(b.host.RunDir()); err != nil {
		b.t.Fatalf("remove the run directory: %v", err)
	}
}

// terse returns the kind with a short log: thousands of detailed lines would distort the figures.
func terse(kind pair.Kind) pair.Kind {
	if k, ok := kind.(pair.Keepalived); ok {
		k.Terse = true
		return k
	}
	return kind
}

// These variables name the prepared ipvsadm; the guest inherits them.
const (
	ipvsadmVar    = "DIRECTOR_BENCH_IPVSADM"
	ipvsadmEnvVar = "DIRECTOR_BENCH_IPVSADM_ENV"
)

// fetchIpvsadm unpacks Debian's ipvsadm.
func fetchIpvsadm(ctx context.Context) error {
	if os.Getenv(ipvsadmVar) != "" {
		return nil
	}
	cache, err := debian.OpenCache(os.Stderr)
	if err != nil {
		return err
	}
	program, err := cache.Program(ctx, "ipvsadm", "sbin/ipvsadm")
	if err != nil {
		return fmt.Errorf("fetch Debian's ipvsadm: %w", err)
	}
	os.Setenv(ipvsadmVar, program.Path)
	os.Setenv(ipvsadmEnvVar, strings.Join(program.Env(), " "))
	return nil
}

// ipvsadm runs Debian's ipvsadm on the host with a text as its input.
func (b *balancer) ipvsadm(input string, args ...string) time.Duration {
	b.t.Helper()
	path := b.host.WriteFile("ipvsadm.in", input)
	argv := append([]string{"env"}, strings.Fields(os.Getenv(ipvsadmEnvVar))...)
	argv = append(argv, "sh", "-c", `exec "$0" "$@" <`+path, os.Getenv(ipvsadmVar))
	began := time.Now()
	p := b.host.Start(append(argv, args...)...)
	p.WaitEnd(fillLimit)
	if took := time.Since(began); len(p.Log()) == 0 || strings.HasSuffix(p.Log()[len(p.Log())-1].Text, "exit status 0]") {
		return took
	}
	b.t.Fatalf("ipvsadm %s: %v", strings.Join(args, " "), p.Log())
	return 0
}

// counting is a driver that counts its calls.
type counting struct {
	ipvs.Driver
	ops, lists, dumps atomic.Int64 // operations, lists of services, lists of real servers
}

func (c *counting) Apply(ops []table.Op) []error {
	c.ops.Add(int64(len(ops)))
	return c.Driver.Apply(ops)
}

func (c *counting) Services() ([]table.Service, error) {
	defer c.lists.Add(1) // when it has been read: only then the loop begins with the real servers
	return c.Driver.Services()
}

func (c *counting) Destinations(key conf.ServiceKey) ([]table.Destination, error) {
	c.dumps.Add(1)
	return c.Driver.Destinations(key)
}

// ratio is the median of a divided by the median of b.
func ratio[T ~int64 | ~float64](a, b []T) string {
	if len(a) == 0 || len(b) == 0 || median(b) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f", float64(median(a))/float64(median(b)))
}
