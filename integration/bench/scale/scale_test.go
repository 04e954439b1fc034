//go:build linux

package scale

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
)

// TestDatagram: header and datagram are as RFC 791 and RFC 768 say, with the sum that a receiver checks.
func TestDatagram(t *testing.T) {
	var b [headers + payload]byte
	from, to := netip.MustParseAddrPort("198.18.0.1:1024"), netip.MustParseAddrPort("10.200.0.1:53")
	datagram(&b, from, to)
	if got := binary.BigEndian.Uint16(b[2:]); int(got) != len(b) {
		t.Errorf("total length %d of %d bytes", got, len(b))
	}
	if s, _ := netip.AddrFromSlice(b[12:16]); s != from.Addr() {
		t.Errorf("from %v", s)
	}
	if got := binary.BigEndian.Uint16(b[22:]); got != to.Port() {
		t.Errorf("to port %d", got)
	}
	sum := uint32(17 + len(b) - 20)
	for i := 12; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	if sum = sum&0xffff + sum>>16; sum&0xffff+sum>>16 != 0xffff {
		t.Errorf("the sum of the datagram is %#x", sum)
	}
}

// TestFlowsDiffer: each flow has a source of its own, of the network that has a route back.
func TestFlowsDiffer(t *testing.T) {
	network, seen := netip.MustParsePrefix(sources), map[netip.AddrPort]int{}
	for _, n := range []int{0, 1, portsOfSource - 1, portsOfSource, portsOfSource + 1, 500_000, 2_000_000} {
		s := source(n)
		if other, again := seen[s]; again || !network.Contains(s.Addr()) || s.Port() < 1024 {
			t.Errorf("flow %d is from %v (as flow %d: %v)", n, s, other, again)
		}
		seen[s] = n
	}
}

// TestRoleIsReadAsWritten: of a stream; what is none is refused.
func TestRoleIsReadAsWritten(t *testing.T) {
	want := stream{target: netip.MustParseAddrPort("10.200.0.1:53"), count: 7, first: 5, flows: 3, stride: 2}
	if got, err := parseStream(strings.Fields(want.role())[1:]); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{
		"", "10.0.0.1 1 1 1 1", "10.0.0.1:53 1 1 0 1", "10.0.0.1:53 x 1 1 1", "10.0.0.1:53 1 1 1",
	} {
		if s, err := parseStream(strings.Fields(bad)); err == nil {
			t.Errorf("%q is %+v", bad, s)
		}
	}
}

// TestConfigurations: what is measured is a configuration without errors that has what its size says.
func TestConfigurations(t *testing.T) {
	read := func(what, text string) *conf.Config {
		cfg, findings := load.LoadText("scale.conf", text, load.Options{})
		if conf.HasErrors(findings) {
			t.Fatalf("%s: %v", what, findings[0])
		}
		return cfg
	}
	for _, d := range dimensions() {
		size := d.sizes[0]
		cfg := read(d.what, d.text(size))
		got := len(cfg.Instances)
		for _, vs := range cfg.VirtualServers {
			got += len(vs.RealServers)
		}
		if got != size {
			t.Errorf("%s: %d of %d", d.what, got, size)
		}
	}
	for _, method := range methods() {
		if n := len(read(method, roadConfig(method)).VirtualServers); n != 2 {
			t.Errorf("%s: %d virtual servers", method, n)
		}
	}
	read("peers", peersConfig(7, 8))
}

// TestPeersAreMutual: a peer of a director has that director as a peer, and each size is there once.
func TestPeersAreMutual(t *testing.T) {
	count, sizes := peerSizes()[2]+1, map[int]int{}
	for i := range count {
		list := peersOf(i, count)
		sizes[len(list)]++
		for _, j := range list {
			if !slices.Contains(peersOf(j, count), i) || j == i {
				t.Errorf("%d has the peer %d", i, j)
			}
		}
	}
	for _, n := range peerSizes() {
		if sizes[n] != 1 {
			t.Errorf("%d directors have %d peers", sizes[n], n)
		}
	}
}

