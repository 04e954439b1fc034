package metrics

import (
	"bytes"
	"fmt"
	"maps"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"github.com/lvs-director/director/event"
)

// Options are what the configuration says of the series.
type Options struct {
	RealServers bool   // single real servers have series of their own
	Network     string // the label network of all instances; empty is that of each
	Keepalived  bool   // also the series of keepalived's exporters
}

// Maker makes texts of one status after the other. One goroutine uses it.
type Maker struct {
	descs    descs
	compat   compat                 // made when it is needed first
	networks map[place]netip.Prefix // that were known last
}

// place is what the network of an instance follows from.
type place struct {
	device string
	lowest netip.Prefix
}

// networkOf is the label of an instance. An interface that is down or gone for a while has no addresses;
// the network stays the one that it was, or the halves of a pair would be apart when one fails.
func (m *Maker) networkOf(i *Instance, links Links) string {
	at := place{i.Interface, i.lowest()}
	network, known := i.network(links)
	if before, was := m.networks[at]; !known && was {
		network = before
	}
	if known {
		m.networks[at] = network
	}
	if !network.IsValid() {
		return ""
	}
	return network.String()
}

// forgetPlaces drops those that no instance has.
func (m *Maker) forgetPlaces(s *Snapshot) {
	here := make(map[place]bool, len(s.Instances))
	for n := range s.Instances {
		here[place{s.Instances[n].Interface, s.Instances[n].lowest()}] = true
	}
	maps.DeleteFunc(m.networks, func(at place, _ netip.Prefix) bool { return !here[at] })
}

// New returns a maker that has seen no status.
func New() *Maker { return &Maker{descs: newDescs(), networks: make(map[place]netip.Prefix)} }

// Format is the content type of the text.
func Format() string { return string(expfmt.NewFormat(expfmt.TypeTextPlain)) }

// Text is a status in Prometheus's text format. With an error it is what of it could be told: two
// objects may have the same labels.
func (m *Maker) Text(s *Snapshot, links Links, o Options) ([]byte, error) {
	m.forgetPlaces(s)
	registry := prometheus.NewRegistry()
	if err := registry.Register(&collector{m, s, links, o}); err != nil {
		return nil, fmt.Errorf("making metrics: %w", err)
	}
	families, gatherErr := registry.Gather()
	var b bytes.Buffer
	encoder := expfmt.NewEncoder(&b, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, f := range families {
		if err := encoder.Encode(f); err != nil {
			return nil, fmt.Errorf("writing metrics: %w", err)
		}
	}
	if gatherErr != nil {
		gatherErr = fmt.Errorf("making metrics: %w", gatherErr)
	}
	return b.Bytes(), gatherErr
}

// collector is one status.
type collector struct {
	*Maker
	s     *Snapshot
	links Links
	o     Options
}

// Describe says nothing beforehand: what there is follows from the status.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect tells all of the status.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	w := writer{to}
	w.gauge(c.descs.buildInfo, 1, c.s.Version, runtime.Version())
	for i := range c.s.Instances {
		c.instance(w, &c.s.Instances[i])
	}
	for iface, reasons := range c.s.Dropped {
		for reason, n := range reasons {
			w.counter(c.descs.dropped, float64(n), "", iface, "", "", "", reason)
		}
	}
	for iface, l := range c.s.SendLateness {
		w.histogram(c.descs.late, l, iface)
	}
	for _, t := range c.s.Trackers {
		switch t.State {
		case "up":
			w.gauge(c.descs.tracker, 1, t.Kind, t.Name)
		case "down":
			w.gauge(c.descs.tracker, 0, t.Kind, t.Name)
		}
	}
	for i := range c.s.BFDSessions {
		c.bfd(w, &c.s.BFDSessions[i])
	}
	for i := range c.s.VirtualServers {
		c.service(w, &c.s.VirtualServers[i])
	}
	c.peers(w)
	if c.s.CheckStartLag != nil {
		w.histogram(c.descs.lag, *c.s.CheckStartLag)
	}
	for _, s := range c.s.Scripts {
		if c.o.RealServers || !strings.HasPrefix(s.Object, "REAL_SERVER ") {
			w.counter(c.descs.scripts, float64(s.Runs-min(s.Failures, s.Runs)), s.Object, s.Script, "ok")
			w.counter(c.descs.scripts, float64(s.Failures), s.Object, s.Script, "failed")
		}
	}
	for kind, n := range c.s.KernelRepairs {
		w.counter(c.descs.repairs, float64(n), kind)
	}
	if c.o.Keepalived {
		c.keepalived(w)
	}
	for _, p := range c.s.Workers {
		w.counter(c.descs.restarts, float64(p.Restarts), p.Name)
	}
	w.gauge(c.descs.reloaded, truth(c.s.ReloadRefused == ""))
	w.gauge(c.descs.fallback, truth(c.s.Fallback != ""))
	if !c.s.AppliedAt.IsZero() {
		w.gauge(c.descs.applied, seconds(c.s.AppliedAt))
	}
}

