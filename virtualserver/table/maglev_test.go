package table

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/lvs-director/director/conf"
)

// TestSiphash: SipHash-1-3 of the empty message under the key 00 01 .. 0f, as the tests of Rust's
// core::hash have it. TestSlotsOfMaglev of the lab compares with the kernel's own.
func TestSiphash(t *testing.T) {
	var got [8]byte
	binary.LittleEndian.PutUint64(got[:], siphash13(0, 0x0706050403020100, 0x0f0e0d0c0b0a0908))
	if want := [8]byte{0xdc, 0xc4, 0x0f, 0x05, 0x58, 0x01, 0xac, 0xab}; got != want {
		t.Errorf("%x, want %x", got, want)
	}
}

func places(weights ...int) (all []Destination) {
	for i, w := range weights {
		all = append(all, Destination{Place: w,
			Key: conf.ServerKey{Address: netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), Port: 80}})
	}
	return all
}

// TestMaglev: every slot has a real server, by weight, and one more server takes no more slots from the
// others than it has.
func TestMaglev(t *testing.T) {
	for _, index := range []int{8, 12, 17} {
		slots := Maglev(places(1, 3, 0, 4), index)
		if len(slots) != maglevSize(index) {
			t.Fatalf("%d slots", len(slots))
		}
		have := make([]int, 4)
		for _, i := range slots {
			have[i]++
		}
		for i, share := range []int{1, 3, 0, 4} {
			if want := len(slots) * share / 8; have[i] < want-4 || have[i] > want+4 {
				t.Errorf("index %d: server %d has %d slots, want %d", index, i, have[i], want)
			}
		}
		four, five := Maglev(places(1, 1, 1, 1), index), Maglev(places(1, 1, 1, 1, 1), index)
		moved := 0
		for i := range four {
			if four[i] != five[i] && five[i] != 4 {
				moved++
			}
		}
		if moved > len(four)/20 {
			t.Errorf("index %d: %d of %d slots changed between other servers", index, moved, len(four))
		}
	}
	if Maglev(places(0, 0), 12) != nil || Maglev(nil, 12) != nil || Maglev(make([]Destination, 252), 8) != nil {
		t.Error("a table without weights, or of too many real servers")
	}
}
