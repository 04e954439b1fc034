package packet

import (
	"encoding/binary"
	"time"
)

// The ports that Control packets are sent to.
const (
	PortSingleHop = 3784 // RFC 5881 section 4
	PortMultihop  = 4784 // RFC 5883 section 5
)

// Sizes in bytes.
const (
	HeaderSize = 24 // without authentication
	MaxSize    = HeaderSize + sha1Size
)

// State is a session's state as it is on the wire.
type State uint8

// The states (section 4.1).
const (
	AdminDown State = iota
	Down
	Init
	Up
)

// String is the state in the words of the RFC.
func (s State) String() string { return [...]string{"AdminDown", "Down", "Init", "Up"}[s&3] }

// Diagnostic says why a session left the state Up last, or why it does not come there.
type Diagnostic uint8

// The diagnostics that this program sends (section 4.1).
const (
	NoDiagnostic         Diagnostic = 0
	TimeExpired          Diagnostic = 1
	NeighborSaidDown     Diagnostic = 3
	AdministrativelyDown Diagnostic = 7
)

var diagnostics = [...]string{
	"no diagnostic", "control detection time expired", "echo function failed", "neighbor signaled session down",
	"forwarding plane reset", "path down", "concatenated path down", "administratively down",
	"reverse concatenated path down",
}

// String is the diagnostic in the words of the RFC.
func (d Diagnostic) String() string {
	if int(d) < len(diagnostics) {
		return diagnostics[d]
	}
	return "reserved diagnostic"
}

// Packet is a Control packet. Intervals are in microseconds on the wire: 0 to 4294.967295 s.
type Packet struct {
	Diagnostic  Diagnostic // 0..31
	State       State
	Poll, Final bool
	// Independent is the C bit: the sender's control plane may restart without an effect on BFD.
	Independent    bool
	Demand         bool
	Multiplier     uint8
	Mine, Yours    uint32 // discriminators, of the sender and of the receiver
	DesiredMinTx   time.Duration
	RequiredMinRx  time.Duration
	RequiredEchoRx time.Duration
	Auth           Auth
}

// flags of the second byte.
const (
	flagPoll        = 1 << 5
	flagFinal       = 1 << 4
	flagIndependent = 1 << 3
	flagAuth        = 1 << 2
	flagDemand      = 1 << 1
	flagMultipoint  = 1 << 0
)

const version = 1

// Parse reads a Control packet into p and makes the checks of RFC 5880 section 6.8.6
// that need no session. What follows the packet in the datagram does not count.
func Parse(data []byte, p *Packet) Reason {
	switch {
	case len(data) < HeaderSize:
		return Truncated
	case data[0]>>5 != version:
		return BadVersion
	}
	length, flags := int(data[3]), data[1]
	switch {
	case length < HeaderSize, flags&flagAuth != 0 && length < HeaderSize+2, length > len(data):
		return BadLength
	case data[2] == 0:
		return ZeroMultiplier
	case flags&flagMultipoint != 0:
		return Multipoint
	}
	*p = Packet{
		Diagnostic:     Diagnostic(data[0] & 0x1f),
		State:          State(flags >> 6),
		Poll:           flags&flagPoll != 0,
		Final:          flags&flagFinal != 0,
		Independent:    flags&flagIndependent != 0,
		Demand:         flags&flagDemand != 0,
		Multiplier:     data[2],
		Mine:           binary.BigEndian.Uint32(data[4:]),
		Yours:          binary.BigEndian.Uint32(data[8:]),
		DesiredMinTx:   interval(data[12:]),
		RequiredMinRx:  interval(data[16:]),
		RequiredEchoRx: interval(data[20:]),
	}
	switch {
	case p.Mine == 0:
		return ZeroDiscriminator
	case p.Yours == 0 && p.State != Down && p.State != AdminDown:
		return NoYourDiscriminator
	case p.Poll && p.Final:
		return PollAndFinal
	}
	if flags&flagAuth != 0 {
		return p.Auth.parse(data[HeaderSize:length])
	}
	return Accepted
}

// Append writes the packet behind b. With authentication the digest is left
// empty: Seal makes it.
func (p *Packet) Append(b []byte) []byte {
	flags := byte(p.State&3) << 6
	for _, f := range [...]struct {
		set bool
		bit byte
	}{{p.Poll, flagPoll}, {p.Final, flagFinal}, {p.Independent, flagIndependent}, {p.Demand, flagDemand},
		{p.Auth.Type != 0, flagAuth}} {
		if f.set {
			flags |= f.bit
		}
	}
	length := HeaderSize
	if p.Auth.Type != 0 {
		length += sha1Size
	}
	b = append(b, version<<5|byte(p.Diagnostic)&0x1f, flags, p.Multiplier, byte(length))
	b = binary.BigEndian.AppendUint32(b, p.Mine)
	b = binary.BigEndian.AppendUint32(b, p.Yours)
	for _, d := range [...]time.Duration{p.DesiredMinTx, p.RequiredMinRx, p.RequiredEchoRx} {
		b = binary.BigEndian.AppendUint32(b, microseconds(d))
	}
	if p.Auth.Type != 0 {
		b = p.Auth.append(b)
	}
	return b
}

func interval(b []byte) time.Duration {
	return time.Duration(binary.BigEndian.Uint32(b)) * time.Microsecond
}

// microseconds is what an interval is on the wire: one that is too long is the longest.
func microseconds(d time.Duration) uint32 {
	return uint32(min(max(d.Microseconds(), 0), 1<<32-1))
}
