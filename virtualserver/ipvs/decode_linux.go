package ipvs

import (
	"encoding/binary"
	"fmt"

	"github.com/mdlayher/netlink"
)

// decoder goes through netlink attributes, as netlink.AttributeDecoder does, but without a copy of
// each value: a table of tens of thousands of real servers is read again and again. After the last
// attribute, or the first that is wrong, Next returns false, and Err says what was wrong.
type decoder struct {
	rest  []byte
	kind  uint16
	value []byte // of the present attribute
	err   error
}

// attributeHeader is the length of an attribute without its value, in bytes.
const attributeHeader = 4

// flagsOfKind are no part of the number of an attribute (NLA_F_NESTED, NLA_F_NET_BYTEORDER).
const flagsOfKind = netlink.Nested | netlink.NetByteOrder

// Next goes to the next attribute.
func (d *decoder) Next() bool {
	if len(d.rest) == 0 || d.err != nil {
		return false
	}
	size := 0
	if len(d.rest) >= attributeHeader {
		size = int(binary.NativeEndian.Uint16(d.rest))
	}
	if size < attributeHeader || size > len(d.rest) {
		d.err = fmt.Errorf("an attribute has %d bytes of %d", size, len(d.rest))
		return false
	}
	d.kind = binary.NativeEndian.Uint16(d.rest[2:]) &^ flagsOfKind
	d.value = d.rest[attributeHeader:size]
	d.rest = d.rest[min((size+3)&^3, len(d.rest)):]
	return true
}

// Type is the number of the attribute.
func (d *decoder) Type() uint16 { return d.kind }

// Err is what was wrong.
func (d *decoder) Err() error { return d.err }

// Bytes is the value, which must not be changed.
func (d *decoder) Bytes() []byte { return d.value }

// String is the value without the zeros at its end.
func (d *decoder) String() string {
	b := d.value
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return string(b)
}

// sized is the value if it has so many bytes; else it is wrong, and zero.
func (d *decoder) sized(size int) []byte {
	if len(d.value) == size {
		return d.value
	}
	if d.err == nil {
		d.err = fmt.Errorf("attribute %d has %d bytes: it should have %d", d.kind, len(d.value), size)
	}
	return make([]byte, size)
}

// Uint8, Uint16, Uint32 and Uint64 are a value of that size.
func (d *decoder) Uint8() uint8   { return d.sized(1)[0] }
func (d *decoder) Uint16() uint16 { return binary.NativeEndian.Uint16(d.sized(2)) }
func (d *decoder) Uint32() uint32 { return binary.NativeEndian.Uint32(d.sized(4)) }
func (d *decoder) Uint64() uint64 { return binary.NativeEndian.Uint64(d.sized(8)) }

// nested calls decode with what is in the attribute of a message.
func nested(data []byte, attribute uint16, decode func(*decoder) error) error {
	for outer := (decoder{rest: data}); ; {
		if !outer.Next() {
			if outer.err != nil {
				return fmt.Errorf("decode: %w", outer.err)
			}
			return nil
		}
		if outer.kind != attribute {
			continue
		}
		if err := decode(&decoder{rest: outer.value}); err != nil {
			return err
		}
	}
}
