package marks

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/nft"
)

// The tables, and what is in them.
const (
	marksTable   = "director-marks"
	fullNATTable = "director-fullnat"

	arriving = "arriving" // packets from elsewhere
	local    = "local"    // packets of this host's own
	sources  = "sources"

	checkMarksSet = "checks" // the marks that checks set themselves
)

// family is what differs between IPv4 and IPv6.
type family struct {
	number byte
	name   string
	kind   nft.Type
	// The destination in the header, and how many 32-bit registers it takes.
	offset, length, registers uint32
	original                  expr.CtKey // the destination of the connection's first packet
}

var families = []family{
	{unix.NFPROTO_IPV4, "4", nft.TypeIPv4Address, 16, 4, 1, unix.NFT_CT_DST_IP},
	{unix.NFPROTO_IPV6, "6", nft.TypeIPv6Address, 24, 16, 4, unix.NFT_CT_DST_IP6},
}

// Names of the sets of a family.
func (f family) marks() string      { return "marks" + f.name }
func (f family) masquerade() string { return "masquerade" + f.name }
func (f family) pools() string      { return "pools" + f.name }

// firstRegister is NFT_REG32_00.
const firstRegister uint32 = 8

// manglePriority is NF_IP_PRI_MANGLE, and sourcePriority NF_IP_PRI_NAT_SRC.
const (
	manglePriority = -150
	sourcePriority = 100
)

// slots are what the addresses of a pool share.
const slots = 1024

// marking is the table that sets marks.
func marking() nft.Table {
	t := nft.Table{Name: marksTable, Chains: []nft.Chain{
		{Name: arriving, Hook: unix.NF_INET_PRE_ROUTING, Priority: manglePriority},
		{Name: local, Hook: unix.NF_INET_LOCAL_OUT, Priority: manglePriority},
	}, Sets: []nft.Set{{Name: checkMarksSet, Key: nft.TypeMark}}}
	for _, f := range families {
		t.Sets = append(t.Sets, nft.Set{Name: f.marks(), Interval: true, Data: nft.TypeMark,
			Key: nft.Concat(f.kind, nft.TypeProtocol, nft.TypePort)})
		for i := range t.Chains {
			c := &t.Chains[i]
			c.Rules = append(c.Rules, f.countMarked(c.Name == local), f.setMark())
		}
	}
	return t
}

// countMarked counts the packets of our lists that somebody else has marked. IPVS sends
// what it forwards through the hook of local packets, with our mark on it; only what has
// a socket is this host's own, and our checks as_client and those with a fwmark mark it
// themselves. What arrives by the loopback was in that hook.
func (f family) countMarked(own bool) nft.Rule {
	r := nft.Rule{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: firstRegister},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: firstRegister, Data: make([]byte, 4)},
	}
	if own {
		mask := ^(conf.FirstCheckMark ^ conf.LastCheckMark)
		r = append(r,
			&expr.Bitwise{SourceRegister: firstRegister, DestRegister: firstRegister, Len: 4,
				Mask: binary.NativeEndian.AppendUint32(nil, mask), Xor: make([]byte, 4)},
			&expr.Cmp{Op: expr.CmpOpNeq, Register: firstRegister,
				Data: binary.NativeEndian.AppendUint32(nil, conf.FirstCheckMark)},
			&expr.Meta{Key: expr.MetaKeyMARK, Register: firstRegister},
			&expr.Lookup{SourceRegister: firstRegister, SetName: checkMarksSet, Invert: true},
			&expr.Meta{Key: expr.MetaKeySKUID, Register: firstRegister}) // ends the rule without a socket
	} else {
		r = append(r, &expr.Meta{Key: expr.MetaKeyIIFTYPE, Register: firstRegister},
			&expr.Cmp{Op: expr.CmpOpNeq, Register: firstRegister,
				Data: binary.NativeEndian.AppendUint16(nil, unix.ARPHRD_LOOPBACK)})
	}
	r = append(r, f.destination()...)
	return append(r, f.lookup(f.marks()), &expr.Counter{})
}

// setMark gives the mark of the map to packets that have none.
func (f family) setMark() nft.Rule {
	r := nft.Rule{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: firstRegister},
		&expr.Cmp{Op: expr.CmpOpEq, Register: firstRegister, Data: make([]byte, 4)},
	}
	r = append(r, f.destination()...)
	return append(r, f.lookup(f.marks()),
		&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: firstRegister})
}

// destination loads a packet's destination, protocol and port into the registers.
func (f family) destination() nft.Rule {
	at := firstRegister + f.registers
	return nft.Rule{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: firstRegister},
		&expr.Cmp{Op: expr.CmpOpEq, Register: firstRegister, Data: []byte{f.number}},
		f.address(firstRegister),
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: at},
		&expr.Payload{DestRegister: at + 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
	}
}

// address loads the destination address.
func (f family) address(register uint32) expr.Any {
	return &expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: f.offset, Len: f.length}
}

