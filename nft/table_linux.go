package nft

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Mark is the comment that a table of ours carries in its user data. It is
// what tells it from one that an operator has made, whatever became of our files.
const Mark = "made by director: do not edit"

// ErrForeign: there is a table of the wanted name that is not director's.
var ErrForeign = errors.New("the table is not director's")

// Table is a table of the family inet as it should be. The elements of its sets
// are the Keeper's.
type Table struct {
	Name   string
	Sets   []Set
	Chains []Chain
}

// Set is a named set that rules look into, or a map.
type Set struct {
	Name string
	Key  Type
	// Interval: an element is a range of keys, whose last one follows the first. The key
	// is a concatenation then, and has what matches if each of its fields is in its range.
	Interval bool
	// Data is what a map gives for a key; the zero value is that of a set.
	Data Type
}

// elementBytes is the length of an element: the first key, the last one and the data.
func (s Set) elementBytes() int {
	n := int(s.Key.Bytes)
	if s.Interval {
		n *= 2
	}
	return n + int(s.Data.Bytes)
}

// split are the parts of an element; last and data are empty when the set has none.
func (s Set) split(k Key) (first, last, data []byte) {
	n := int(s.Key.Bytes)
	first, rest := []byte(k[:n]), []byte(k[n:])
	if s.Interval {
		last, rest = rest[:n], rest[n:]
	}
	return first, last, rest
}

// flags are NFT_SET_* (linux/netfilter/nf_tables.h).
func (s Set) flags() (flags uint32) {
	if s.Interval {
		flags |= unix.NFT_SET_INTERVAL | setConcatenation
	}
	if s.Data.Bytes > 0 {
		flags |= unix.NFT_SET_MAP
	}
	return flags
}

// setConcatenation is NFT_SET_CONCAT.
const setConcatenation = 0x80

// Type is the type of the keys of a set: its number, by which nft prints it
// (TYPE_* in nft's datatype.h), and its length in bytes.
type Type struct {
	Number uint32
	Bytes  uint32
	// HostOrder says that the bytes are in the order of this host and not the network's.
	HostOrder bool
	// fields are the lengths of what a concatenation is made of, nil of other types.
	// Each takes a multiple of 4 bytes of the key.
	fields []uint32
}

// Concat is the type of several keys after each other.
func Concat(types ...Type) Type {
	var all Type
	for _, t := range types {
		all.Number = all.Number<<6 | t.Number // as nft's concat_subtype_add
		all.Bytes += (t.Bytes + 3) &^ 3
		all.fields = append(all.fields, t.Bytes)
	}
	return all
}

// The types of keys.
var (
	TypeInteger     = Type{Number: 4, Bytes: 4}
	TypeIPv4Address = Type{Number: 7, Bytes: 4}
	TypeIPv6Address = Type{Number: 8, Bytes: 16}
	TypeProtocol    = Type{Number: 12, Bytes: 1}
	TypePort        = Type{Number: 13, Bytes: 2}
	TypeMark        = Type{Number: 19, Bytes: 4, HostOrder: true}
)

// Chain is a base chain with the policy accept.
type Chain struct {
	Name string
	// Type is "filter", which empty means too, or "nat".
	Type string
	// Hook is one of NF_INET_* (linux/netfilter.h), Priority its place there.
	Hook     uint32
	Priority int32
	Rules    []Rule
}

// Rule is what one rule matches and does.
type Rule []expr.Any

// Key is one element of a set: the bytes of its key in network order. With ranges the
// first key and the last one, with a map the data behind.
type Key string

// Original loads what the first packet of the connection had (NFT_CT_*), whatever way
// this one goes. Of keys that the library does not know as such it leaves the direction
// out.
type Original struct{ *expr.Ct }

func (o Original) encode() ([]byte, error) {
	number := func(typ uint16, n uint32) netlink.Attribute {
		return netlink.Attribute{Type: typ, Data: binary.BigEndian.AppendUint32(nil, n)}
	}
	const original = 0 // IP_CT_DIR_ORIGINAL
	data, err := netlink.MarshalAttributes([]netlink.Attribute{number(unix.NFTA_CT_KEY, uint32(o.Key)),
		number(unix.NFTA_CT_DREG, o.Register), {Type: unix.NFTA_CT_DIRECTION, Data: []byte{original}}})
	if err != nil {
		return nil, err
	}
	return netlink.MarshalAttributes([]netlink.Attribute{
		{Type: unix.NFTA_EXPR_NAME, Data: []byte("ct\x00")},
		{Type: unix.NLA_F_NESTED | unix.NFTA_EXPR_DATA, Data: data},
	})
}

// encode is the rule in netlink's form.
func (r Rule) encode() ([]byte, error) {
	list := make([]netlink.Attribute, len(r))
	for i, e := range r {
		data, err := expr.Marshal(unix.NFPROTO_INET, e)
		if o, ok := e.(Original); ok {
			data, err = o.encode()
		}
		if err != nil {
			return nil, fmt.Errorf("encoding expression %d of an nftables rule: %w", i, err)
		}
		list[i] = netlink.Attribute{Type: unix.NLA_F_NESTED | unix.NFTA_LIST_ELEM, Data: data}
	}
	return netlink.MarshalAttributes(list)
}

// comment is what the rule's user data say: by it the rule is known to be as
// it should be. Compared as the kernel shows it, it would depend on the kernel.
func comment(encoded []byte) string {
	sum := sha256.Sum256(encoded)
	return "director " + hex.EncodeToString(sum[:6])
}

// commentType is NFTNL_UDATA_TABLE_COMMENT and NFTNL_UDATA_RULE_COMMENT of libnftnl.
const commentType = 0

// userData is a comment in the form that nft writes and shows: type, length, text.
func userData(comment string) []byte {
	text := append([]byte(comment), 0)
	return append([]byte{commentType, byte(len(text))}, text...)
}

// hostOrder are user data by which nft knows the byte order of a map's data.
func hostOrder() []byte {
	const dataByteOrder, hostEndian = 1, 1 // NFTNL_UDATA_SET_DATABYTEORDER, BYTEORDER_HOST_ENDIAN
	return append([]byte{dataByteOrder, 4}, binary.NativeEndian.AppendUint32(nil, hostEndian)...)
}

// readComment is the inverse; user data without a comment have an empty one.
func readComment(data []byte) string {
	for len(data) >= 2 {
		kind, n := data[0], int(data[1])
		if n > len(data)-2 {
			return ""
		}
		if kind == commentType {
			return strings.TrimRight(string(data[2:2+n]), "\x00")
		}
		data = data[2+n:]
	}
	return ""
}

func number(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }

func text(s string) []byte { return append([]byte(s), 0) }
