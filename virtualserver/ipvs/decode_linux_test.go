package ipvs

import (
	"math/rand/v2"
	"testing"

	"github.com/mdlayher/netlink"
)

// TestAttributes are read as the library has written them.
func TestAttributes(t *testing.T) {
	e := netlink.NewAttributeEncoder()
	e.Nested(attrDestination, func(e *netlink.AttributeEncoder) error {
		e.Uint8(1, 8)
		e.Uint16(2, 1600)
		e.String(3, "wlc")
		e.Uint64(4, 1<<40)
		e.Bytes(5, nil)
		e.Uint32(6, 1<<20)
		return nil
	})
	data, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	err = nested(data, attrDestination, func(d *decoder) error {
		for d.Next() {
			read++
			right := true
			switch d.Type() {
			case 1:
				right = d.Uint8() == 8
			case 2:
				right = d.Uint16() == 1600
			case 3:
				right = d.String() == "wlc"
			case 4:
				right = d.Uint64() == 1<<40
			case 5:
				right = len(d.Bytes()) == 0
			case 6:
				right = d.Uint32() == 1<<20
			}
			if !right {
				t.Errorf("attribute %d was read wrong: % x", d.Type(), d.Bytes())
			}
		}
		return d.Err()
	})
	if err != nil || read != 6 {
		t.Errorf("%d attributes of 6, error %v", read, err)
	}
}

// TestWrongAttributes end the reading with an error, and nothing else.
func TestWrongAttributes(t *testing.T) {
	for _, data := range []string{"\x01", "\x03\x00\x01\x00", "\x09\x00\x01\x00\x00\x00\x00\x00", "\x00\x00\x00\x00"} {
		d := decoder{rest: []byte(data)}
		if d.Next() || d.Err() == nil {
			t.Errorf("% x was read", data)
		}
	}
	d := decoder{rest: []byte("\x05\x00\x01\x00\x07\x00\x00\x00")}
	if !d.Next() || d.Uint32() != 0 || d.Err() == nil {
		t.Error("a byte was read as four")
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		data := make([]byte, random.IntN(40))
		for i := range data {
			data[i] = byte(random.IntN(12))
		}
		for _, attribute := range []uint16{attrService, attrDestination} {
			_ = nested(data, attribute, func(d *decoder) error {
				_, err := decodeService(&decoder{rest: d.rest})
				_, _ = decodeDestination(d, false)
				return err
			})
		}
	}
}
