package nft

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

const (
	// tableDormant is NFT_TABLE_F_DORMANT.
	tableDormant = 1
	// readTries is how often a table is read that changes meanwhile.
	readTries = 5
)

// attributes reads the attributes behind a message's struct nfgenmsg.
func attributes(m netlink.Message) *netlink.AttributeDecoder {
	const header = 4
	d, err := netlink.NewAttributeDecoder(m.Data[min(header, len(m.Data)):])
	if err != nil {
		d, _ = netlink.NewAttributeDecoder(nil)
	}
	d.ByteOrder = binary.BigEndian
	return d
}

// read tells what the kernel has of a table, and of which generation that is.
// The state is nil when there is no such table.
func (c *conn) read(t Table) (*State, uint32, error) {
	for range readTries {
		before, err := c.generation()
		if err != nil {
			return nil, 0, err
		}
		have, err := c.readOnce(t)
		if err != nil && err != errChanged {
			return nil, 0, fmt.Errorf("reading nftables table %s: %w", t.Name, err)
		}
		after, genErr := c.generation()
		if genErr != nil {
			return nil, 0, genErr
		}
		if err == nil && before == after {
			return have, after, nil
		}
	}
	return nil, 0, fmt.Errorf("reading nftables table %s: %w", t.Name, errChanged)
}

