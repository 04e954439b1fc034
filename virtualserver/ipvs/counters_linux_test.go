package ipvs

import (
	"testing"

	"github.com/mdlayher/netlink"

	"github.com/lvs-director/director/event"
)

// TestCountersAreWide: the 64-bit counters count, those of an old kernel stand in, and
// nothing is read past their end.
func TestCountersAreWide(t *testing.T) {
	encode := func(wide bool, first uint64) []byte {
		a := netlink.NewAttributeEncoder()
		for n := uint16(1); n <= 10; n++ {
			if value := first + uint64(n); wide || n == statsInBytes || n == statsOutBytes {
				a.Uint64(n, value)
			} else {
				a.Uint32(n, uint32(value))
			}
		}
		a.Uint32(77, 1) // of a kernel that is newer than this
		data, err := a.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	const large = 1 << 40
	both := counters{narrow: encode(false, 100), wide: encode(true, large)}
	m, err := both.decode()
	want := Measurement{
		Total: event.Traffic{Connections: large + 1, InPackets: large + 2, OutPackets: large + 3, InBytes: large + 4,
			OutBytes: large + 5},
		Rate: event.Traffic{Connections: large + 6, InPackets: large + 7, OutPackets: large + 8, InBytes: large + 9,
			OutBytes: large + 10},
	}
	if err != nil || m != want {
		t.Errorf("%+v, %v", m, err)
	}
	m, err = counters{narrow: both.narrow}.decode()
	if err != nil || m.Total.Connections != 101 || m.Total.OutBytes != 105 || m.Rate.OutBytes != 110 {
		t.Errorf("without 64 bits: %+v, %v", m, err)
	}
	if m, err = (counters{}).decode(); err != nil || m != (Measurement{}) {
		t.Errorf("without any: %+v, %v", m, err)
	}
	if _, err = (counters{wide: both.narrow}).decode(); err == nil {
		t.Error("numbers that are too short are taken")
	}
}
