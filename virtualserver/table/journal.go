package table

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
)

// JournalKey is the text under which a service is written to the journal of
// what is ours: "service tcp 10.0.0.1:80", "service tcp [2001:db8::1]:80",
// "service fwmark 5 inet6".
func JournalKey(k conf.ServiceKey) string { return "service " + serviceWords(k) }

// ParseJournalKey is the inverse of JournalKey; ok is false for the keys of
// other owners and for what is not a key.
func ParseJournalKey(text string) (key conf.ServiceKey, ok bool) { return parseKey("service", text) }

// AdoptedKey is the text for a service that was in the kernel before it was ours:
// "adopted tcp 10.0.0.1:80". It stands beside the JournalKey.
func AdoptedKey(k conf.ServiceKey) string { return "adopted " + serviceWords(k) }

// ParseAdoptedKey is the inverse of AdoptedKey.
func ParseAdoptedKey(text string) (key conf.ServiceKey, ok bool) { return parseKey("adopted", text) }

// parseKey reads a service behind a word.
func parseKey(word, text string) (key conf.ServiceKey, ok bool) {
	words := strings.Fields(text)
	if len(words) == 0 || words[0] != word {
		return key, false
	}
	if key, rest, ok := parseService(words[1:]); ok && len(rest) == 0 {
		return key, true
	}
	return conf.ServiceKey{}, false
}

func serviceWords(k conf.ServiceKey) string { return string(appendService(nil, k)) }

func appendService(b []byte, k conf.ServiceKey) []byte {
	if k.FWMark != 0 {
		b = strconv.AppendUint(append(b, "fwmark "...), uint64(k.FWMark), 10)
		if k.IPv6 {
			return append(b, " inet6"...)
		}
		return append(b, " inet"...)
	}
	b = append(append(b, k.Protocol.String()...), ' ')
	return netip.AddrPortFrom(k.Address, k.Port).AppendTo(b)
}

func parseService(words []string) (key conf.ServiceKey, rest []string, ok bool) {
	switch {
	case len(words) >= 3 && words[0] == "fwmark":
		mark, err := strconv.ParseUint(words[1], 10, 32)
		if err != nil || mark == 0 || words[2] != "inet" && words[2] != "inet6" {
			return key, nil, false
		}
		return conf.ServiceKey{FWMark: uint32(mark), IPv6: words[2] == "inet6"}, words[3:], true
	case len(words) >= 2:
		at, err := netip.ParseAddrPort(words[1])
		if err != nil {
			return key, nil, false
		}
		for _, p := range []conf.Protocol{conf.TCP, conf.UDP, conf.SCTP} {
			if p.String() == words[0] {
				return conf.ServiceKey{Protocol: p, Address: at.Addr(), Port: at.Port()}, words[2:], true
			}
		}
	}
	return key, nil, false
}

// NoteKind is what the journal notes of a real server.
type NoteKind string

// The kinds.
const (
	// NoteSent: a weight that was sent to the kernel. The first number is the weight.
	NoteSent NoteKind = "weight"
	// NoteHand: a weight set by hand in the kernel, and the weight that was
	// configured then.
	NoteHand NoteKind = "hand"
	// NoteLeaving: it has left the configuration and finishes its connections, since
	// a time (Unix, seconds) and for so many seconds.
	NoteLeaving NoteKind = "leaving"
)

// Note is what the journal knows of a real server in the kernel's table: what no
// mark in the kernel could say. It is comparable.
type Note struct {
	Kind          NoteKind
	Service       conf.ServiceKey
	Server        conf.ServerKey
	First, Second int64
}

// String is "weight tcp 10.0.0.1:80 10.1.0.1:80 5 0".
func (n Note) String() string {
	b := make([]byte, 0, 96)
	b = append(append(b, n.Kind...), ' ')
	b = append(appendService(b, n.Service), ' ')
	b = netip.AddrPortFrom(n.Server.Address, n.Server.Port).AppendTo(b)
	b = strconv.AppendInt(append(b, ' '), n.First, 10)
	return string(strconv.AppendInt(append(b, ' '), n.Second, 10))
}

// ParseNote reads what String wrote; ok is false for the keys of other owners.
func ParseNote(text string) (n Note, ok bool) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return n, false
	}
	n.Kind = NoteKind(words[0])
	if n.Kind != NoteSent && n.Kind != NoteHand && n.Kind != NoteLeaving {
		return n, false
	}
	key, rest, ok := parseService(words[1:])
	if !ok || len(rest) != 3 {
		return n, false
	}
	at, err := netip.ParseAddrPort(rest[0])
	first, err1 := strconv.ParseInt(rest[1], 10, 64)
	second, err2 := strconv.ParseInt(rest[2], 10, 64)
	n.Service, n.First, n.Second = key, first, second
	n.Server = conf.ServerKey{Address: at.Addr(), Port: at.Port()}
	return n, err == nil && err1 == nil && err2 == nil
}

// LeavingNote is the note on a real server that leaves.
func LeavingNote(service conf.ServiceKey, server conf.ServerKey, d Drain) Note {
	return Note{Kind: NoteLeaving, Service: service, Server: server, First: d.Since.Unix(),
		Second: int64(d.Timeout / time.Second)}
}

// Drain is what LeavingNote was made of.
func (n Note) Drain() Drain {
	return Drain{Since: time.Unix(n.First, 0), Timeout: time.Duration(n.Second) * time.Second,
		UDP: n.Service.Protocol == conf.UDP}
}
