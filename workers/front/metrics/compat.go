package metrics

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lvs-director/director/keepalived/dump"
)

// The names, labels and types of the two exporters for keepalived that dashboards are made for:
// mehdy/keepalived-exporter and gen2brain/keepalived_exporter. No name is in both with other labels.
// What they have and director has not is left out: the script of an exporter of its own, and the
// traffic of a virtual server, of which the kernel's table is not asked here.

// compat are the descriptions of the series.
type compat struct {
	mehdy, gen2brain           []counterOf
	garp, state, excluded      *prometheus.Desc
	scriptStatus, scriptState  *prometheus.Desc
	up                         *prometheus.Desc
	inPackets, outPackets      *prometheus.Desc
	inBytes, outBytes, connect *prometheus.Desc
}

// counterOf is a counter of an instance.
type counterOf struct {
	desc  *prometheus.Desc
	value func(*dump.Counts) uint64
}

// counted are the counters of both, with the names of each.
var counted = []struct {
	mehdy, gen2brain, help string
	value                  func(*dump.Counts) uint64
}{
	{"advertisements_received", "advert_rcvd", "Advertisements received.",
		func(c *dump.Counts) uint64 { return c.Received }},
	{"advertisements_sent", "advert_sent", "Advertisements sent.", func(c *dump.Counts) uint64 { return c.Sent }},
	{"become_master", "become_master", "Times that it became MASTER.", func(c *dump.Counts) uint64 { return c.Masters }},
	{"release_master", "release_master", "Times that it ceased to be MASTER.",
		func(c *dump.Counts) uint64 { return c.Released }},
	{"packet_length_errors", "packet_len_err", "Packets with a wrong length.",
		func(c *dump.Counts) uint64 { return c.Length }},
	{"advertisements_interval_errors", "advert_interval_err", "Packets with another interval.",
		func(c *dump.Counts) uint64 { return c.Interval }},
	{"ip_ttl_errors", "ip_ttl_err", "Packets with a wrong TTL.", func(c *dump.Counts) uint64 { return c.TTL }},
	{"invalid_type_received", "invalid_type_rcvd", "Packets of an unknown type.",
		func(c *dump.Counts) uint64 { return c.Type }},
	{"address_list_errors", "addr_list_err", "Packets with other addresses.",
		func(c *dump.Counts) uint64 { return c.AddressList }},
	{"authentication_invalid", "invalid_authtype", "Packets with an unknown authentication.",
		func(c *dump.Counts) uint64 { return c.AuthInvalid }},
	{"authentication_mismatch", "authtype_mismatch", "Packets with another authentication.",
		func(c *dump.Counts) uint64 { return c.AuthMismatch }},
	{"authentication_failure", "auth_failure", "Packets whose authentication failed.",
		func(c *dump.Counts) uint64 { return c.AuthFailure }},
	{"priority_zero_received", "pri_zero_rcvd", "Packets of priority 0 received.",
		func(c *dump.Counts) uint64 { return c.ZeroReceived }},
	{"priority_zero_sent", "pri_zero_sent", "Packets of priority 0 sent.",
		func(c *dump.Counts) uint64 { return c.ZeroSent }},
}

func newCompat() compat {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("keepalived_"+name, help, labels, nil)
	}
	server := func(name, help string) *prometheus.Desc {
		return desc("lvs_rs_"+name, help, "vip", "addr", "proto")
	}
	of := []string{"iname", "intf", "vrid", "ip_address"}
	c := compat{
		garp:         desc("gratuitous_arp_delay_total", "The configured delay, in seconds.", of[:3]...),
		state:        desc("vrrp_state", "0 INIT, 1 BACKUP, 2 MASTER, 3 FAULT; for each address.", of...),
		excluded:     desc("vrrp_excluded_state", "The same for each excluded address.", of...),
		scriptStatus: desc("script_status", "1 when the script was well at its last end.", "name"),
		scriptState:  desc("script_state", "1 while the script runs.", "name"),
		up:           desc("up", "1 when what serves the metrics has an answer."),
		inPackets:    server("in_packets", "Packets of clients."), outPackets: server("out_packets", "Packets to clients."),
		inBytes: server("in_bytes", "Bytes of clients."), outBytes: server("out_bytes", "Bytes to clients."),
		connect: server("conn", "Connections."),
	}
	for _, n := range counted {
		c.mehdy = append(c.mehdy, counterOf{desc(n.mehdy+"_total", n.help, of[:3]...), n.value})
		c.gen2brain = append(c.gen2brain, counterOf{
			desc("vrrp_"+n.gen2brain, n.help, "name", "intf", "vrid", "state"), n.value})
	}
	return c
}