// Marked lists the tables of the family inet in this network namespace that
// carry the mark, sorted.
func Marked() ([]string, error) {
	if notLoaded() {
		return nil, nil
	}
	var c conn
	defer c.end()
	list, err := c.ask(unix.NFT_MSG_GETTABLE, netlink.Dump)
	for n := 1; err == errChanged && n < readTries; n++ {
		list, err = c.ask(unix.NFT_MSG_GETTABLE, netlink.Dump)
	}
	if isUnsupported(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing the tables of nftables: %w", err)
	}
	var names []string
	for _, m := range list {
		name, marked := "", false
		for d := attributes(m); d.Next(); {
			switch d.Type() {
			case unix.NFTA_TABLE_NAME:
				name = d.String()
			case tableUserData:
				marked = readComment(d.Bytes()) == Mark
			}
		}
		if marked {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// notLoaded says that nf_tables is a module which is not loaded: there are no
// tables then, and to ask for them would load it.
func notLoaded() bool {
	modules, err := os.ReadFile("/proc/modules")
	if err != nil || lists(string(modules), "nf_tables") {
		return false
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return false
	}
	files := "/lib/modules/" + unix.ByteSliceToString(u.Release[:]) + "/kernel/net/netfilter/nf_tables.ko*"
	list, err := filepath.Glob(files)
	return err == nil && len(list) > 0
}

// lists says whether the text of /proc/modules, a module a line, has a module.
func lists(modules, name string) bool {
	for line := range strings.Lines(modules) {
		if first, _, _ := strings.Cut(line, " "); first == name {
			return true
		}
	}
	return false
}

func (c *conn) readOnce(t Table) (*State, error) {
	list, err := c.ask(unix.NFT_MSG_GETTABLE, 0, netlink.Attribute{Type: unix.NFTA_TABLE_NAME, Data: text(t.Name)})
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := &State{Chains: make(map[string][]string), Sets: make(map[string]map[Key]bool)}
	marked, unmarked := false, true
	for _, m := range list {
		for d := attributes(m); d.Next(); {
			switch d.Type() {
			case unix.NFTA_TABLE_FLAGS:
				s.Dormant = d.Uint32()&tableDormant != 0
			case tableUserData:
				comment := readComment(d.Bytes())
				marked, unmarked = comment == Mark, comment == ""
			}
		}
	}
	for _, want := range t.Sets {
		if err := c.readSet(t.Name, want, s); err != nil {
			return nil, err
		}
	}
	for _, want := range t.Chains {
		if err := c.readChain(t.Name, want, s); err != nil {
			return nil, err
		}
	}
	// A kernel before 5.10 keeps no user data of tables, and a director before
	// the mark has written none: there its own names tell.
	whole := len(s.Chains) == len(t.Chains) && len(s.Sets) == len(t.Sets)
	s.Ours = marked || unmarked && whole
	return s, nil
}

func (c *conn) readSet(table string, want Set, s *State) error {
	list, err := c.ask(unix.NFT_MSG_GETSET, 0,
		netlink.Attribute{Type: unix.NFTA_SET_TABLE, Data: text(table)},
		netlink.Attribute{Type: unix.NFTA_SET_NAME, Data: text(want.Name)})
	if absent(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("set %s: %w", want.Name, err)
	}
	for _, m := range list {
		for d := attributes(m); d.Next(); {
			const kind = unix.NFT_SET_INTERVAL | unix.NFT_SET_MAP | setConcatenation
			switch {
			case d.Type() == unix.NFTA_SET_KEY_LEN && d.Uint32() != want.Key.Bytes,
				d.Type() == unix.NFTA_SET_DATA_LEN && d.Uint32() != want.Data.Bytes,
				d.Type() == unix.NFTA_SET_FLAGS && d.Uint32()&kind != want.flags():
				s.Others = append(s.Others, "set "+want.Name)
			}
		}
	}
	keys := make(map[Key]bool)
	list, err = c.ask(unix.NFT_MSG_GETSETELEM, netlink.Dump,
		netlink.Attribute{Type: unix.NFTA_SET_ELEM_LIST_TABLE, Data: text(table)},
		netlink.Attribute{Type: unix.NFTA_SET_ELEM_LIST_SET, Data: text(want.Name)})
	if err != nil && !absent(err) {
		return fmt.Errorf("elements of set %s: %w", want.Name, err)
	}
	for _, m := range list {
		for d := attributes(m); d.Next(); {
			if d.Type() == unix.NFTA_SET_ELEM_LIST_ELEMENTS {
				d.Nested(func(elements *netlink.AttributeDecoder) error {
					for elements.Next() {
						elements.Nested(func(e *netlink.AttributeDecoder) error {
							if k := readElement(e); len(k) == want.elementBytes() {
								keys[k] = true
							}
							return nil
						})
					}
					return nil
				})
			}
		}
	}
	s.Sets[want.Name] = keys
	return nil
}

// readElement reads one element: its key, the last key of a range, the data of a map.
func readElement(e *netlink.AttributeDecoder) Key {
	var first, last, data []byte
	for e.Next() {
		part := map[uint16]*[]byte{unix.NFTA_SET_ELEM_KEY: &first, elementKeyEnd: &last,
			unix.NFTA_SET_ELEM_DATA: &data}[e.Type()]
		if part == nil {
			continue
		}
		e.Nested(func(value *netlink.AttributeDecoder) error {
			for value.Next() {
				if value.Type() == unix.NFTA_DATA_VALUE {
					*part = value.Bytes()
				}
			}
			return nil
		})
	}
	return Key(slices.Concat(first, last, data))
}

func (c *conn) readChain(table string, want Chain, s *State) error {
	list, err := c.ask(unix.NFT_MSG_GETCHAIN, 0,
		netlink.Attribute{Type: unix.NFTA_CHAIN_TABLE, Data: text(table)},
		netlink.Attribute{Type: unix.NFTA_CHAIN_NAME, Data: text(want.Name)})
	if absent(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("chain %s: %w", want.Name, err)
	}
	hooked := false
	for _, m := range list {
		for d := attributes(m); d.Next(); {
			if d.Type() == unix.NFTA_CHAIN_HOOK {
				d.Nested(func(h *netlink.AttributeDecoder) error {
					for h.Next() {
						hooked = hooked || h.Type() == unix.NFTA_HOOK_HOOKNUM && h.Uint32() == want.Hook
					}
					return nil
				})
			}
		}
	}
	if !hooked {
		s.Others = append(s.Others, "chain "+want.Name)
	}
	list, err = c.ask(unix.NFT_MSG_GETRULE, netlink.Dump,
		netlink.Attribute{Type: unix.NFTA_RULE_TABLE, Data: text(table)},
		netlink.Attribute{Type: unix.NFTA_RULE_CHAIN, Data: text(want.Name)})
	if err != nil && !absent(err) {
		return fmt.Errorf("rules of chain %s: %w", want.Name, err)
	}
	rules := []string{}
	for _, m := range list {
		var in, of, comment string
		for d := attributes(m); d.Next(); {
			switch d.Type() {
			case unix.NFTA_RULE_TABLE:
				of = d.String()
			case unix.NFTA_RULE_CHAIN:
				in = d.String()
			case unix.NFTA_RULE_USERDATA:
				comment = readComment(d.Bytes())
			}
		}
		if of == table && in == want.Name {
			rules = append(rules, comment)
		}
	}
	s.Chains[want.Name] = slices.Clip(rules)
	return nil
}
