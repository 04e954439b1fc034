package packet_test

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/bfd/packet"
)

// vectors are packets and what they say: name, hexadecimal, reason or fields.
func vectors(t testing.TB) (list [][3]string) {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		f := strings.SplitN(line, "|", 3)
		if len(f) != 3 {
			t.Fatalf("not a vector: %q", line)
		}
		list = append(list, [3]string{strings.TrimSpace(f[0]), strings.TrimSpace(f[1]), strings.TrimSpace(f[2])})
	}
	return list
}

func bytesOf(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestVectors: each packet is refused for its reason, or accepted, and what is accepted is
// written again as it was.
func TestVectors(t *testing.T) {
	seen := map[string]bool{}
	for _, v := range vectors(t) {
		t.Run(v[0], func(t *testing.T) {
			data := bytesOf(t, v[1])
			var p packet.Packet
			reason := packet.Parse(data, &p)
			if seen[reason.String()] = true; reason.String() != v[2] {
				t.Fatalf("Parse: %s, want %s", reason, v[2])
			}
			if reason != packet.Accepted {
				return
			}
			if again := p.Append(nil); hex.EncodeToString(again) != hex.EncodeToString(data[:len(again)]) {
				t.Errorf("written again as %x", again)
			}
		})
	}
	for r := packet.Accepted; r <= packet.PollAndFinal; r++ {
		if !seen[r.String()] {
			t.Errorf("no vector is %s", r)
		}
	}
}

// TestSeal: what is sealed with a key is accepted with that key alone, and not when a bit has changed.
func TestSeal(t *testing.T) {
	key, other := packet.NewKey(7, "secret"), packet.NewKey(7, "Secret")
	p := packet.Packet{State: packet.Up, Multiplier: 3, Mine: 1, Yours: 2, DesiredMinTx: time.Second,
		RequiredMinRx: 5 * time.Second, Auth: packet.Auth{Type: packet.MeticulousSHA1, KeyID: 7, Sequence: 99}}
	data := p.Append(nil)
	key.Seal(data)
	verify := func(k packet.Key, data []byte) bool {
		var in packet.Packet
		return packet.Parse(data, &in) == packet.Accepted && k.Verify(data, &in)
	}
	if !verify(key, data) || verify(other, data) {
		t.Fatal("the key does not decide")
	}
	for i := range len(data) * 8 {
		changed := append([]byte(nil), data...)
		changed[i/8] ^= 1 << (i % 8)
		// The reserved byte of the section is part of the digest too.
		if verify(key, changed) {
			t.Errorf("accepted with bit %d of byte %d changed", i%8, i/8)
		}
	}
}

// TestLongIntervals: what does not fit is the longest that does.
func TestLongIntervals(t *testing.T) {
	p := packet.Packet{Multiplier: 1, Mine: 1, DesiredMinTx: 3 * time.Hour, RequiredMinRx: -1}
	var in packet.Packet
	p.State = packet.Down
	if r := packet.Parse(p.Append(nil), &in); r != packet.Accepted || in.DesiredMinTx != (1<<32-1)*time.Microsecond ||
		in.RequiredMinRx != 0 {
		t.Errorf("%s, %v, %v", r, in.DesiredMinTx, in.RequiredMinRx)
	}
}

// FuzzParse: nothing panics, and what is accepted means the same when it is written again.
func FuzzParse(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(bytesOf(f, v[1]))
	}
	key := packet.NewKey(1, "k")
	f.Fuzz(func(t *testing.T, data []byte) {
		var p, again packet.Packet
		if packet.Parse(data, &p) != packet.Accepted {
			return
		}
		key.Verify(data, &p)
		if r := packet.Parse(p.Append(nil), &again); r != packet.Accepted || again != p {
			t.Errorf("%s: %+v became %+v", r, p, again)
		}
	})
}

// TestDigestOfAnother: a digest that was made by other means is accepted.
func TestDigestOfAnother(t *testing.T) {
	for _, v := range vectors(t) {
		if !strings.HasPrefix(v[0], "meticulous") {
			continue
		}
		var p packet.Packet
		data, key := bytesOf(t, v[1]), packet.NewKey(1, "secret")
		if r := packet.Parse(data, &p); r != packet.Accepted || !key.Verify(data, &p) || p.Auth.Sequence != 77 {
			t.Errorf("%s: %s, sequence %d", v[0], r, p.Auth.Sequence)
		}
		return
	}
	t.Error("no vector has a digest")
}