// keepalived tells the status by the names of the exporters.
func (c *collector) keepalived(w writer) {
	if c.compat.up == nil {
		c.compat = newCompat()
	}
	d := &c.compat
	w.gauge(d.up, 1)
	for n := range c.s.Instances {
		c.asKeepalived(w, &c.s.Instances[n])
	}
	for _, t := range c.s.Trackers {
		if t.Kind != "script" {
			continue
		}
		w.gauge(d.scriptState, truth(t.Running), t.Name)
		if t.State == "up" || t.State == "down" {
			w.gauge(d.scriptStatus, truth(t.State == "up"), t.Name)
		}
	}
	for n := range c.s.VirtualServers {
		v := &c.s.VirtualServers[n]
		for k := range v.RealServers {
			if r := &v.RealServers[k]; c.o.RealServers && r.Kernel != nil {
				d.traffic(w, v.Name, r)
			}
		}
	}
}

func (c *collector) asKeepalived(w writer, i *Instance) {
	d, vrid, now := &c.compat, strconv.Itoa(int(i.VRID)), float64(i.State)
	if i.State > 3 {
		now = 0
	}
	w.counter(d.garp, i.GARP.Delay, i.Name, i.Interface, vrid)
	some := false
	for _, a := range i.Addresses {
		// keepalived writes no mask that is the whole address.
		text := strings.TrimSuffix(a.Address, "/32")
		if strings.Contains(text, ":") {
			text = strings.TrimSuffix(text, "/128")
		}
		if a.Excluded {
			w.gauge(d.excluded, now, i.Name, a.Device, vrid, text)
			continue
		}
		w.gauge(d.state, now, i.Name, a.Device, vrid, text)
		some = true
	}
	if !some {
		w.gauge(d.state, now, i.Name, i.Interface, vrid, "")
	}
	if i.Counters == nil {
		return
	}
	counts := dump.Counted(*i.Counters)
	for _, n := range d.mehdy {
		w.counter(n.desc, float64(n.value(&counts)), i.Name, i.Interface, vrid)
	}
	for _, n := range d.gen2brain {
		w.counter(n.desc, float64(n.value(&counts)), i.Name, i.Interface, vrid, i.State.String())
	}
}

// traffic is that of a real server of a virtual server with an address; one of a mark or a group has no
// name there.
func (d *compat) traffic(w writer, of string, r *RealServer) {
	vip, proto, ok := endpoint(of)
	addr, _, known := endpoint(r.Name)
	if !ok || !known {
		return
	}
	t := r.Kernel.Traffic
	w.counter(d.connect, float64(t.Connections), vip, addr, proto)
	w.counter(d.inPackets, float64(t.InPackets), vip, addr, proto)
	w.counter(d.outPackets, float64(t.OutPackets), vip, addr, proto)
	w.counter(d.inBytes, float64(t.InBytes), vip, addr, proto)
	w.counter(d.outBytes, float64(t.OutBytes), vip, addr, proto)
}

// endpoint reads "[10.0.0.1]:tcp:80": the address with its port, and the number of the protocol.
func endpoint(name string) (at, proto string, ok bool) {
	ip, rest, found := strings.Cut(strings.TrimPrefix(name, "["), "]:")
	word, port, both := strings.Cut(rest, ":")
	number, known := map[string]string{"tcp": "6", "udp": "17", "sctp": "132"}[word]
	a, err := netip.ParseAddr(ip)
	n, portErr := strconv.ParseUint(port, 10, 16)
	if !found || !both || !known || err != nil || portErr != nil {
		return "", "", false
	}
	return netip.AddrPortFrom(a, uint16(n)).String(), number, true
}
