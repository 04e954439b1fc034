package packet_test

import (
	"bytes"
	"testing"

	"github.com/lvs-director/director/vrrp/packet"
)

// FuzzParse: no input makes the parser panic, and encoding what it accepts
// yields the input again, apart from the bits that a receiver must ignore.
func FuzzParse(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add([]byte(v.VRRP), v.Family == 6)
		if v.Frame != nil {
			f.Add([]byte(v.datagram()), false)
		}
	}

	for _, v := range hmacVectors {
		f.Add(v.datagram(f), false)
		f.Add(v.payload, v.adv.Source.Is6())
	}

	f.Fuzz(func(t *testing.T, data []byte, v6 bool) {
		var a packet.Advertisement
		if packet.Parse(data, &a) == packet.Accepted {
			message := data[int(data[0]&15)*4+len(a.AH):]
			if data[0]>>4 == 6 {
				message = data[40:]
			}
			checkAccepted(t, message, &a)
		}
		source, destination := peer, packet.Multicast4
		if v6 {
			source, destination = link, packet.Multicast6
		}
		if packet.ParsePDU(data, source, destination, packet.TTL, &a) == packet.Accepted {
			checkAccepted(t, data, &a)
		}
	})
}

func checkAccepted(t *testing.T, message []byte, a *packet.Advertisement) {
	if n := len(a.Addresses); n == 0 || n != int(message[3]) || a.Interval <= 0 {
		t.Fatalf("accepted with %d addresses and interval %v", n, a.Interval)
	}
	a.Check(&packet.Rules{Version: a.Version, VRID: a.VRID, Addresses: vips})
	again, err := packet.AppendPDU(nil, a)
	if err != nil {
		t.Fatalf("accepted, but cannot be encoded: %v", err)
	}
	if a.Version == 3 && message[4]&0xf0 != 0 {
		return // reserved bits are ignored, and sent as zero
	}
	if a.Trailed != nil && a.Source.Is6() {
		return // its checksum covers the trailer
	}
	// One's complement has two zeros, and the sender may have written the other one.
	if message[6] == 0xff && message[7] == 0xff {
		return
	}
	if !bytes.Equal(again, message[:len(again)]) {
		t.Fatalf("accepted %x, encoded %x", message[:len(again)], again)
	}
}
