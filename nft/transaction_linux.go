package nft

import (
	"cmp"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

const (
	// tableUserData is NFTA_TABLE_USERDATA (linux/netfilter/nf_tables.h), which
	// a kernel before 5.10 does not know and ignores.
	tableUserData = 6
	// policyAccept is NF_ACCEPT.
	policyAccept = 1
	// setUserData is NFTA_SET_USERDATA.
	setUserData = 13
	// elementKeyEnd is NFTA_SET_ELEM_KEY_END.
	elementKeyEnd = 10
	// elementsAtOnce is how many elements one message has: their attribute may
	// have no more than 64 KiB.
	elementsAtOnce = 300
)

// transaction collects changes that the kernel makes all at once or not at all.
type transaction struct {
	messages []netlink.Message
	err      error // of encoding
}

func (tx *transaction) empty() bool { return len(tx.messages) == 0 }

// add appends a message about a table of the family inet.
func (tx *transaction) add(kind uint16, flags netlink.HeaderFlags, attrs ...netlink.Attribute) {
	data, err := netlink.MarshalAttributes(attrs)
	if err != nil {
		tx.err = fmt.Errorf("encoding a change of nftables: %w", err)
		return
	}
	tx.messages = append(tx.messages, message(kind, flags, data))
}

// message is a netlink message of nftables about the family inet.
func message(kind uint16, flags netlink.HeaderFlags, data []byte) netlink.Message {
	return netlink.Message{
		Header: netlink.Header{
			Type:  netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | kind),
			Flags: netlink.Request | flags,
		},
		Data: append([]byte{unix.NFPROTO_INET, unix.NFNETLINK_V0, 0, 0}, data...), // struct nfgenmsg
	}
}

// addTable makes a table that carries the mark, or wakes one that is dormant.
func (tx *transaction) addTable(name string) {
	tx.add(unix.NFT_MSG_NEWTABLE, netlink.Create,
		netlink.Attribute{Type: unix.NFTA_TABLE_NAME, Data: text(name)},
		netlink.Attribute{Type: unix.NFTA_TABLE_FLAGS, Data: number(0)},
		netlink.Attribute{Type: tableUserData, Data: userData(Mark)})
}

// removeTable removes a table with all that is in it.
func (tx *transaction) removeTable(name string) {
	tx.add(unix.NFT_MSG_DELTABLE, 0, netlink.Attribute{Type: unix.NFTA_TABLE_NAME, Data: text(name)})
}

func (tx *transaction) addSet(table string, s Set) {
	attrs := []netlink.Attribute{
		{Type: unix.NFTA_SET_TABLE, Data: text(table)},
		{Type: unix.NFTA_SET_NAME, Data: text(s.Name)},
		{Type: unix.NFTA_SET_FLAGS, Data: number(s.flags())},
		{Type: unix.NFTA_SET_KEY_TYPE, Data: number(s.Key.Number)},
		{Type: unix.NFTA_SET_KEY_LEN, Data: number(s.Key.Bytes)},
		{Type: unix.NFTA_SET_ID, Data: number(uint32(len(tx.messages) + 1))},
	}
	if s.Data.Bytes > 0 {
		attrs = append(attrs, netlink.Attribute{Type: unix.NFTA_SET_DATA_TYPE, Data: number(s.Data.Number)},
			netlink.Attribute{Type: unix.NFTA_SET_DATA_LEN, Data: number(s.Data.Bytes)})
		if s.Data.HostOrder {
			attrs = append(attrs, netlink.Attribute{Type: setUserData, Data: hostOrder()})
		}
	}
	if s.Interval {
		description, err := fieldLengths(s.Key.fields)
		if err != nil {
			tx.err = fmt.Errorf("encoding nftables set %s: %w", s.Name, err)
			return
		}
		attrs = append(attrs, netlink.Attribute{Type: unix.NLA_F_NESTED | unix.NFTA_SET_DESC, Data: description})
	}
	tx.add(unix.NFT_MSG_NEWSET, netlink.Create|netlink.Excl, attrs...)
}

// fieldLengths are the attributes that describe a concatenation.
func fieldLengths(fields []uint32) ([]byte, error) {
	const concatenation, fieldLength = 2, 1 // NFTA_SET_DESC_CONCAT, NFTA_SET_FIELD_LEN
	e := netlink.NewAttributeEncoder()
	e.Nested(concatenation, func(list *netlink.AttributeEncoder) error {
		for _, n := range fields {
			list.Nested(unix.NFTA_LIST_ELEM, func(field *netlink.AttributeEncoder) error {
				field.Bytes(fieldLength, number(n))
				return nil
			})
		}
		return nil
	})
	return e.Encode()
}

