package resource

import (
	"cmp"
	"strings"
)

// Kind orders resources as they are made: an address may need a setting and
// must not come before its filter, a route needs an address, and a rule leads
// to the routes of a table. They are removed in the reverse order.
type Kind uint8

// The kinds.
const (
	KindSetting Kind = iota
	KindFilter
	KindAddress
	KindRoute
	KindRule
)

// String is the kind in words.
func (k Kind) String() string {
	return [...]string{"setting", "filter", "address", "route", "rule"}[min(k, KindRule)]
}

// Key names a resource. Its dynamic types are AddressKey, FilterKey, RouteKey,
// RuleKey and SettingKey; two keys are equal (==) when they name the same thing.
type Key interface {
	Kind() Kind
	// Journal is the key in the words of the journal; ParseJournal is the inverse.
	Journal() string
	// Attrs are the key as attributes of a log line.
	Attrs() []any
	// String is the key in words, with its kind: "address 10.0.0.1/32 on eth0".
	String() string
}

// Resource is something that can be in the kernel, with all that the kernel
// has to be told to make it.
type Resource interface {
	Key() Key
	// Tracked says that it is put back when something else removes it, and that
	// its owner needs the interfaces it is on (without no_track).
	Tracked() bool
	// TrackGroup is the track_group of a static one.
	TrackGroup() string
	// Devices are the interfaces that it is on or leads to.
	Devices() []string
	// same says whether another resource of the same key is the same to the kernel.
	same(Resource) bool
	create(*Kernel) error
	// remove removes what has the key. It is not an error when nothing has.
	remove(*Kernel) error
}

// Same says whether two lists are the same to the kernel.
func Same(a, b []Resource) bool {
	if len(a) != len(b) {
		return false
	}
	for n := range a {
		if a[n].Key() != b[n].Key() || !a[n].same(b[n]) {
			return false
		}
	}
	return true
}

// NeededDevices are the interfaces that must be up for a resource.
func NeededDevices(r Resource) []string {
	if !r.Tracked() {
		return nil
	}
	return r.Devices()
}

// ParseJournal reads a key of the journal, as far as is needed to remove what
// it names. ok is false for keys of other packages (virtual MAC interfaces).
func ParseJournal(key string) (r Resource, ok bool) {
	kind, rest, _ := strings.Cut(key, " ")
	switch kind {
	case "address":
		r, ok = parseAddress(rest)
	case "route":
		r, ok = parseRoute(rest)
	case "rule":
		r, ok = parseRule(rest)
	case "filter":
		r, ok = parseFilter(rest)
	case "setting":
		r, ok = parseSetting(rest)
	}
	if !ok {
		return nil, false
	}
	return r, true
}

// Compare sorts keys as resources are made, and those of one kind by their text.
func Compare(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Kind(), b.Kind()), cmp.Compare(a.Journal(), b.Journal()))
}

func named(names ...string) []string {
	var list []string
	for _, n := range names {
		if n != "" {
			list = append(list, n)
		}
	}
	return list
}