func (c *collector) bfd(w writer, b *BFDSession) {
	w.gauge(c.descs.bfdUp, truth(b.State == "Up"), b.Name, b.Neighbor)
	w.counter(c.descs.bfdTransitions, float64(b.Ups), b.Name, b.Neighbor, "up")
	w.counter(c.descs.bfdTransitions, float64(b.Downs), b.Name, b.Neighbor, "down")
	if b.Counters == nil {
		return
	}
	w.counter(c.descs.bfdPackets, float64(b.Counters.Sent), b.Name, b.Neighbor, "sent")
	w.counter(c.descs.bfdPackets, float64(b.Counters.Received), b.Name, b.Neighbor, "received")
	for reason, n := range b.Counters.Dropped {
		w.counter(c.descs.bfdDropped, float64(n), b.Name, b.Neighbor, reason)
	}
}

// states are those that an instance may be in for longer than a moment.
var states = []event.VRRPState{event.Init, event.Backup, event.Master, event.Fault}

func (c *collector) instance(w writer, i *Instance) {
	network := c.o.Network
	if network == "" {
		network = c.networkOf(i, c.links)
	}
	of := []string{i.Name, i.Interface, strconv.Itoa(int(i.VRID)), i.family(), network}
	labels := func(more ...string) []string { return append(of[:len(of):len(of)], more...) }
	now := i.State
	if now == event.Stop {
		now = event.Init
	}
	for _, s := range states {
		w.gauge(c.descs.state, truth(s == now), labels(state(s))...)
	}
	w.gauge(c.descs.priority, float64(i.Priority), of...)
	w.gauge(c.descs.base, float64(i.Base), of...)
	if !i.Since.IsZero() {
		w.gauge(c.descs.transition, seconds(i.Since), of...)
	}
	if i.Counters == nil {
		return // its worker does not run
	}
	w.counter(c.descs.transitions, float64(i.Counters.Masters), labels("master")...)
	w.counter(c.descs.transitions, float64(i.Counters.Backups), labels("backup")...)
	w.counter(c.descs.transitions, float64(i.Counters.Faults), labels("fault")...)
	w.counter(c.descs.adverts, float64(i.Counters.Sent), labels("sent")...)
	w.counter(c.descs.adverts, float64(i.Counters.Received), labels("received")...)
	for reason, n := range i.Counters.Dropped {
		w.counter(c.descs.dropped, float64(n), labels(reason)...)
	}
}

func (c *collector) service(w writer, v *VirtualServer) {
	w.gauge(c.descs.quorum, truth(v.Quorum), v.Name)
	count := map[string]int{"up": 0, "down": 0, "drained": 0}
	for i := range v.RealServers {
		r := &v.RealServers[i]
		switch {
		case r.Kernel != nil && r.Kernel.Draining:
			count["drained"]++
		case r.Up:
			count["up"]++
		default:
			count["down"]++
		}
		if c.o.RealServers {
			c.server(w, v.Name, r)
		}
	}
	for state, n := range count {
		w.gauge(c.descs.servers, float64(n), v.Name, state)
	}
}

func (c *collector) server(w writer, of string, r *RealServer) {
	w.gauge(c.descs.up, truth(r.Up), of, r.Name)
	for _, n := range r.Counted {
		w.counter(c.descs.checks, float64(n.OK), of, r.Name, n.Checker, "ok")
		w.counter(c.descs.checks, float64(n.Failed), of, r.Name, n.Checker, "failed")
		w.counter(c.descs.checks, float64(n.Unknown), of, r.Name, n.Checker, "unknown")
	}
	if r.Kernel == nil {
		w.gauge(c.descs.weight, float64(r.Weight), of, r.Name)
		return
	}
	w.gauge(c.descs.weight, float64(r.Kernel.Weight), of, r.Name)
	w.gauge(c.descs.active, float64(r.Kernel.Active), of, r.Name)
	w.gauge(c.descs.inactive, float64(r.Kernel.Inactive), of, r.Name)
}

// writer is where series go.
type writer struct{ to chan<- prometheus.Metric }

func (w writer) gauge(d *prometheus.Desc, v float64, labels ...string) {
	w.put(d, prometheus.GaugeValue, v, labels)
}

func (w writer) counter(d *prometheus.Desc, v float64, labels ...string) {
	w.put(d, prometheus.CounterValue, v, labels)
}

func (w writer) put(d *prometheus.Desc, t prometheus.ValueType, v float64, labels []string) {
	m, err := prometheus.NewConstMetric(d, t, v, labels...)
	if err != nil {
		m = prometheus.NewInvalidMetric(d, err)
	}
	w.to <- m
}

// histogram writes classes, of which a supervisor of another version may have told others: those are left out.
func (w writer) histogram(d *prometheus.Desc, l event.Lateness, labels ...string) {
	if len(l.Counts) != len(event.LatenessBounds)+1 {
		return
	}
	below, count := make(map[float64]uint64, len(event.LatenessBounds)), uint64(0)
	for class, n := range l.Counts {
		if count += n; class < len(event.LatenessBounds) {
			below[event.LatenessBounds[class].Seconds()] = count
		}
	}
	m, err := prometheus.NewConstHistogram(d, count, l.Sum.Seconds(), below, labels...)
	if err != nil {
		m = prometheus.NewInvalidMetric(d, err)
	}
	w.to <- m
}

func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