func TestPeersHeard(t *testing.T) {
	const up = `{"up":true,"heard":"2026-11-30T15:00:00Z","config_equal":true}`
	for text, want := range map[string]int{
		"": 0, "{}": 0, `{"peers":[` + up + `,` + up + `]}`: 2, `{"peers":[` + up + `,{"up":true,"config_equal":true}]}`: 1,
		`{"peers":[{"up":false,"heard":"2026-11-30T15:00:00Z","config_equal":true}]}`: 0,
	} {
		if got := peersHeard(text); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
}

func growth(size int, cpu float64, rss int64) Growth {
	return Growth{What: "real servers", Size: size, Kind: "director",
		Processes: []Process{{supervisor, 0, 20 << 20}, {"lvs", cpu, rss}}}
}

// TestWhereItEnds: a straight line through the smallest and the largest size, and nothing where nothing grows.
func TestWhereItEnds(t *testing.T) {
	rows := sizesOf([]Growth{growth(11_000, 0.21, 74<<20), growth(1000, 0.01, 24<<20), growth(4000, 0.1, 30<<20)},
		"real servers", "director")
	s, e, ok := grows(rows, "lvs")
	if !ok || s.Memory != 50*(1<<20)/10_000. || e.Processor != 51_000 || e.Memory != 200_000 || e.first() != 51_000 {
		t.Errorf("%+v, %+v, %v", s, e, ok)
	}
	if s, e, ok := grows(rows, supervisor); !ok || s != (slope{}) || e != (end{}) {
		t.Errorf("what does not grow: %+v, %+v, %v", s, e, ok)
	}
	if _, _, ok := grows(rows, "front"); ok {
		t.Error("a process that is not there grows")
	}
	if _, _, ok := grows(rows[:1], "lvs"); ok {
		t.Error("one size grows")
	}
}

func TestRounded(t *testing.T) {
	for size, want := range map[float64]int{-5: 1, 7.4: 7, 12.6: 13, 1249: 1200, 51_499: 51_000, 199_999: 200_000} {
		if got := at(size); got != want {
			t.Errorf("%v is %d, want %d", size, got, want)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}

// TestWhatTheHostAdds: the direct way is taken off on both sides of a ratio.
func TestWhatTheHostAdds(t *testing.T) {
	us := func(list ...int) (all []time.Duration) {
		for _, n := range list {
			all = append(all, time.Duration(n)*time.Microsecond)
		}
		return all
	}
	p := Path{Direct: us(10, 11, 10), Routed: us(15, 14, 15), Balanced: us(20, 99, 20)}
	if p.routed() != 5*time.Microsecond || p.balanced() != 10*time.Microsecond {
		t.Errorf("%v, %v", p.routed(), p.balanced())
	}
	if got := times(p.balanced(), p.routed()); got != "2.00" {
		t.Errorf("ratio %s", got)
	}
	if p = (Path{}); p.balanced() != 0 || times(p.balanced(), p.routed()) != "-" || perSecond(p.balanced()) != "-" {
		t.Error("what was not measured has a figure")
	}
}

// TestSection: all figures are in it, and each line of a table has as many cells as its head, also after a run that
// failed.
func TestSection(t *testing.T) {
	full := Figures{Growth: []Growth{growth(1000, 0.01, 24<<20), growth(11_000, 0.21, 74<<20)}}
	w := Path{Direct: []time.Duration{10_000}, Routed: []time.Duration{15_000}, Balanced: []time.Duration{20_000}}
	full.Forwarding = Forwarding{Ways: []Way{{Method: "DR", Flow: w, New: w, TCP: w}}, Direct: w.Direct, Routed: w.Routed,
		Tables:  []Table{{Packet: w.Balanced}, {Connections: 1000, Packet: w.Balanced, Slab: 512_000}},
		TabBits: 12, Entry: 384}
	for name, f := range map[string]Figures{"full": full, "failed": {}} {
		text, columns := Section(f), 0
		for line := range strings.Lines(text) {
			n := strings.Count(line, "|")
			if n > 0 && columns > 0 && n != columns {
				t.Errorf("%s: %d instead of %d: %s", name, n, columns, line)
			}
			columns = n
		}
	}
	for _, want := range []string{
		"| times plain routing | 1.0 | - | 2.00 | - |", "512 bytes", "4,096 chains", "**51,000**",
		"the entry itself has 384 bytes",
	} {
		if !strings.Contains(Section(full), want) {
			t.Errorf("%q is not in\n%s", want, Section(full))
		}
	}
}
