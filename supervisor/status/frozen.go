package status

import "maps"

// frozen says what of the knowledge is read by others, in a copy that Frozen has made. Such a map is copied before it
// is changed for the first time: with 40,000 real servers that takes milliseconds, and a status a hundred times as
// long.
type frozen struct {
	instances, virtualServers, realServers, checks, inTable bool
	verdicts                                                uint64 // see Verdicts
}

// Frozen is what is known now, for others than the owner to read beside him. It costs next to nothing: what is large
// is shared until the owner changes it. What is known of Histories is not in it.
func (k *Knowledge) Frozen() *Knowledge {
	f := *k
	f.Groups, f.Lower, f.Heard, f.Journals = maps.Clone(k.Groups), maps.Clone(k.Lower), maps.Clone(k.Heard),
		maps.Clone(k.Journals)
	f.Repairs, f.Histories = Repairs{Total: k.Repairs.Told()}, nil
	k.frozen = frozen{true, true, true, true, true, k.frozen.verdicts}
	return &f
}

// Verdicts is another number whenever what the checks or the table say of virtual servers and real servers may be
// another.
func (k *Knowledge) Verdicts() uint64 { return k.frozen.verdicts }

// own makes a map that others read one that may be changed.
func own[K comparable, V any](m *map[K]V, frozen *bool) {
	if *frozen {
		*m, *frozen = maps.Clone(*m), false
	}
}

// keep drops all else.
func keep[K comparable, V any](m *map[K]V, frozen *bool, is func(K) bool) {
	for k := range *m {
		if !is(k) {
			own(m, frozen)
			maps.DeleteFunc(*m, func(k K, _ V) bool { return !is(k) })
			return
		}
	}
}