func (tx *transaction) addElements(table string, set Set, keys []Key) {
	tx.elements(unix.NFT_MSG_NEWSETELEM, netlink.Create, table, set, keys)
}

func (tx *transaction) removeElements(table string, set Set, keys []Key) {
	tx.elements(unix.NFT_MSG_DELSETELEM, 0, table, set, keys)
}

func (tx *transaction) elements(kind uint16, flags netlink.HeaderFlags, table string, set Set, keys []Key) {
	for len(keys) > 0 {
		some := keys[:min(len(keys), elementsAtOnce)]
		keys = keys[len(some):]
		e := netlink.NewAttributeEncoder()
		e.Bytes(unix.NFTA_SET_ELEM_LIST_TABLE, text(table))
		e.Bytes(unix.NFTA_SET_ELEM_LIST_SET, text(set.Name))
		e.Nested(unix.NFTA_SET_ELEM_LIST_ELEMENTS, func(list *netlink.AttributeEncoder) error {
			for _, k := range some {
				list.Nested(unix.NFTA_LIST_ELEM, func(element *netlink.AttributeEncoder) error {
					first, last, data := set.split(k)
					value(element, unix.NFTA_SET_ELEM_KEY, first)
					value(element, elementKeyEnd, last)
					value(element, unix.NFTA_SET_ELEM_DATA, data)
					return nil
				})
			}
			return nil
		})
		data, err := e.Encode()
		if err != nil {
			tx.err = fmt.Errorf("encoding elements of nftables set %s: %w", set.Name, err)
			return
		}
		tx.messages = append(tx.messages, message(kind, flags, data))
	}
}

// value writes a value, if there is one.
func value(e *netlink.AttributeEncoder, kind uint16, data []byte) {
	if len(data) > 0 {
		e.Nested(kind, func(v *netlink.AttributeEncoder) error {
			v.Bytes(unix.NFTA_DATA_VALUE, data)
			return nil
		})
	}
}

// addChain makes a chain that has no rules yet.
func (tx *transaction) addChain(table string, c Chain) {
	hook, err := netlink.MarshalAttributes([]netlink.Attribute{
		{Type: unix.NFTA_HOOK_HOOKNUM, Data: number(c.Hook)},
		{Type: unix.NFTA_HOOK_PRIORITY, Data: number(uint32(c.Priority))},
	})
	if err != nil {
		tx.err = fmt.Errorf("encoding the hook of nftables chain %s: %w", c.Name, err)
		return
	}
	tx.add(unix.NFT_MSG_NEWCHAIN, netlink.Create|netlink.Excl,
		netlink.Attribute{Type: unix.NFTA_CHAIN_TABLE, Data: text(table)},
		netlink.Attribute{Type: unix.NFTA_CHAIN_NAME, Data: text(c.Name)},
		netlink.Attribute{Type: unix.NLA_F_NESTED | unix.NFTA_CHAIN_HOOK, Data: hook},
		netlink.Attribute{Type: unix.NFTA_CHAIN_POLICY, Data: number(policyAccept)},
		netlink.Attribute{Type: unix.NFTA_CHAIN_TYPE, Data: text(cmp.Or(c.Type, "filter"))})
}

// flushChain removes all rules of a chain.
func (tx *transaction) flushChain(table, chain string) {
	tx.add(unix.NFT_MSG_DELRULE, 0,
		netlink.Attribute{Type: unix.NFTA_RULE_TABLE, Data: text(table)},
		netlink.Attribute{Type: unix.NFTA_RULE_CHAIN, Data: text(chain)})
}

func (tx *transaction) addRules(table string, c Chain) {
	for _, r := range c.Rules {
		encoded, err := r.encode()
		if err != nil {
			tx.err = err
			return
		}
		tx.add(unix.NFT_MSG_NEWRULE, netlink.Create|netlink.Append,
			netlink.Attribute{Type: unix.NFTA_RULE_TABLE, Data: text(table)},
			netlink.Attribute{Type: unix.NFTA_RULE_CHAIN, Data: text(c.Name)},
			netlink.Attribute{Type: unix.NLA_F_NESTED | unix.NFTA_RULE_EXPRESSIONS, Data: encoded},
			netlink.Attribute{Type: unix.NFTA_RULE_USERDATA, Data: userData(comment(encoded))})
	}
}

// comments are those of a chain's rules, in their order.
func (tx *transaction) comments(c Chain) []string {
	list := make([]string, len(c.Rules))
	for i, r := range c.Rules {
		encoded, err := r.encode()
		if err != nil {
			tx.err = err
		}
		list[i] = comment(encoded)
	}
	return list
}
