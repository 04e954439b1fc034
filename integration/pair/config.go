//go:build linux

package pair

import (
	"crypto/md5"
	"fmt"
	"strings"
	"time"
)

// Config is what varies between the configurations of the scenarios. Its text
// is plain keepalived.conf.
type Config struct {
	RouterID string
	Version  int // of VRRP: 2 or 3
	Priority int
	Interval time.Duration // of advertisements
	State    string        // MASTER or BACKUP (the default)
	Options  []string      // further lines of the vrrp_instance, such as "nopreempt"
	Notify   string        // command of notify, none when empty

	Service   bool // with the virtual servers
	Scheduler string
	Servers   []int // which of the site's real servers are in
	Check     string
	// ServerOptions are further lines of each real_server.
	ServerOptions []string
	UDP           bool // with the echo service too
	Global        []string
	Before        []string // further blocks before the vrrp_instance
}

// The checks a real server may have.
const (
	CheckPage = "page" // HTTP_GET of /health by its digest
	CheckTCP  = "tcp"
)

// HealthyPage is what /health answers on a healthy real server.
const HealthyPage = "healthy\n"

// DefaultConfig is the configuration of director i of the site. The first one
// has the higher priority.
func (s *Site) DefaultConfig(i int) Config {
	c := Config{
		RouterID: s.Dirs[i].Name, Version: 3, Priority: 200 - 100*i, Interval: time.Second, State: "BACKUP",
		Service: true, Scheduler: "rr", Check: CheckPage,
	}
	for n := range s.Servers {
		c.Servers = append(c.Servers, n)
	}
	return c
}

// Text is the configuration file.
func (c Config) Text(s *Site) string {
	var b strings.Builder
	fmt.Fprintf(&b, "global_defs {\n    router_id %s\n", c.RouterID)
	for _, line := range c.Global {
		fmt.Fprintf(&b, "    %s\n", line)
	}
	b.WriteString("}\n\n")
	for _, block := range c.Before {
		fmt.Fprintf(&b, "%s\n\n", block)
	}
	c.writeInstance(&b, s)
	if c.Service {
		c.writeService(&b, s, 80, "TCP")
		if c.UDP {
			c.writeService(&b, s, 7, "UDP")
		}
	}
	return b.String()
}

func (c Config) writeInstance(b *strings.Builder, s *Site) {
	fmt.Fprintf(b, `vrrp_instance VI_1 {
    state %s
    interface eth0
    virtual_router_id 51
    version %d
    priority %d
    advert_int %g
`, c.State, c.Version, c.Priority, c.Interval.Seconds())
	for _, line := range c.Options {
		fmt.Fprintf(b, "    %s\n", line)
	}
	if c.Notify != "" {
		fmt.Fprintf(b, "    notify %q root\n", c.Notify)
	}
	b.WriteString("    virtual_ipaddress {\n")
	for _, vip := range s.virtualAddresses() {
		fmt.Fprintf(b, "        %s/%d dev eth0\n", vip, s.prefixLength())
	}
	b.WriteString("    }\n")
	if s.Method == NAT {
		fmt.Fprintf(b, "    virtual_ipaddress_excluded {\n        %s/24 dev eth1\n    }\n", InsideGateway)
		b.WriteString("    track_interface {\n        eth1\n    }\n")
	}
	b.WriteString("}\n")
}

func (c Config) writeService(b *strings.Builder, s *Site, port int, protocol string) {
	fmt.Fprintf(b, "\nvirtual_server %s %d {\n    delay_loop 1\n    lb_algo %s\n    lb_kind %s\n    protocol %s\n",
		VIP, port, c.Scheduler, s.Method, protocol)
	for _, n := range c.Servers {
		fmt.Fprintf(b, "    real_server %s %d {\n        weight 1\n", s.ServerAddress(n), port)
		for _, line := range c.ServerOptions {
			fmt.Fprintf(b, "        %s\n", line)
		}
		fmt.Fprintf(b, "%s    }\n", c.check())
	}
	b.WriteString("}\n")
}

// check is the checker of a real server. Both services check the web server,
// which stands for the whole host.
func (c Config) check() string {
	const timing = `            connect_timeout 1
            retry 1
            delay_before_retry 1
`
	if c.Check == CheckTCP {
		return "        TCP_CHECK {\n            connect_port 80\n" + timing + "        }\n"
	}
	return fmt.Sprintf(`        HTTP_GET {
            connect_port 80
            url {
                path /health
                digest %x
            }
%s        }
`, md5.Sum([]byte(HealthyPage)), timing)
}
