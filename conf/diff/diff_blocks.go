package diff

import (
	"slices"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/effective"
	"github.com/lvs-director/director/conf/load/keyword"
)

// Fixed are the changes that need a restart.
func Fixed(before, after *conf.Config) (list []FieldChange) {
	for _, f := range []FieldChange{
		{"net_namespace", before.NetworkNamespace, after.NetworkNamespace},
		{"net_namespace_ipvs", before.IPVSNamespace, after.IPVSNamespace},
		{"instance", before.InstanceName, after.InstanceName},
	} {
		if f.Old != f.New {
			list = append(list, f)
		}
	}
	return list
}

// unnamed compares the blocks of the top level that have no name.
func unnamed(before, after *conf.Config) []FieldChange {
	flat := func(c *conf.Config) keyword.Section {
		s := keyword.Section{Sections: keyword.Show(c, keyword.Root, c, nil, nil).Sections}
		s.Sections = append(s.Sections, keyword.Show(c, keyword.SSL, &c.SSL, nil, nil))
		s.Sections = append(s.Sections, keyword.Show(c, keyword.Metrics, &c.Metrics, nil, nil))
		s.Sections = append(s.Sections, effective.WebSection(c))
		for _, p := range c.Peers {
			one := effective.PeerSection(c, p)
			one.Settings = slices.DeleteFunc(one.Settings, func(s keyword.Setting) bool { return s.From == "default" })
			one.Keyword += " " + one.Words[0] + " " + one.Words[1]
			s.Sections = append(s.Sections, one)
		}
		s.Sections = append(s.Sections, keyword.Show(c, keyword.StatusSocket, &c.StatusSocket, nil, nil))
		for i := range c.GARPGroups {
			s.Sections = append(s.Sections, keyword.Show(c, keyword.GARPGroup, &c.GARPGroups[i], nil, nil))
		}
		return s
	}
	return fields(flat(before), flat(after))
}

func (d *Difference) others(before, after *conf.Config) {
	type key struct{ block, name string }
	collect := func(c *conf.Config) (keys []key, of map[key]keyword.Section) {
		of = map[key]keyword.Section{}
		for _, s := range effective.Named(c) {
			k := key{s.Keyword, strings.Join(s.Words, " ")}
			keys = append(keys, k)
			of[k] = s
		}
		return keys, of
	}
	oldKeys, olds := collect(before)
	newKeys, news := collect(after)
	for _, k := range newKeys {
		c := NamedChange{Action: Added, Block: k.block, Name: k.name}
		if old, ok := olds[k]; ok {
			c.Action = Untouched
			if c.Fields = fields(old, news[k]); len(c.Fields) > 0 {
				c.Action = Changed
			}
		}
		d.Others = append(d.Others, c)
	}
	for _, k := range oldKeys {
		if _, ok := news[k]; !ok {
			d.Others = append(d.Others, NamedChange{Action: Removed, Block: k.block, Name: k.name})
		}
	}
}
