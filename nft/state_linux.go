package nft

import (
	"fmt"
	"maps"
	"slices"
)

// State is what the kernel has of a table: of what the Table names, and whether
// the table is ours.
type State struct {
	Ours bool
	// Dormant: the table is switched off (NFT_TABLE_F_DORMANT).
	Dormant bool
	// Chains are the comments of the rules of each chain that exists.
	Chains map[string][]string
	// Sets are the elements of each set that exists.
	Sets map[string]map[Key]bool
	// Others are chains and sets whose kind is not the wanted one.
	Others []string
}

// clone is a copy that shares nothing.
func (s *State) clone() *State {
	c := &State{Ours: s.Ours, Dormant: s.Dormant, Chains: maps.Clone(s.Chains), Sets: make(map[string]map[Key]bool)}
	for name, keys := range s.Sets {
		c.Sets[name] = maps.Clone(keys)
	}
	return c
}

// beyond are the elements that are there and not wanted.
func (s *State) beyond(wanted Elements) Elements {
	all := make(Elements)
	if s == nil {
		return all
	}
	for set, keys := range s.Sets {
		for k := range keys {
			if !wanted[set][k] {
				all.put(set, k, true)
			}
		}
	}
	return all
}

// merge are the elements that are wanted or there, if they fit the sets of t,
// without the unwanted ones.
func (s *State) merge(t Table, wanted, unwanted Elements) Elements {
	all := make(Elements)
	for _, set := range t.Sets {
		for k := range s.Sets[set.Name] {
			if len(k) == set.elementBytes() {
				all.put(set.Name, k, true)
			}
		}
	}
	for set, keys := range wanted {
		for k := range keys {
			all.put(set, k, true)
		}
	}
	for set, keys := range unwanted {
		for k := range keys {
			all.put(set, k, false)
		}
	}
	return all
}

// Elements are the elements that sets should have, by the set's name.
type Elements map[string]map[Key]bool

// put adds or strikes out an element.
func (e Elements) put(set string, k Key, there bool) {
	if !there {
		delete(e[set], k)
		return
	}
	if e[set] == nil {
		e[set] = make(map[Key]bool)
	}
	e[set][k] = true
}

// difference writes into tx what makes the kernel have the table and at least
// the wanted elements, and none of unwanted; it returns the state that follows
// and, in words, what was missing of a table that is there, and of the elements
// made before. have is nil when there is no table. Elements that are neither
// wanted nor unwanted stay.
func difference(tx *transaction, t Table, have *State, made, wanted, unwanted Elements) (
	after *State, missing []string) {
	if have == nil {
		tx.addTable(t.Name)
		have = &State{Ours: true, Chains: map[string][]string{}, Sets: map[string]map[Key]bool{}}
	} else if have.Dormant {
		tx.addTable(t.Name) // an update: flags of 0 wake it
		missing = append(missing, "the table was dormant")
	}
	fresh := len(tx.messages) > 0 && len(missing) == 0
	after = have.clone()
	after.Dormant = false
	say := func(what string) {
		if !fresh {
			missing = append(missing, what)
		}
	}
	for _, s := range t.Sets {
		keys := after.Sets[s.Name]
		if keys == nil {
			tx.addSet(t.Name, s)
			say("set " + s.Name)
			keys = make(map[Key]bool)
			after.Sets[s.Name] = keys
		}
		var add, remove []Key
		lost := 0
		for k := range wanted[s.Name] {
			if !keys[k] {
				if made[s.Name][k] {
					lost++
				}
				add = append(add, k)
				keys[k] = true
			}
		}
		for k := range unwanted[s.Name] {
			if keys[k] {
				remove = append(remove, k)
				delete(keys, k)
			}
		}
		if lost > 0 && have.Sets[s.Name] != nil {
			say(fmt.Sprintf("%d elements of set %s", lost, s.Name))
		}
		// Removed first: a map gives one value for a key.
		tx.removeElements(t.Name, s, remove)
		tx.addElements(t.Name, s, add)
	}
	for _, c := range t.Chains {
		rules, there := have.Chains[c.Name]
		want := tx.comments(c)
		switch {
		case !there:
			tx.addChain(t.Name, c)
			say("chain " + c.Name)
		case slices.Equal(rules, want):
			continue
		default:
			tx.flushChain(t.Name, c.Name)
			say("the rules of chain " + c.Name)
		}
		tx.addRules(t.Name, c)
		after.Chains[c.Name] = want
	}
	return after, missing
}
