package nft

import (
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// packets reads the counters of a chain's rules, in their order.
func (c *conn) packets(table, chain string) ([]uint64, error) {
	list, err := c.ask(unix.NFT_MSG_GETRULE, netlink.Dump,
		netlink.Attribute{Type: unix.NFTA_RULE_TABLE, Data: text(table)},
		netlink.Attribute{Type: unix.NFTA_RULE_CHAIN, Data: text(chain)})
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var counts []uint64
	for _, m := range list {
		var in, of string
		var count uint64
		for d := attributes(m); d.Next(); {
			switch d.Type() {
			case unix.NFTA_RULE_TABLE:
				of = d.String()
			case unix.NFTA_RULE_CHAIN:
				in = d.String()
			case unix.NFTA_RULE_EXPRESSIONS:
				d.Nested(func(list *netlink.AttributeDecoder) error {
					for list.Next() {
						list.Nested(func(e *netlink.AttributeDecoder) error {
							count += counted(e)
							return nil
						})
					}
					return nil
				})
			}
		}
		if of == table && in == chain {
			counts = append(counts, count)
		}
	}
	return counts, nil
}

// counted are the packets of an expression, if it is a counter.
func counted(e *netlink.AttributeDecoder) (packets uint64) {
	name := ""
	for e.Next() {
		switch e.Type() {
		case unix.NFTA_EXPR_NAME:
			name = e.String()
		case unix.NFTA_EXPR_DATA:
			if name != "counter" {
				continue
			}
			e.Nested(func(data *netlink.AttributeDecoder) error {
				for data.Next() {
					if data.Type() == unix.NFTA_COUNTER_PACKETS {
						packets = data.Uint64()
					}
				}
				return nil
			})
		}
	}
	return packets
}
