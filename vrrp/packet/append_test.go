package packet_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/vrrp/packet"
)

// TestUnsendable: the error names the field that cannot be sent, and the buffer is unchanged.
func TestUnsendable(t *testing.T) {
	v6 := netip.MustParseAddr("fe80::1")
	for _, c := range []struct {
		name   string
		change func(a *packet.Advertisement)
		want   string
	}{
		{"version", func(a *packet.Advertisement) { a.Version = 4 }, "version 4"},
		{"interval 0", func(a *packet.Advertisement) { a.Interval = 0 }, "interval 0s"},
		{"interval too long", func(a *packet.Advertisement) { a.Interval = 41 * time.Second }, "interval 41s"},
		{"interval between centiseconds", func(a *packet.Advertisement) { a.Interval = 15 * time.Millisecond },
			"interval 15ms"},
		{"half a second in version 2", func(a *packet.Advertisement) { a.Version, a.Interval = 2, time.Second/2 },
			"interval 500ms"},
		{"too many addresses", func(a *packet.Advertisement) { a.Addresses = make([]netip.Addr, 256) }, "256 addresses"},
		{"mixed addresses", func(a *packet.Advertisement) { a.Addresses = []netip.Addr{vips[0], v6} }, "address fe80::1"},
		{"no address at all", func(a *packet.Advertisement) { a.Addresses = []netip.Addr{{}} }, "address invalid IP"},
		{"IPv6 source", func(a *packet.Advertisement) { a.Source = v6 }, "from fe80::1"},
		{"no source", func(a *packet.Advertisement) { a.Source = netip.Addr{} }, "from invalid IP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := version3()
			c.change(&a)
			got, err := packet.Append([]byte("before"), &a)
			if err == nil || !strings.Contains(err.Error(), c.want) || string(got) != "before" {
				t.Errorf("appended %d bytes, error %v; want one about %q", len(got)-6, err, c.want)
			}
		})
	}
	a := version3()
	a.Version, a.Source, a.Destination, a.Addresses = 2, v6, packet.Multicast6, []netip.Addr{v6}
	if _, err := packet.AppendPDU(nil, &a); err == nil {
		t.Error("version 2 over IPv6 was encoded")
	}
}

func TestPassword(t *testing.T) {
	for text, want := range map[string]string{
		"":            "\x00\x00\x00\x00\x00\x00\x00\x00",
		"s3cret":      "s3cret\x00\x00",
		"longer than": "longer t",
	} {
		if got := packet.Password(text); string(got[:]) != want {
			t.Errorf("password %q is %q on the wire, want %q", text, got, want)
		}
	}
}

// TestMostAddresses: 255 addresses can be sent and received in either family.
func TestMostAddresses(t *testing.T) {
	v4, v6 := version3(), version3()
	v4.Addresses, v6.Addresses = nil, nil
	for i := range packet.MaxAddresses {
		v4.Addresses = append(v4.Addresses, netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}))
		v6.Addresses = append(v6.Addresses, netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 15: byte(i)}))
	}
	v6.Source, v6.Destination = v6.Addresses[1], packet.Multicast6
	rules := rulesFor(v4)
	rules.Addresses = v4.Addresses
	if reason, notes := receive(encode(t, v4), &rules); reason != packet.Accepted || notes != 0 {
		t.Errorf("IPv4: %v, notes %q", reason, notes)
	}
	message, err := packet.AppendPDU(nil, &v6)
	if err != nil {
		t.Fatal(err)
	}
	var a packet.Advertisement
	if reason := packet.ParsePDU(message, v6.Source, v6.Destination, 255, &a); reason != packet.Accepted ||
		len(a.Addresses) != 255 {
		t.Errorf("IPv6: %v, %d addresses", reason, len(a.Addresses))
	}
}

// TestNoAllocation: neither sending nor receiving allocates once its buffers exist.
func TestNoAllocation(t *testing.T) {
	adv := version3()
	d, rules := encode(t, adv), rulesFor(adv)
	a := packet.Advertisement{Addresses: make([]netip.Addr, 0, packet.MaxAddresses)}
	if n := testing.AllocsPerRun(1000, func() {
		if packet.Parse(d, &a) != packet.Accepted {
			t.Fatal("not accepted")
		}
		a.Check(&rules)
	}); n != 0 {
		t.Errorf("receiving allocates %v times", n)
	}
	id := uint16(0)
	if n := testing.AllocsPerRun(1000, func() { id++; packet.Update(d, uint8(id), id) }); n != 0 {
		t.Errorf("sending allocates %v times", n)
	}
}

func BenchmarkReceive(b *testing.B) {
	adv := version3()
	d, rules := encode(b, adv), rulesFor(adv)
	a := packet.Advertisement{Addresses: make([]netip.Addr, 0, packet.MaxAddresses)}
	b.ReportAllocs()
	for b.Loop() {
		packet.Parse(d, &a)
		a.Check(&rules)
	}
}

func BenchmarkUpdate(b *testing.B) {
	d := encode(b, version3())
	id := uint16(0)
	b.ReportAllocs()
	for b.Loop() {
		id++
		packet.Update(d, 100, id)
	}
}
