package nft

import (
	"errors"
	"fmt"
	"maps"
)

// commitTries is how often a change is tried again because somebody else
// changed the ruleset between our reading it and our writing. After that it is
// written without the condition.
const commitTries = 10

// Keeper keeps one table of ours in the kernel. It works in the network
// namespace of the thread that calls it. One goroutine uses it.
type Keeper struct {
	table Table
	conn  conn
	// wanted are the elements that are to be there.
	wanted Elements
	// have is what the kernel had at a generation; known says whether that is known.
	have       *State
	generation uint32
	known      bool
	// kept: the table is to be there.
	kept bool
	// exact: what is not wanted goes, whoever has made it.
	exact bool
}

// NewKeeper keeps a table. It is put into the kernel by the first Add.
func NewKeeper(t Table) *Keeper {
	return &Keeper{table: t, wanted: make(Elements)}
}

// Add puts an element into a set, and with the first one the table into the
// kernel. added is false when it was there already. The error is ErrForeign when
// the table is somebody else's.
func (k *Keeper) Add(set string, key Key) (added bool, err error) {
	had := false
	_, err = k.apply(
		func(have *State) { had = have != nil && have.Sets[set][key] },
		func(wanted Elements) { wanted.put(set, key, true) }, nil)
	return err == nil && !had, err
}

// Remove takes an element out, whoever has put it there, and with the last one
// of the table the table. It is not an error when there is none, or when the
// table is somebody else's.
func (k *Keeper) Remove(set string, key Key) error {
	if !k.kept {
		have, err := k.look()
		if err != nil {
			return err
		}
		if have == nil || !have.Ours {
			return nil
		}
	}
	unwanted := make(Elements)
	unwanted.put(set, key, true)
	_, err := k.apply(nil, func(wanted Elements) { wanted.put(set, key, false) }, unwanted)
	if errors.Is(err, ErrForeign) {
		return nil
	}
	return err
}

// Put makes the elements of all sets the wanted ones and no others, and goes on doing so:
// what somebody else adds is removed too. All of it is one transaction. Without any
// element the table is removed, unless it is somebody else's, which is no error then.
func (k *Keeper) Put(wanted Elements) error {
	k.exact = true
	_, err := k.apply(nil, func(all Elements) {
		clear(all)
		maps.Copy(all, wanted)
	}, nil)
	if errors.Is(err, ErrForeign) && len(wanted) == 0 {
		return nil
	}
	return err
}

// Packets are the packets that the rules of a chain have counted, rule by rule; those
// without a counter have 0. There are none of a table that is not there.
func (k *Keeper) Packets(chain string) ([]uint64, error) {
	counts, err := k.conn.packets(k.table.Name, chain)
	if err != nil {
		return nil, fmt.Errorf("reading the counters of nftables table inet %s: %w", k.table.Name, err)
	}
	return counts, nil
}

// Verify looks whether the table is as it should be and repairs it in one
// transaction. It says what was missing; that costs one small request while
// nobody changes any ruleset. A table that was never made is none of its business.
func (k *Keeper) Verify() (missing []string, err error) {
	if !k.kept {
		return nil, nil
	}
	return k.apply(nil, nil, nil)
}

// Elements are the elements that the kernel has, of a table that is ours.
func (k *Keeper) Elements() (Elements, error) {
	have, err := k.look()
	if err != nil || have == nil || !have.Ours {
		return nil, err
	}
	return Elements(have.clone().Sets), nil
}

// Close closes the connection. The table stays.
func (k *Keeper) Close() { k.conn.end() }

// look tells what the kernel has, reading it only if it may have changed.
func (k *Keeper) look() (*State, error) {
	if k.known {
		generation, err := k.conn.generation()
		if err != nil {
			return nil, err
		}
		if generation == k.generation {
			return k.have, nil
		}
	}
	var err error
	k.known = false
	k.have, k.generation, err = k.conn.read(k.table)
	k.known = err == nil
	return k.have, err
}

// apply changes the wanted elements and then the kernel.
func (k *Keeper) apply(see func(*State), change func(Elements), unwanted Elements) (missing []string, err error) {
	wanted := make(Elements)
	for set, keys := range k.wanted {
		wanted[set] = maps.Clone(keys)
	}
	if change != nil {
		change(wanted)
	}
	for try := range commitTries {
		have, err := k.look()
		if err != nil {
			return nil, err
		}
		if have != nil && !have.Ours {
			return nil, fmt.Errorf("nftables table inet %s: %w", k.table.Name, ErrForeign)
		}
		if see != nil {
			see(have)
		}
		if k.exact {
			unwanted = have.beyond(wanted)
		}
		tx, after, lost := k.changes(have, wanted, unwanted)
		condition := k.generation
		if try == commitTries-1 {
			condition = 0
		}
		err = k.conn.commit(tx, condition)
		switch {
		case err == errChanged:
			k.known = false
			continue
		case err != nil:
			k.known = false
			return nil, fmt.Errorf("changing nftables table inet %s: %w", k.table.Name, err)
		}
		if !tx.empty() {
			// Ours is the next one; if it is not, the next look reads the table.
			k.have, k.generation, k.known = after, next(k.generation), condition != 0
		}
		k.wanted, k.kept = wanted, after != nil
		return lost, nil
	}
	return nil, fmt.Errorf("changing nftables table inet %s: %w", k.table.Name, errChanged)
}

// changes are what makes the kernel have what is wanted. A table without any
// element is removed; its state after that is nil.
func (k *Keeper) changes(have *State, wanted, unwanted Elements) (tx *transaction, after *State, missing []string) {
	tx = &transaction{}
	base, there := have, have != nil
	if there && len(have.Others) > 0 {
		// A set or a chain of another kind, which cannot be changed in place: the
		// kernel exchanges the two tables in one step.
		tx.removeTable(k.table.Name)
		base, wanted = nil, have.merge(k.table, wanted, unwanted)
	}
	after, missing = difference(tx, k.table, base, k.wanted, wanted, unwanted)
	if !there && k.kept {
		missing = append(missing, "the table")
	}
	for _, keys := range after.Sets {
		if len(keys) > 0 {
			return tx, after, missing
		}
	}
	tx = &transaction{}
	if there {
		tx.removeTable(k.table.Name)
	}
	return tx, nil, nil
}

// next is the generation that follows; the kernel leaves out 0.
func next(generation uint32) uint32 {
	if generation++; generation == 0 {
		generation++
	}
	return generation
}
