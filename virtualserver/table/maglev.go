package table

import (
	"math/bits"
	"net/netip"

	"github.com/lvs-director/director/conf"
)

// The table of the kernel's scheduler mh (net/netfilter/ipvs/ip_vs_mh.c), for showing and comparing it.
// The kernel shows it to nobody. This is that of 64-bit kernels, in either byte order; a 32-bit one
// has another hash (hsiphash is HalfSipHash there).

// MaglevIndex is CONFIG_IP_VS_MH_TAB_INDEX of kernels that say nothing else; it is 8 to 17.
const MaglevIndex = 12

// maglevSizes are the sizes of the table, by CONFIG_IP_VS_MH_TAB_INDEX from 8 on.
var maglevSizes = [...]int{251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 131071}

// The kernel's keys of the two hashes: both halves of each are the same.
const (
	offsetKey uint64 = 2654435761
	skipKey   uint64 = 2654446892
)

// Maglev is the table of a service of mh: for each slot the real server that has it, as a place in
// list, which is in the kernel's order with the Place of each. It is empty when no place has a weight,
// and where there are more real servers than slots, which the kernel refuses. index is
// CONFIG_IP_VS_MH_TAB_INDEX.
func Maglev(list []Destination, index int) []int {
	size := maglevSize(index)
	unit, most := 0, 0
	for _, d := range list {
		unit, most = gcd(unit, max(d.Place, 0)), max(most, d.Place)
	}
	if unit == 0 || len(list) > size {
		return nil
	}
	// Weights of many bits are cut to half as many bits as the table's index has.
	cut := max(bits.Len(uint(most/unit))-index/2, 0)
	type share struct{ next, skip, turns int }
	shares := make([]share, len(list))
	for i, d := range list {
		shares[i].next = int(maglevHash(d.Key, 0, offsetKey)) % size
		shares[i].skip = int(maglevHash(d.Key, 0, skipKey))%(size-1) + 1
		if d.Place > 0 {
			shares[i].turns = max(d.Place/unit>>cut, 1)
		}
	}
	slots := make([]int, size)
	for i := range slots {
		slots[i] = -1
	}
	for left := size; ; {
		for i := range shares {
			s := &shares[i]
			for range s.turns {
				for slots[s.next] >= 0 {
					s.next = (s.next + s.skip) % size
				}
				slots[s.next] = i
				if left--; left == 0 {
					return slots
				}
			}
		}
	}
}

// MaglevServer is the real server of a client, as a place in list, of which slots is the table; -1 is none,
// which the kernel refuses. The port is 0 unless it counts (FlagPort). With fallback the client of a real
// server of weight 0 is given another one. That a real server is overloaded (Upper) is left out.
func MaglevServer(slots []int, list []Destination, client netip.AddrPort, fallback bool, index int) int {
	if len(slots) != maglevSize(index) {
		return -1
	}
	at := conf.ServerKey{Address: client.Addr(), Port: client.Port()}
	first := int(maglevHash(at, 0, offsetKey)) % len(slots)
	if i := slots[first]; list[i].Weight > 0 {
		return i
	}
	for n := 0; fallback && n < len(slots); n++ {
		offset := uint32((n + first) % len(slots))
		if i := slots[int(maglevHash(at, offset, offsetKey))%len(slots)]; list[i].Weight > 0 {
			return i
		}
	}
	return -1
}

func maglevSize(index int) int { return maglevSizes[min(max(index-8, 0), len(maglevSizes)-1)] }

// maglevHash is ip_vs_mh_hashkey: the sum of an offset, the port and the folded address under
// SipHash with one round for the word and three at the end, of which the lower half counts.
func maglevHash(k conf.ServerKey, offset uint32, key uint64) uint32 {
	sum := offset + uint32(k.Port)
	b := k.Address.AsSlice()
	folded := uint32(0)
	for i := 0; i+4 <= len(b); i += 4 {
		folded ^= uint32(b[i])<<24 | uint32(b[i+1])<<16 | uint32(b[i+2])<<8 | uint32(b[i+3])
	}
	return uint32(siphash13(uint64(sum+folded)|4<<56, key, key))
}

// siphash13 is SipHash-1-3 of a message of one last block, which has its length in the top byte
// (Aumasson and Bernstein, 2012).
func siphash13(block, key0, key1 uint64) uint64 {
	v0, v1 := key0^0x736f6d6570736575, key1^0x646f72616e646f6d
	v2, v3 := key0^0x6c7967656e657261, key1^0x7465646279746573
	round := func() {
		v0, v2 = v0+v1, v2+v3
		v1, v3 = bits.RotateLeft64(v1, 13)^v0, bits.RotateLeft64(v3, 16)^v2
		v0 = bits.RotateLeft64(v0, 32)
		v2, v0 = v2+v1, v0+v3
		v1, v3 = bits.RotateLeft64(v1, 17)^v2, bits.RotateLeft64(v3, 21)^v0
		v2 = bits.RotateLeft64(v2, 32)
	}
	v3 ^= block
	round()
	v0 ^= block
	v2 ^= 0xff
	for range 3 {
		round()
	}
	return v0 ^ v1 ^ v2 ^ v3
}