// lookup ends the rule unless the registers are a key of the map, and loads what it gives.
func (f family) lookup(set string) expr.Any {
	return &expr.Lookup{SourceRegister: firstRegister, DestRegister: firstRegister, IsDestRegSet: true, SetName: set}
}

// fullNAT is the table that rewrites sources.
func fullNAT() nft.Table {
	t := nft.Table{Name: fullNATTable, Chains: []nft.Chain{
		{Name: sources, Type: "nat", Hook: unix.NF_INET_POST_ROUTING, Priority: sourcePriority}}}
	c := &t.Chains[0]
	for _, f := range families {
		connection := []nft.Type{f.kind, nft.TypeProtocol, nft.TypePort, f.kind}
		t.Sets = append(t.Sets,
			nft.Set{Name: f.masquerade(), Interval: true, Key: nft.Concat(connection...)},
			nft.Set{Name: f.pools(), Interval: true, Data: f.kind,
				Key: nft.Concat(append(connection, nft.TypeInteger)...)})

		own := append(f.connection(), &expr.Lookup{SourceRegister: firstRegister, SetName: f.masquerade()},
			&expr.Counter{}, &expr.Masq{})
		slot := firstRegister + 2*f.registers + 2
		pool := append(f.connection(),
			&expr.Numgen{Register: slot, Modulus: slots, Type: unix.NFT_NG_RANDOM},
			&expr.Byteorder{SourceRegister: slot, DestRegister: slot, Op: expr.ByteorderHton, Len: 4, Size: 4},
			f.lookup(f.pools()), &expr.Counter{},
			&expr.NAT{Type: expr.NATTypeSourceNAT, Family: uint32(f.number), RegAddrMin: firstRegister})
		c.Rules = append(c.Rules, own, pool)
	}
	return t
}

// connection loads the destination of the connection's first packet, and this packet's
// destination address.
func (f family) connection() nft.Rule {
	at := firstRegister + f.registers
	return nft.Rule{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: firstRegister},
		&expr.Cmp{Op: expr.CmpOpEq, Register: firstRegister, Data: []byte{f.number}},
		// Not NFT_CT_DST, which fits both families: nft(8) does not know its length and aborts
		// when it lists the rule.
		nft.Original{Ct: &expr.Ct{Key: f.original, Register: firstRegister}},
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: at},
		nft.Original{Ct: &expr.Ct{Key: expr.CtKeyPROTODST, Register: at + 1}},
		f.address(at + 2),
	}
}

// elements are the elements of both tables.
func (r Rules) elements() (marks, sources nft.Elements) {
	marks, sources = make(nft.Elements), make(nft.Elements)
	put := func(all nft.Elements, e element) {
		if all[e.set] == nil {
			all[e.set] = make(map[nft.Key]bool)
		}
		all[e.set][e.key] = true
	}
	for _, m := range r.Marks {
		put(marks, m.element())
	}
	for _, m := range r.Checks {
		put(marks, element{checkMarksSet, nft.Key(binary.NativeEndian.AppendUint32(nil, m))})
	}
	for _, s := range r.Sources {
		for _, e := range r.sourceElements(s) {
			put(sources, e)
		}
	}
	return marks, sources
}

func (m Mark) element() element {
	first, last := m.ends()
	data := binary.NativeEndian.AppendUint32(nil, m.Mark)
	return element{familyOf(m.First).marks(), nft.Key(slices.Concat(first, last, data))}
}

// sourceElements are those of one source, one for each address of its pool.
func (r Rules) sourceElements(s Source) (list []element) {
	first, last := s.ends()
	first, last = append(first, s.Server.AsSlice()...), append(last, s.Server.AsSlice()...)
	pool := r.Pools[s.Pool]
	if len(pool) == 0 {
		return []element{{familyOf(s.First).masquerade(), nft.Key(slices.Concat(first, last))}}
	}
	for i, a := range pool {
		from := binary.BigEndian.AppendUint32(slices.Clip(first), uint32(i*slots/len(pool)))
		to := binary.BigEndian.AppendUint32(slices.Clip(last), uint32((i+1)*slots/len(pool)-1))
		list = append(list, element{familyOf(s.First).pools(), nft.Key(slices.Concat(from, to, a.AsSlice()))})
	}
	return list
}

func familyOf(a netip.Addr) family {
	if a.Is4() {
		return families[0]
	}
	return families[1]
}

// ends are the first and the last key of the packets: address, protocol, port.
func (p Packets) ends() (first, last []byte) {
	end := func(a netip.Addr, protocol conf.Protocol, port uint16) []byte {
		b := append(a.AsSlice(), byte(protocol), 0, 0, 0)
		return append(binary.BigEndian.AppendUint16(b, port), 0, 0)
	}
	return end(p.First, p.FirstProtocol, p.Ports.First), end(p.Last, p.LastProtocol, p.Ports.Last)
}
