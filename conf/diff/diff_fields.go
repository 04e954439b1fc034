package diff

import (
	"strconv"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/effective"
	"github.com/lvs-director/director/conf/load/keyword"
)

// flatLine is one value of a section with the path to it.
type flatLine struct {
	path, shown, value, secret string
	said                       conf.Pos // where the block itself says it
}

// flatten lists the values of a section and of those inside it. Paths are
// unique: several of one kind are told apart by their number.
func flatten(s keyword.Section, path string, entries bool, list []flatLine) []flatLine {
	for _, x := range s.Settings {
		l := flatLine{path: path + x.Keyword, shown: strings.TrimSpace(path + x.Keyword),
			value: strings.Join(effective.QuoteAll(x.Words), " "), secret: string(x.Secret), said: x.Said}
		if entries {
			l.shown = strings.TrimSpace(path)
			l.value = strings.TrimSpace(x.Keyword + " " + l.value)
		}
		list = append(list, l)
	}
	seen := map[string]int{}
	for _, sub := range s.Sections {
		name := sub.Keyword
		seen[name]++
		if seen[name] > 1 {
			name += "#" + strconv.Itoa(seen[name])
		}
		list = flatten(sub, path+name+" ", valueBlocks[sub.Keyword], list)
	}
	return list
}

// valueBlocks are the blocks whose lines are entries.
var valueBlocks = map[string]bool{
	"virtual_ipaddress": true, "virtual_ipaddress_excluded": true, "virtual_routes": true, "virtual_rules": true,
	"unicast_peer": true, "track_interface": true, "track_script": true, "track_file": true, "track_process": true,
	"track_bfd": true, "track_virtual_server": true, "group": true, "interfaces": true, "notification_email": true,
	"static_ipaddress": true, "static_routes": true, "static_rules": true, "interface_up_down_delays": true, "match": true,
}

// change is a change of a value, and where the values were said: no place for what
// is inherited, a default or not there.
type change struct {
	FieldChange
	oldSaid, newSaid conf.Pos
}

// fields compares two sections value by value.
func fields(before, after keyword.Section) (list []FieldChange) {
	for _, c := range changes(before, after) {
		list = append(list, c.FieldChange)
	}
	return list
}

func changes(before, after keyword.Section) []change {
	olds := flatten(before, "", false, nil)
	of := make(map[string]flatLine, len(olds))
	for i := range olds {
		unique(&olds[i], of)
		of[olds[i].path] = olds[i]
	}
	var list []change
	kept := map[string]flatLine{}
	for _, n := range flatten(after, "", false, nil) {
		unique(&n, kept)
		kept[n.path] = n
		o, ok := of[n.path]
		if ok && o.value == n.value && o.secret == n.secret {
			continue
		}
		list = append(list, change{FieldChange{n.shown, spoken(o, ok), spoken(n, true)}, o.said, n.said})
	}
	for _, o := range olds {
		if _, ok := kept[o.path]; !ok {
			list = append(list, change{FieldChange{o.shown, spoken(o, true), ""}, o.said, conf.Pos{}})
		}
	}
	return list
}

// unique gives the second entry with one first word a path of its own.
func unique(l *flatLine, taken map[string]flatLine) {
	path := l.path
	for i := 2; ; i++ {
		if _, ok := taken[l.path]; !ok {
			return
		}
		l.path = path + "#" + strconv.Itoa(i)
	}
}

// spoken is a value for people: a word that stands alone is on.
func spoken(l flatLine, there bool) string {
	switch {
	case !there:
		return ""
	case l.value == "":
		return "on"
	}
	return l.value
}
